"""Hold the calls of a desk at text level: the real call, its rules and ledger; typed words, scripted engines, no time.

What is proven is the agent's flow, its wording and what it does outside. How well it hears is not.
"""

import asyncio
import re
from collections.abc import Mapping
from math import comb
from typing import Literal

from msgspec import Struct

from lineside.agents.knowledge.agent_knowledge import read_knowledge
from lineside.agents.tasks.state import TaskState
from lineside.audio.vad import LoudnessVad
from lineside.call.call_tools import CallTools
from lineside.call.fillers import PHRASES
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import LinesideError
from lineside.protocol import FirstMessage, ReplyText
from lineside.records.entries import Entry, ReplyKept
from lineside.records.event_log import EventLog
from lineside.rehearse.caller import RehearsalCaller
from lineside.rehearse.scenario import Expect, RehearsalDesk, Scenario, State
from lineside.rehearse.stand_in import BackEndStandIn
from lineside.replay.jumping_loop import JumpingLoop
from lineside.settings import complete_settings
from lineside.task_events import SlotFilled

FailureKind = Literal[
    "no_tool", "twice", "forbidden_tool", "wrong_slot", "not_heard", "forbidden_words", "state", "silence", "loop",
    "end", "not_run",
]  # fmt: skip
UNKNOWN = "I'm sorry, I don't know that."  # what the scripted model answers to everything


class Shortfall(Struct, frozen=True):
    """Something that should have come of a call, and did not."""

    kind: FailureKind
    what: str


class HeldCall(Struct, frozen=True):
    """One call of one scenario."""

    failures: tuple[Shortfall, ...]
    conversation: tuple[tuple[str, str], ...]
    seconds: float  # of the call


class ScenarioResult(Struct, frozen=True):
    """A scenario and its runs."""

    scenario: Scenario
    runs: tuple[HeldCall, ...]

    @property
    def passed(self) -> int:
        """Runs without a failure."""
        return sum(not run.failures for run in self.runs)

    def pass_all(self, k: int) -> float:
        """The chance that k runs in a row pass, from these: C(passed, k) / C(runs, k)."""
        return comb(self.passed, k) / comb(len(self.runs), k) if len(self.runs) >= k else 0.0


def rehearse(desk: RehearsalDesk, runs: int = 1) -> list[ScenarioResult]:
    """Hold every scenario so many times; the first as it is written, the others in slightly other words and paces."""
    return [
        ScenarioResult(scenario, tuple(_on_virtual_time(desk, scenario, seed) for seed in range(runs)))
        for scenario in desk.scenarios
    ]


def _on_virtual_time(desk: RehearsalDesk, scenario: Scenario, seed: int) -> HeldCall:
    try:
        with asyncio.Runner(loop_factory=lambda: JumpingLoop(clock=lambda: 0.0)) as runner:
            return runner.run(_hold(desk, scenario, seed))
    except LinesideError as fault:
        return HeldCall((Shortfall("not_run", str(fault)),), (), 0.0)


async def _hold(desk: RehearsalDesk, scenario: Scenario, seed: int) -> HeldCall:
    back_end = BackEndStandIn(desk.state, {**desk.tools, **scenario.tools})
    moved: list[TaskState] = []
    entries: list[Entry] = []
    caller = RehearsalCaller(scenario, lambda: moved[-1].asked if moved else None, seed)
    tts = CachedTTS(ScriptedTTS())
    for phrase in PHRASES:
        await tts.keep(phrase)
    names = dict.fromkeys(("stt", "llm", "tts"), "scripted")
    call = CallSession(
        caller,
        FirstMessage(codec="pcm"),
        agent=desk.agent,
        engines=Engines(ScriptedSTT(), ScriptedLLM(answers=[UNKNOWN]), tts, names, tts),
        settings=complete_settings()(_env_file=None, turn_profile="silence"),  # type: ignore[call-arg]
        vad=LoudnessVad(),
        observers=(EventLog(scenario.name, entries.append),),
        tools=CallTools(back_end, f"{scenario.name} {seed}", _kept, moved.append, lambda: desk.today),
        knowledge=await read_knowledge(desk.agent, None),
    )
    began = asyncio.get_running_loop().time()
    reason = await call.run()
    seconds = asyncio.get_running_loop().time() - began
    conversation = _conversation(entries)
    failures = [
        *_tools(scenario.expect, back_end),
        *_words(scenario.expect, caller, conversation),
        *_state(desk.state, scenario.expect, back_end.state),
    ]
    if scenario.expect.ends is not None and reason != scenario.expect.ends:
        failures.append(Shortfall("end", f"the call ended as {reason}, not {scenario.expect.ends}"))
    if caller.lines > scenario.expect.turns_most:
        failures.append(Shortfall("loop", f"{caller.lines} turns; at most {scenario.expect.turns_most}"))
    return HeldCall(tuple(failures), conversation, round(seconds, 1))


def _conversation(entries: list[Entry]) -> tuple[tuple[str, str], ...]:
    """What the caller said, and the words that reached them."""
    replies = {entry.reply: entry for entry in entries if isinstance(entry, ReplyKept)}  # the last word on each
    said = [(("user", reply.heard), ("assistant", reply.reached)) for _, reply in sorted(replies.items())]
    return tuple(part for both in said for part in both if part[1])


async def _kept() -> bool:
    return True  # a rehearsal keeps no records, and touches nothing that would need one


def _tools(expect: Expect, back_end: BackEndStandIn) -> list[Shortfall]:
    found = []
    for wanted in expect.tools:
        times = sum(
            use.tool == wanted.tool and all(use.arguments.get(name) == value for name, value in wanted.given.items())
            for use in back_end.used
        )
        if times < wanted.times:
            found.append(Shortfall("no_tool", f"{wanted.tool} with {wanted.given}: {times}, not {wanted.times}"))
        elif times > wanted.times:
            found.append(Shortfall("twice", f"{wanted.tool} with {wanted.given}: {times}, not {wanted.times}"))
    used = {use.tool for use in back_end.used}
    return [*found, *(Shortfall("forbidden_tool", name) for name in expect.no_tools if name in used)]


def _words(expect: Expect, caller: RehearsalCaller, conversation: tuple[tuple[str, str], ...]) -> list[Shortfall]:
    heard = " ".join(text for role, text in conversation if role == "assistant")
    said = " ".join(event.text for event in caller.events if isinstance(event, ReplyText))
    slots = {event.slot: event.value for event in caller.events if isinstance(event, SlotFilled)}
    found = [Shortfall("not_heard", each) for each in expect.heard if not re.search(each, heard, re.IGNORECASE)]
    found += [Shortfall("forbidden_words", each) for each in expect.never_said if re.search(each, said, re.IGNORECASE)]
    found += [
        Shortfall("wrong_slot", f"{name} is {slots.get(name, 'empty')}, not {value}")
        for name, value in expect.slots.items()
        if slots.get(name) != value
    ]
    if caller.longest_silence > expect.silence_most:
        found.append(Shortfall("silence", f"{caller.longest_silence:.1f} s without a word"))
    return found


def _state(before: State, expect: Expect, after: State) -> list[Shortfall]:
    """The whole end state: tables that are named as they are written, all others as they were."""
    wanted: Mapping[str, object] = {**before, **expect.state}
    return [
        Shortfall("state", f"{table} is {after.get(table, {})}, not {wanted.get(table, {})}")
        for table in sorted({*wanted, *after})
        if wanted.get(table, {}) != after.get(table, {})
    ]
