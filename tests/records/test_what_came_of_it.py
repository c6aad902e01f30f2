"""What came of a call: who answered, what nobody could answer, an operator's note, tags and outcome."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lineside.protocol import (
    AgentWords,
    AnsweredBy,
    AudioStarted,
    ReplyMetrics,
    ReplyText,
    Transcript,
    TransferRequested,
    TurnEnded,
    Unanswered,
)
from lineside.records import queries, writes
from lineside.records.database import Database
from lineside.records.entries import CallBegan, CallQuery, PersonAsked, ReplyKept, UnansweredQuestions
from lineside.records.event_log import EventLog
from lineside.records.unanswered import UnansweredQuery, unanswered
from tests.records.fixtures import RecordingGateway, with_records
from tests.records.test_history import call

JOE = AnsweredBy("piper", "en_US-joe-medium", "kokoro", "too slow")
KATHLEEN = AnsweredBy("piper", "en_US-kathleen-low")
QWEN = AnsweredBy("embedded", "qwen3-0.6b")


def test_who_answered_and_what_was_said_meanwhile_is_kept_with_the_reply() -> None:
    """The filler stays apart from the answer's words."""
    entries: list[Any] = []
    log = EventLog("one", entries.append)
    for event in (
        TurnEnded(at=1.5, turn=1),
        Transcript(at=1.6, turn=1, reply=1, text="Do you sell phones?", latency_ms=100.0),
        Unanswered(at=1.7, turn=1, reply=1, why="not_known"),
        AudioStarted(at=2.0, turn=1, reply=1, latency_ms=500.0, filler=True),
        AgentWords(at=2.0, turn=1, reply=1, text="Let me see. ", ends=0.8, filler=True),
        AgentWords(at=3.0, turn=1, reply=1, text="I don't know. ", ends=1.8),
        ReplyMetrics(at=3.0, turn=1, reply=1, e2e_ms=1500.0, engines={"tts": JOE}),
    ):
        log.on_event(event)
    kept = entries[-1]
    assert isinstance(kept, ReplyKept)
    assert (kept.filler, kept.reached) == ("Let me see.", "I don't know.")
    assert (kept.unanswered, kept.engines) == ("not_known", {"tts": JOE})


def test_a_caller_who_asks_for_a_person_is_flagged_before_the_reply_is_over() -> None:
    """A process that dies in between loses no wish; an operator's transfer is no question without an answer."""
    entries: list[Any] = []
    log = EventLog("one", entries.append)
    log.on_event(Transcript(at=1.6, turn=1, reply=1, text="A person, please.", latency_ms=100.0))
    log.on_event(TransferRequested(at=1.7, turn=1, reply=1, by="caller"))
    assert PersonAsked(call="one") in entries
    assert entries[-1].unanswered == "asked_for_person"
    before = len(entries)
    log.on_event(TransferRequested(at=9.0, turn=1, by="operator"))
    assert entries[before:] == [PersonAsked(call="one")]


def test_calls_are_found_by_what_came_of_them(tmp_path: Path, records_url: str) -> None:
    """By a question without an answer, another engine, a wish for a person, an operator's outcome, tags and words."""

    async def story() -> None:
        store = Database(records_url, tmp_path)
        for number in range(4):
            await store.write(call(number))
        one, two, three = (f"{number:08x}" for number in (1, 2, 3))
        began, reply, _ = call(1)
        assert isinstance(began, CallBegan)
        assert isinstance(reply, ReplyKept)
        await store.write([replace(reply, unanswered="not_known", engines={"tts": JOE})])
        await store.write([PersonAsked(call=two)])
        async with store.transaction() as connection:
            written = await writes.annotate(connection, three, outcome="solved", tags=["vip", " bill ", "vip"])
            assert written is not None
            assert written.tags == ("bill", "vip")
            note = await writes.annotate(connection, three, note="Ärger mit der Rechnung")
            assert note is not None
            assert (note.outcome, note.note) == ("solved", "Ärger mit der Rechnung")
            assert await writes.annotate(connection, "none", note="x") is None

        async def found(**asked: Any) -> list[str]:
            async with store.transaction() as connection:
                page = await queries.page(connection, CallQuery(**asked), indexed=store.indexed)
            assert page.total == len(page.calls)
            return [each.id for each in page.calls]

        assert await found(unanswered=True) == [one]
        assert await found(fallback=True) == [one]
        assert one not in await found(fallback=False)
        assert await found(asked_for_person=True) == [two]
        assert await found(search='"asked for a person"') == [two]
        assert await found(outcome="solved") == await found(tag="vip") == await found(search="arger") == [three]
        assert await found(tag="vi") == []
        assert await found(tag="%") == []
        async with store.transaction() as connection:
            whole = await queries.whole(connection, one)
        assert whole is not None
        assert whole.turns[0].engines == {"tts": JOE}
        assert (whole.call.unanswered, whole.call.fallbacks) == (1, 1)
        assert whole.call.answered == {"tts": JOE}
        later = replace(reply, reply=99, engines={"tts": KATHLEEN, "llm": QWEN})
        await store.write([later, replace(later, reply=100, engines={"tts": KATHLEEN})])
        async with store.transaction() as connection:
            listed = {each.id: each.answered for each in (await queries.page(connection)).calls}
        assert (listed[one], listed[two]) == ({"tts": KATHLEEN, "llm": QWEN}, {})
        await store.write(call(3))  # a spool that is replayed
        assert await found(tag="bill") == [three]
        await store.close()

    asyncio.run(story())


ASKED = (
    ("Do you sell mobile phones?", "not_known"),
    ("Um, do you sell mobile phones, please?", "not_known"),
    ("Which mobile phone do you sell?", "not_known"),
    ("What is the weather?", "not_known"),
    ("I want to speak to a human", "asked_for_person"),
    ("An agent please", "asked_for_person"),
    ("Do you sell mobile phones?", "engine_failed"),
)


def asked(tmp_path: Path, url: str, **query: Any) -> UnansweredQuestions:
    async def story() -> UnansweredQuestions:
        store = Database(url, tmp_path)
        for number, (heard, why) in enumerate(ASKED):
            began, reply, over = call(number)
            assert isinstance(reply, ReplyKept)
            await store.write([began, replace(reply, heard=heard, unanswered=why), over])
        async with store.transaction() as connection:
            found = await unanswered(connection, UnansweredQuery(**query))
        await store.close()
        return found

    return asyncio.run(story())


def test_questions_without_an_answer_are_grouped_the_most_frequent_first(tmp_path: Path, records_url: str) -> None:
    """In other words it is the same question; for another reason it is another one."""
    found = asked(tmp_path, records_url)
    assert [(one.times, one.why) for one in found.questions] == [
        (3, "not_known"),
        (2, "asked_for_person"),
        (1, "engine_failed"),
        (1, "not_known"),
    ]
    phones = found.questions[0]
    assert phones.question == "Which mobile phone do you sell?"
    assert [place.call for place in phones.asked] == [f"{number:08x}" for number in (2, 1, 0)]
    assert found.turns == len(ASKED)


@pytest.mark.parametrize(
    ("query", "many"), [({"why": "engine_failed"}, 1), ({"agent": "Nobody"}, 0), ({"limit": 2}, 2)], ids=str
)
def test_they_can_be_narrowed(tmp_path: Path, query: dict[str, Any], many: int) -> None:
    """By reason, agent and number."""
    assert len(asked(tmp_path, "", **query).questions) == many


def test_an_operator_writes_about_a_call_under_way_and_one_that_is_over(tmp_path: Path) -> None:
    """Each field by itself: two operators who write different ones lose nothing of each other's."""

    async def story(server: RecordingGateway) -> None:
        call_id = await server.call(0.6)
        await server.archive.settled()
        url = f"{server.url}/api/calls/{call_id}/notes"
        async with server.http.put(url, json={"tags": ["billing"], "outcome": "solved"}) as answer:
            assert answer.status == 200, await answer.text()
        async with server.http.put(url, json={"note": "Call back on Monday."}) as answer:
            assert await answer.json() == {"outcome": "solved", "tags": ["billing"], "note": "Call back on Monday."}
        (listed,) = (await server.ask("/api/history?tag=billing"))["calls"]
        assert (listed["note"], listed["tags"], listed["outcome"]) == ("Call back on Monday.", ["billing"], "solved")
        async with server.http.put(f"{server.url}/api/calls/none/notes", json={"note": "x"}) as answer:
            assert answer.status == 404
        async with server.http.put(url, json={"tags": ["two\nlines"]}) as answer:
            assert answer.status == 400
        assert (await server.ask("/api/unanswered"))["questions"] == []

    with_records(story, tmp_path)


def test_the_answer_in_between_is_in_no_filler() -> None:
    """What the agent meant to say is told apart from what was said while it was late."""
    entries: list[Any] = []
    log = EventLog("one", entries.append)
    log.on_event(Transcript(at=1.6, turn=1, reply=1, text="When?", latency_ms=100.0))
    log.on_event(ReplyText(at=1.7, turn=1, reply=1, text="At nine."))
    assert (entries[-1].said, entries[-1].filler) == ("At nine.", "")
