"""How often tools are used and callers call, over all calls: counted from the records, over restarts too."""

import asyncio
import time
from pathlib import Path

from msgspec.structs import replace

from lineside.agents.declared import Limits, Tool
from lineside.gateway.use_limits import UseLimits
from lineside.records.archive import Archive
from lineside.records.business_entries import BusinessLog
from lineside.records.entries import CallBegan
from lineside.records.use_counts import UseCounts, calls_by, tool_uses
from lineside.task_events import ToolCalled, ToolState
from lineside.transports.call_facts import CallFacts
from tests.call.fixtures import AGENT
from tests.records.test_business import settings

ANN, BOB = "+15550101234", "+15550105678"
NOW = 1_000_000.0
HOUR = 3600.0


def began(call: str, at: float, caller: str = ANN, line: str = "sip", direction: str = "inbound") -> CallBegan:
    return CallBegan(
        call=call, keeper="me", began=at, line=line, codec="pcm", rate=16000, caller=caller, mode="conversation",
        agent="Test", stt="", llm="", llm_model="", tts="", tts_voice="", recording="none", direction=direction,
    )  # fmt: skip


def use(archive: Archive, call: str, number: int = 1, state: ToolState = "ok", tool: str = "book_visit") -> None:
    log = BusinessLog(call, archive.keep)
    for each in ("running", state):
        log.on_event(ToolCalled(at=30.0, turn=1, number=number, tool=tool, effect="writes", state=each))


def fill(archive: Archive, now: float) -> None:
    """Ann used it twice today and once yesterday, Bob once this hour; tests and refusals do not count."""
    calls = [
        began("a1", now - 600), began("a2", now - 5 * HOUR), began("a3", now - 30 * HOUR), began("b1", now - 60, BOB),
        began("t1", now - 60, ANN, "test"), began("o1", now - 60, ANN, direction="outbound"), began("n1", now - 60, ""),
    ]  # fmt: skip
    for one in calls:
        archive.keep(one)
    for call in ("a1", "a2", "a3", "b1", "t1", "n1"):
        use(archive, call)
    use(archive, "a1", 2, "refused")
    use(archive, "a1", 3, tool="other")


def test_uses_are_counted_over_calls_and_restarts(tmp_path: Path) -> None:
    """In the last hour, in the last 24, and of those the caller's own."""

    async def story() -> tuple[UseCounts, UseCounts, UseCounts, UseCounts]:
        async with Archive(settings(tmp_path)).opened() as archive:
            fill(archive, NOW)
        async with Archive(settings(tmp_path)).opened() as archive:  # another process, later
            return (
                await archive.ask(lambda db: tool_uses(db, "book_visit", ANN, NOW)),
                await archive.ask(lambda db: tool_uses(db, "book_visit", "", NOW)),
                await archive.ask(lambda db: calls_by(db, ANN, NOW)),
                await archive.ask(lambda db: calls_by(db, "+1", NOW)),
            )

    anns, nobodys, called, never = asyncio.run(story())
    assert anns == UseCounts(hour=3, day=4, day_by_caller=2)
    assert nobodys.day_by_caller == 0, "those who give no number are not one caller"
    assert called == UseCounts(hour=1, day=2, day_by_caller=2)
    assert never == UseCounts()


BOOK = Tool("Books.", http="POST https://erp.internal/visits", confirm="Shall I?")


def test_a_tool_stops_at_each_of_its_limits(tmp_path: Path) -> None:
    """What is asked for is among what is kept: the third use passes a limit of three, and the fourth does not."""
    limits = {
        "most_an_hour": (3, 2),
        "most_a_day": (4, 3),
        "most_a_day_by_caller": (2, 1),
    }

    async def story() -> dict[str, tuple[bool, bool]]:
        async with Archive(settings(tmp_path)).opened() as archive:
            fill(archive, time.time())
            of_ann = UseLimits(archive, CallFacts(line="sip", caller=ANN))
            return {
                name: (
                    await of_ann.tool_over("book_visit", replace(BOOK, **{name: enough})),
                    await of_ann.tool_over("book_visit", replace(BOOK, **{name: short})),
                )
                for name, (enough, short) in limits.items()
            }

    assert asyncio.run(story()) == dict.fromkeys(limits, (False, True))


def test_where_nothing_is_kept_a_tool_with_a_limit_is_not_used() -> None:
    """And one without a limit is; callers are answered."""
    nothing = UseLimits(None, CallFacts(line="sip", caller=ANN))
    assert asyncio.run(nothing.tool_over("book_visit", replace(BOOK, most_a_day=5)))
    assert not asyncio.run(nothing.tool_over("book_visit", BOOK))
    agent = replace(AGENT, limits=Limits(calls_by_caller_an_hour=1))
    assert asyncio.run(nothing.refusal(agent)) == ""


def test_who_calls_too_often_is_told_so(tmp_path: Path) -> None:
    """By the hour and by the day; others, calls of ours and those without a number are answered."""

    async def story() -> list[str]:
        async with Archive(settings(tmp_path)).opened() as archive:
            fill(archive, time.time())
            ann, bob = CallFacts(line="sip", caller=ANN), CallFacts(line="sip", caller=BOB)
            often = replace(AGENT, limits=Limits(calls_by_caller_a_day=1, too_often="Enough."))
            asked = [(ann, often), (bob, often), (CallFacts(line="sip"), often), (ann, AGENT)]
            asked += [(replace(ann, direction="outbound"), often)]
            asked += [(ann, replace(AGENT, limits=Limits(calls_by_caller_an_hour=1)))]
            return [await UseLimits(archive, facts).refusal(agent) for facts, agent in asked]

    assert asyncio.run(story()) == ["Enough.", "", "", "", "", ""]
