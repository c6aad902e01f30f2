"""The history finds what it shows, in any order and case, on both databases; filters narrow it, and it counts."""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lineside.api.history import _line
from lineside.records import queries, search_index
from lineside.records.database import Database
from lineside.records.entries import CallBegan, CallOver, CallQuery, Entry, RecordingFinished, ReplyKept, TurnBegan
from tests.records.test_history import NOW, call


def _kept() -> list[Entry]:
    """Four calls that differ in all that is asked for."""
    entries: list[Entry] = []
    for number, (caller, heard, reason, e2e) in enumerate(
        (
            ("Zoë", "My ÄRGER with the order of Saturday", "line_lost", 900.0),
            ("+4930", "Straße, please", "caller_hung_up", 2500.0),
            ("ＷＩＤＥ", "I'd like 100% of it_all", "ended_by_operator", 400.0),
            ("x", "hm", "caller_silent", 300.0),
        )
    ):
        began, reply, over = call(number)
        assert isinstance(began, CallBegan)
        assert isinstance(reply, ReplyKept)
        assert isinstance(over, CallOver)
        entries += [
            replace(began, caller=caller, line="sip" if number == 3 else "browser", agent=f"Agent {number % 2}"),
            replace(reply, heard=heard, said="From nine.", stages={"e2e_ms": e2e}),
            RecordingFinished(call=began.call, recording="kept" if number == 1 else "none", seconds=1.0, size=7),
            replace(over, reason=reason, seconds=10.0 * (number + 1)),
        ]
    began, reply, _ = call(4)
    assert isinstance(began, CallBegan)
    return [
        *entries,
        replace(began, caller="y"),
        TurnBegan(call=began.call, turns=2),
        TurnBegan(call=began.call, turns=1),
    ]


QUERIES: tuple[tuple[CallQuery, set[int]], ...] = (
    (CallQuery(), {0, 1, 2, 3, 4}),
    (CallQuery(search="line lost"), {0}),
    (CallQuery(search="line_lost"), {0}),
    (CallQuery(search="lost line"), {0}),
    (CallQuery(search="operator"), {2}),
    (CallQuery(search="caller silent"), {3}),
    (CallQuery(search="saturday order"), {0}),
    (CallQuery(search='"saturday order"'), set()),
    (CallQuery(search='"order of saturday"'), {0}),
    (CallQuery(search="ärger"), {0}),
    (CallQuery(search="arger"), {0}),
    (CallQuery(search="ZOË"), {0}),
    (CallQuery(search="STRASSE"), {1}),
    (CallQuery(search="wide"), {2}),
    (CallQuery(search="hm"), {3}),
    (CallQuery(search="100% it_all"), {2}),
    (CallQuery(search="1%0"), set()),
    (CallQuery(search='quo"te'), set()),
    (CallQuery(search="recorded 4930"), {1}),
    (CallQuery(search="sip"), {3}),
    (CallQuery(search="live"), {4}),
    (CallQuery(search="saturday nine"), {0}),
    (CallQuery(search="saturday nobody"), set()),
    (CallQuery(caller="Zoë"), {0}),
    (CallQuery(line="sip"), {3}),
    (CallQuery(agent="Agent 1"), {1, 3}),
    (CallQuery(reason="line_lost"), {0}),
    (CallQuery(reason="live"), {4}),
    (CallQuery(since=NOW + 60, until=NOW + 120), {1, 2}),
    (CallQuery(shortest=20), {1, 2, 3}),
    (CallQuery(longest=20), {0, 1}),
    (CallQuery(recorded=True), {1}),
    (CallQuery(recorded=False), {0, 2, 3, 4}),
    (CallQuery(slow_ms=900), {0, 1}),
    (CallQuery(search="nine", slow_ms=900, recorded=True), {1}),
)


def test_what_is_shown_is_found(tmp_path: Path, records_url: str) -> None:
    """Each question finds exactly its calls, and counts them; so it does where SQLite has no full-text search."""

    async def story() -> None:
        store = Database(records_url, tmp_path)
        await store.write(_kept())
        async with store.transaction() as connection:
            for indexed in {store.indexed, False}:
                for query, wanted in QUERIES:
                    page = await queries.page(connection, query, indexed=indexed)
                    assert {int(one.id, 16) for one in page.calls} == wanted, query
                    assert page.total == len(wanted)
            first = await queries.page(connection, limit=2)
            assert (len(first.calls), first.total) == (2, 5)
            newest = first.calls[0]
            assert (newest.turns, newest.first_words, newest.slowest_ms) == (2, "", None)
            (found,) = (await queries.page(connection, CallQuery(caller="Zoë"))).calls
            assert (found.first_words, found.slowest_ms) == ("My ÄRGER with the order of Saturday", 900.0)
        await store.close()

    asyncio.run(story())


def test_an_answer_that_changes_is_found_by_its_new_words_alone(tmp_path: Path) -> None:
    """The index follows: what was kept of a reply and then replaced is found no more, nor what was deleted."""

    async def story() -> None:
        store = Database("", tmp_path)
        began, reply, over = call(1)
        assert isinstance(reply, ReplyKept)
        await store.write([began, replace(reply, heard="First words"), over])
        await store.write([replace(reply, heard="Other words")])
        async with store.transaction() as connection:
            for words, many in (("first", 0), ("other", 1)):
                assert (await queries.page(connection, CallQuery(search=words), indexed=True)).total == many
        await store.delete([began.call])
        async with store.transaction() as connection:
            found = await connection.exec_driver_sql(
                "SELECT count(*) FROM search_index WHERE search_index MATCH 'other'"
            )
            assert found.scalar() == 0
        await store.close()

    asyncio.run(story())


def test_an_index_that_is_missing_is_made_from_what_is_kept(tmp_path: Path) -> None:
    """A database that was written by an SQLite without full-text search is indexed when one with it opens it."""

    async def story() -> None:
        store = Database("", tmp_path)
        await store.write(call(1))
        async with store.transaction() as connection:
            for name in search_index.TRIGGERS:
                await connection.exec_driver_sql(f"DROP TRIGGER {name}")
        await store.write(call(2))
        await store.close()
        store = Database("", tmp_path)
        async with store.transaction() as connection:
            assert (await queries.page(connection, CallQuery(search="question"), indexed=True)).total == 2
        await store.close()

    asyncio.run(story())


FORMULAS = ("=1+1", "\n=1+1", " =1+1", "＝1+1", "\u200b=1+1", "\t=1", "\r=1", "+1", "-1", "@x", "\u00a0 @x", "\ufeff=1")


@pytest.mark.parametrize("said", FORMULAS)
def test_no_spreadsheet_calculates_what_a_caller_said(said: str) -> None:
    """Whatever stands before the sign, and however wide the sign is."""
    ((cell,),) = csv.reader(io.StringIO(_line([said]).decode(), newline=""))
    assert cell == f"'{said}"


@pytest.mark.parametrize("cells", [["x;=1+1"], ['say "no"'], ["a\nb"], ["", None, 1.5, "plain"]])
def test_every_cell_is_quoted(cells: list[Any]) -> None:
    """A spreadsheet that splits at semicolons takes none for two."""
    raw = _line(cells).decode()
    (row,) = csv.reader(io.StringIO(raw, newline=""))
    assert row == ["" if cell is None else str(cell) for cell in cells]
    assert raw.startswith('"')
    assert raw.rstrip().endswith('"')
