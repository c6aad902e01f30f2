"""Whatever callers, tools and engines do, and when: no write twice, none unconfirmed, none that nobody was told of.

`python -m tests.call.test_any_schedule 100000` runs so many schedules; the tests run some.
"""

import random
import sys
from collections import Counter

import pytest
from msgspec import Struct

from lineside.agents.templates import reached
from lineside.agents.tools.outcome import Outcome
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedTTS
from lineside.protocol import HangUp, Text
from lineside.task_events import ToolCalled
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks, Doing
from tests.call.fixtures import FinishedCall
from tests.call.test_dialog import SlowTools, call, says

LINES = (
    "book an engineer",
    "book an engineer for Friday",
    "one two three four five",
    "12345",
    "Friday",
    "yes",
    "Yes, please.",
    "yes",
    "yes",
    "yes, but on Thursday",
    "no",
    "no, Monday",
    "what?",
    "where is my order",
    "how much is it?",
    "never mind",
    "hello?",
    "24680",
    "I mean Wednesday",
    "book an engineer for 12345 on Monday",
)
KINDS = ("ok", "ok", "ok", "failed", "refused", "unknown", "timeout")


class Schedule(Struct):
    """What happens in one call."""

    script: list[Doing]
    tools: SlowTools
    tts_fails: int
    llm_fails: int
    keeps: bool
    stays: bool  # the caller waits long enough at the end to be told everything


def schedule(seed: int) -> Schedule:
    """Anything that may happen, from one number."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    script: list[Doing] = []
    if dice.random() < 0.7:  # most calls come as far as a read-back
        script += says("book an engineer for Friday", dice.uniform(0.2, 4)) + says(
            "12345", dice.choice([0.3, 2, 4, 9, 9, 9])
        )
        script += says("yes", dice.uniform(0.1, 10))
    for _ in range(dice.randint(0, 6)):
        if dice.random() < 0.3:
            script += [CallerSpeaks(dice.uniform(0.1, 2.0)), CallerSilent(dice.uniform(0.1, 3))]
        script += says(dice.choice(LINES), dice.choice([0.02, 0.3, 1, 2, 5, 10, 10]))
    stays = dice.random() < 0.6
    script += [CallerSilent(45.0)] if stays else [CallerSends(HangUp()), CallerSilent(0.1)]
    booked = Outcome(dice.choice(KINDS), {"reference": "B47"})  # type: ignore[arg-type]
    return Schedule(
        script,
        SlowTools(dice.choice([0.0, 0.05, 0.5, 2, 6, 7.9, 12]), book_visit=booked),
        dice.choice([0, 0, 0, 1, 3]),
        dice.choice([0, 0, 1, 9]),
        dice.random() < 0.9,
        stays,
    )


async def not_kept() -> bool:
    return False


async def kept() -> bool:
    return True


def held(plan: Schedule) -> FinishedCall:
    return call(
        plan.script,
        tools=plan.tools,
        kept=kept if plan.keeps else not_kept,
        tts=ScriptedTTS(fails=plan.tts_fails),
        llm=ScriptedLLM(fails=plan.llm_fails),
    )


def broken(plan: Schedule, over: FinishedCall) -> list[str]:
    """Promises that were not kept."""
    found = []
    writes = [key for tool, key in plan.tools.used if tool == "book_visit"]
    found += [f"double: {key}" for key, times in Counter(writes).items() if times > 1]
    heard = " ".join(text for role, text in over.conversation if role == "assistant")
    events = [event for event in over.all(ToolCalled) if event.effect == "writes"]
    for event in events:
        if event.state == "running" and plan.keeps:
            order, day = (" ".join(event.arguments["order_number"]), int(event.arguments["day"][-2:]))
            digits = f"{order[:5]}, {order[6:]}"
            if not reached(digits, heard) or not reached(f"December {day}", heard):
                found.append(f"unconfirmed: {event.arguments}")
    typed = [doing.message for doing in plan.script if isinstance(doing, CallerSends)]
    yes = sum(isinstance(message, Text) and "yes" in message.text.lower() for message in typed)
    found += ["more writes than yeses"] if len(writes) > yes else []
    found += ["written without a record"] if writes and not plan.keeps else []
    ended = {event.number for event in events if event.state not in {"running", "told"}}
    begun = {event.number for event in events if event.state == "running"}
    told = {event.number for event in events if event.state == "told"}
    found += ["no outcome"] if begun - ended else []
    found += ["unowed"] if plan.stays and plan.tts_fails == 0 and begun - told else []
    return found


@pytest.mark.parametrize("first", range(0, 40, 20), ids=str)
def test_whatever_happens_every_write_is_confirmed_done_once_and_told(first: int) -> None:
    """Twenty calls of random words, pauses, interruptions, tools and failures."""
    for seed in range(first, first + 20):
        plan = schedule(seed)
        assert broken(plan, held(plan)) == [], seed


if __name__ == "__main__":
    begin, many = int((sys.argv[2:] or ["0"])[0]), int(sys.argv[1])
    writes = faults = 0
    for seed in range(begin, begin + many):
        plan = schedule(seed)
        faults_now = broken(plan, held(plan))
        writes += sum(tool == "book_visit" for tool, _ in plan.tools.used)
        if faults_now:
            faults += 1
            print(seed, faults_now)
    print(f"{many} schedules, {writes} writes, {faults} broken")
