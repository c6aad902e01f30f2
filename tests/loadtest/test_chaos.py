"""The parts of `bench/chaos` that can be wrong without anybody noticing: its score, its picture, its cable."""

import asyncio
import xml.etree.ElementTree as ET
from typing import Any

from bench.chaos.cable import cable
from bench.chaos.picture import drawing, picture
from bench.chaos.score import Allowed, Happening, Kept, Outcome, score

from lineside.loadtest.plan import CallResult, TurnResult
from lineside.loadtest.results import WELL


def turn(call: str, number: int, **told: Any) -> TurnResult:
    """A question that was heard and answered after a second and a half."""
    given: dict[str, Any] = {"first_ms": 1500.0, "seconds": 3.0, "transcript": f"When will line {number} work again?"}
    return TurnResult(call, "a recording", 2.0, **(given | told))


def scored(*ends: str, turns: list[TurnResult], kept: Kept, allowed: Allowed = Allowed()) -> Outcome:  # noqa: B008 - a value
    """Calls that ended so."""
    calls = [CallResult(f"{number}.0", 0.5, 10.0, reason) for number, reason in enumerate(ends)]
    return score("test", "something breaks", [Happening(5.0, "it <breaks>")], calls, turns, kept, allowed)


def heard(*numbers: int) -> list[str]:
    """What a database has of these questions."""
    return [f"When will line {number} work again?" for number in numbers]


def test_callers_who_were_all_answered_and_written_down_are_no_fault() -> None:
    """Though the database has more of their questions than they were told of."""
    outcome = scored(WELL, WELL, turns=[turn("0.0", 1), turn("1.0", 2)], kept=Kept(2, heard(1, 2, 3)))
    assert (outcome.taken, outcome.answered, outcome.longest_wait, outcome.faults) == (2, 2, 1.5, [])


def test_whatever_a_caller_or_a_record_misses_is_a_fault_of_its_own() -> None:
    """A call cut, one refused, a question not answered, a record and a question that nobody wrote down."""
    turns = [turn("0.0", 1), turn("0.0", 2, missing=True), turn("1.0", 3, missing=True)]
    outcome = scored(WELL, "line_lost", "refused", turns=turns, kept=Kept(1, heard(1, 2)))
    assert outcome.faults == [
        "1 calls cut, 0 allowed",
        "1 calls refused, 0 allowed",
        "1 questions not answered, 0 allowed",
        "1 calls without a record, 0 allowed",
        "1 questions in no record, 0 allowed",
        "at 0.5 s, for 10.0 s: line_lost",
        "at 0.5 s, for 10.0 s: refused",
    ]


def test_the_calls_of_a_gateway_that_is_killed_may_be_cut_and_no_others() -> None:
    """With the words of their last second."""
    turns, kept = [turn("0.0", 1), turn("1.0", 2)], Kept(2, heard(1))
    assert scored(WELL, "line_lost", turns=turns, kept=kept, allowed=Allowed(cut=1, words=1)).faults == []
    more = scored("line_lost", "line_lost", turns=turns, kept=kept, allowed=Allowed(cut=1, words=1))
    assert more.faults[0] == "2 calls cut, 1 allowed"


def test_where_nobody_called_nothing_was_shown() -> None:
    """A scenario in which no call was taken is not a good one."""
    assert scored(turns=[], kept=Kept(0, [])).faults == ["nobody was answered"]


def test_the_picture_has_a_row_for_each_caller_and_shows_what_broke() -> None:
    """Answers, long gaps, long waits and cut calls each in their colour, and names that are text and no markup."""
    turns = [turn("0.0", 1), turn("1.0", 2, first_ms=9000.0), turn("1.0", 3, first_ms=None)]
    turns.append(turn("1.0", 4, worst_gap_ms=2100.0))
    outcome = scored(WELL, "line_lost", turns=turns, kept=Kept(2, heard(1, 2, 3, 4)))
    drawn = ET.fromstring(drawing(outcome))  # noqa: S314 - our own
    kinds = [box.get("class") for box in drawn.iter("rect")]
    assert {kind: kinds.count(kind) for kind in kinds} == {"call": 2, "answer": 2, "broken": 1, "wait": 2, "cut": 1}
    assert len({box.get("y") for box in drawn.iter("rect")}) == 2
    assert "it <breaks>" in [text.text for text in drawn.iter("text")]
    assert "1 calls cut, 0 allowed" in picture([outcome], "two callers")


def test_a_cable_that_is_pulled_holds_back_and_breaks_nothing() -> None:
    """What was sent meanwhile arrives afterwards; a connection that is made meanwhile is made then."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while word := await reader.read(100):
            writer.write(word)
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, cable("127.0.0.1", server.sockets[0].getsockname()[1]) as laid:
            reader, writer = await asyncio.open_connection("127.0.0.1", laid.port)
            writer.write(b"whole")
            assert await reader.read(100) == b"whole"
            laid.pull()
            later_reader, later = await asyncio.open_connection("127.0.0.1", laid.port)
            writer.write(b"pulled")
            later.write(b"later")
            answers = [asyncio.ensure_future(reader.read(100)), asyncio.ensure_future(later_reader.read(100))]
            for _ in range(50):  # the loop has had all the time it wants
                await asyncio.sleep(0)
            assert not any(answer.done() for answer in answers)
            laid.plug_in()
            assert await asyncio.gather(*answers) == [b"pulled", b"later"]
            writer.close()
            later.close()

    asyncio.run(story())
