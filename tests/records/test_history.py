"""The history on both databases: tables made from nothing, pages by index, search, exports that are safe to open."""

import asyncio
import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from lineside.protocol import FirstMessage
from lineside.records import queries
from lineside.records.database import Database
from lineside.records.entries import CallBegan, CallOver, CallQuery, Entry, ReplyKept
from lineside.records.tables import metadata
from tests.records.fixtures import RecordingGateway, with_records

MANY = 10_000
NOW = 1_700_000_000.0


def call(number: int) -> list[Entry]:
    """A call of one turn, a minute after the one before it."""
    name = f"{number:08x}"
    return [
        CallBegan(
            call=name, keeper="k", began=NOW + 60 * number, line="browser", codec="pcm", rate=16_000,
            caller=f"+1555{number % 100:04}", mode="conversation", agent="Test", stt="s", llm="l", llm_model="",
            tts="t", tts_voice="", recording="none",
        ),
        ReplyKept(
            call=name, reply=1, turn=1, speech_began_at=0.0, speech_ended_at=1.0, heard_at=1.1,
            heard=f"Question {number}?\0", said="An answer.", reached="An answer.", audio_at=1.5, done_at=2.5,
            cut=False, stages={"asr_ms": 5.0}, wasted=0,
        ),
        CallOver(call=name, ended=NOW + 60 * number + 5, seconds=5.0, turns=1, reason="caller_hung_up"),
    ]  # fmt: skip


def test_the_tables_are_made_from_nothing_and_are_what_is_written_of_them(tmp_path: Path, records_url: str) -> None:
    """The migrations and `tables` say the same; a second process that comes finds them there."""

    async def story() -> None:
        one, two = Database(records_url, tmp_path), Database(records_url, tmp_path)
        await asyncio.gather(one.write(call(1)), two.write(call(2)))
        async with one.transaction() as connection:
            assert await connection.run_sync(_differences) == []
            assert len((await queries.page(connection)).calls) == 2
        await one.close()
        await two.close()

    asyncio.run(story())


def _differences(connection: sa.Connection) -> list[Any]:
    """Between the tables that are there and `tables`; the full-text index makes tables of its own."""

    def ours(thing: Any, name: str | None, kind: str, *rest: Any) -> bool:
        return not (kind == "table" and str(name).startswith("search_index"))

    return list(compare_metadata(MigrationContext.configure(connection, opts={"include_object": ours}), metadata))


def test_what_is_written_twice_is_there_once(tmp_path: Path, records_url: str) -> None:
    """A spool that is replayed after a half-finished batch changes nothing."""

    async def story() -> None:
        store = Database(records_url, tmp_path)
        await store.write(call(1))
        await store.write(call(1))
        async with store.transaction() as connection:
            whole = await queries.whole(connection, f"{1:08x}")
            assert whole is not None
            assert [turn.heard for turn in whole.turns] == ["Question 1?"]
            assert whole.turns[0].stages == {"asr_ms": 5.0}
        await store.close()

    asyncio.run(story())


def test_ten_thousand_calls_are_paged_by_index(tmp_path: Path, records_url: str) -> None:
    """Every page is complete, in order and quick; what is searched for is found."""

    async def story() -> None:
        store = Database(records_url, tmp_path)
        for begin in range(0, MANY, 500):
            await store.write([entry for number in range(begin, begin + 500) for entry in call(number)])
        took, seen, before = list[float](), list[str](), ""
        async with store.transaction() as connection:
            if not store.lite:
                await connection.execute(sa.text("ANALYZE"))
            for _ in range(50):
                began = time.perf_counter()
                page = await queries.page(connection, before=before, limit=100)
                took.append(time.perf_counter() - began)
                seen += [one.id for one in page.calls]
                before = page.next
            assert seen == [f"{number:08x}" for number in range(MANY - 1, MANY // 2 - 1, -1)]
            assert sorted(took)[len(took) // 2] < 0.1
            plan = await _plan(connection, store)
            assert "calls_began" in plan, plan
            (found,) = (await queries.page(connection, CallQuery(search="question 4321?"), indexed=store.indexed)).calls
            assert found.id == f"{4321:08x}"
            assert (await queries.page(connection, CallQuery(search="100%_\\"), indexed=store.indexed)).calls == ()
            assert len((await queries.page(connection, CallQuery(caller="+15550007"), limit=200)).calls) == 100
        await store.close()

    asyncio.run(story())


async def _plan(connection: Any, store: Database) -> str:
    explain = "EXPLAIN QUERY PLAN" if store.lite else "EXPLAIN"
    asked = explain + " SELECT id FROM calls ORDER BY began DESC, id DESC LIMIT 51"  # noqa: S608 - our own words
    return "\n".join(str(row) for row in await connection.execute(sa.text(asked)))


def test_the_page_asks_by_filters_and_exports_take_the_same(tmp_path: Path) -> None:
    """Each filter of the list narrows the exports too; what is none is refused by name, and health says all is well."""

    async def story(server: RecordingGateway) -> None:
        call = await server.call(0.4)
        await server.archive.settled()
        for query, many in (
            ("reason=caller_hung_up&recorded=false&longest=60&since=1", 1),
            ("reason=line_lost", 0),
            ("reason=live", 0),
            ("recorded=true", 0),
            ("slow_ms=100000", 0),
            ("slow_ms=0&agent=Test&line=browser&search=%22when%20are%22%20nine", 1),
        ):
            page = await server.ask(f"/api/history?{query}")
            assert ([one["id"] for one in page["calls"]], page["total"]) == ([call] * many, many), query
            async with server.http.get(f"{server.url}/api/history/export.jsonl?{query}") as answer:
                assert len((await answer.text()).splitlines()) == many, query
        async with server.http.get(f"{server.url}/api/history/export.csv?limit=5") as answer:
            assert answer.status == 400
            assert "limit" in (await answer.json())["error"]["message"]
        assert (await server.ask("/health"))["records"] == "ok"

    with_records(story, tmp_path)


def test_calls_of_tests_are_told_from_customers_and_ask_nothing_that_an_operator_should_answer(tmp_path: Path) -> None:
    """`test=false` leaves them out of lists and exports; questions without an answer are those of customers."""

    async def story(server: RecordingGateway) -> None:
        asked = FirstMessage(codec="pcm", greeting="", test=True)
        calls = {False: await server.call(0.4), True: await server.call(0.4, hello=asked)}
        await server.archive.settled()
        for test, call in calls.items():
            page = await server.ask(f"/api/history?test={str(test).lower()}")
            assert [(one["id"], one["line"]) for one in page["calls"]] == [(call, "test" if test else "browser")]
        async with server.http.get(f"{server.url}/api/history/export.jsonl?test=false") as answer:
            assert len((await answer.text()).splitlines()) == 1
        assert (await server.ask("/api/history"))["total"] == 2
        (question,) = (await server.ask("/api/unanswered"))["questions"]
        assert [one["call"] for one in question["asked"]] == [calls[False]]
        async with server.http.get(f"{server.url}/metrics") as answer:
            assert 'lineside_calls_total{line="test",reason="caller_hung_up"} 1.0' in await answer.text()

    with_records(story, tmp_path, hears=["I want to speak to a person."])


def test_exports_are_whole_and_safe_to_open(tmp_path: Path) -> None:
    """A line a call, a row a turn; nothing that a caller said is taken for a formula."""

    async def story(server: RecordingGateway) -> None:
        one, two = await server.call(0.4), await server.call(0.4)
        await server.archive.settled()
        async with server.http.get(f"{server.url}/api/history/export.jsonl") as answer:
            lines = [json.loads(line) for line in (await answer.text()).splitlines()]
        assert {line["call"]["id"] for line in lines} == {one, two}
        async with server.http.get(f"{server.url}/api/history/export.csv") as answer:
            rows = list(csv.DictReader(io.StringIO(await answer.text())))
        assert [row["heard"] for row in rows] == ["'=1+1"] * 2
        assert float(rows[0]["asr_ms"]) > 0
        assert rows[0]["call_asked_for_person"] == rows[0]["cut"] == "false", "as in JSON"

    with_records(story, tmp_path, hears=("=1+1",))
