"""What should have come of a call, compared with what did. Pure."""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from lineside.agents.tools.outcome import Use
from lineside.protocol import EndReason, ReplyText, ServerMessage
from lineside.rehearse.results import Shortfall
from lineside.rehearse.scenario import Expect, State
from lineside.task_events import SlotFilled


class WhatCame(Struct, frozen=True):
    """What is known of a call that was held."""

    events: Sequence[ServerMessage]
    conversation: tuple[tuple[str, str], ...]
    used: Sequence[Use]
    before: State
    after: State
    reason: EndReason
    lines: int  # that the caller said, without those that only repaired something
    longest_silence: float  # seconds between the caller's words and the first sound of the reply


def shortfalls(expect: Expect, came: WhatCame) -> list[Shortfall]:
    """All that fell short."""
    found = [*_tools(expect, came.used), *_words(expect, came), *_state(expect, came.before, came.after)]
    if expect.ends is not None and came.reason != expect.ends:
        found.append(Shortfall("end", f"the call ended as {came.reason}, not {expect.ends}"))
    if came.lines > expect.turns_most:
        found.append(Shortfall("loop", f"{came.lines} turns; at most {expect.turns_most}"))
    return found


def _tools(expect: Expect, used: Sequence[Use]) -> list[Shortfall]:
    found = []
    for wanted in expect.tools:
        times = sum(
            use.tool == wanted.tool and all(use.arguments.get(name) == value for name, value in wanted.given.items())
            for use in used
        )
        if times < wanted.times:
            found.append(Shortfall("no_tool", f"{wanted.tool} with {wanted.given}: {times}, not {wanted.times}"))
        elif times > wanted.times:
            found.append(Shortfall("twice", f"{wanted.tool} with {wanted.given}: {times}, not {wanted.times}"))
    names = {use.tool for use in used}
    return [*found, *(Shortfall("forbidden_tool", name) for name in expect.no_tools if name in names)]


def _words(expect: Expect, came: WhatCame) -> list[Shortfall]:
    heard = " ".join(text for role, text in came.conversation if role == "assistant")
    said = " ".join(event.text for event in came.events if isinstance(event, ReplyText))
    slots = {event.slot: event.value for event in came.events if isinstance(event, SlotFilled)}
    found = [Shortfall("not_heard", each) for each in expect.heard if not re.search(each, heard, re.IGNORECASE)]
    found += [Shortfall("forbidden_words", each) for each in expect.never_said if re.search(each, said, re.IGNORECASE)]
    found += [
        Shortfall("wrong_slot", f"{name} is {slots.get(name, 'empty')}, not {value}")
        for name, value in expect.slots.items()
        if slots.get(name) != value
    ]
    if came.longest_silence > expect.silence_most:
        found.append(Shortfall("silence", f"{came.longest_silence:.1f} s without a word"))
    return found


def _state(expect: Expect, before: State, after: State) -> list[Shortfall]:
    """The whole end state: tables that are named as they are written, all others as they were."""
    wanted: Mapping[str, object] = {**before, **expect.state}
    return [
        Shortfall("state", f"{table} is {after.get(table, {})}, not {wanted.get(table, {})}")
        for table in sorted({*wanted, *after})
        if wanted.get(table, {}) != after.get(table, {})
    ]
