"""What is asked of the database: pages of calls, whole calls, who is to be forgotten. Bounded, and by index."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.protocol import AnsweredBy
from lineside.records.business_tables import business_of
from lineside.records.entries import CallPage, CallQuery, KeptCall, KeptDecision, KeptTurn, WholeCall
from lineside.records.search_index import contains_word, search_words
from lineside.records.tables import calls, decisions, deleted_calls, stage_times, turns
from lineside.records.tags import unpacked_tags
from lineside.transports.call_facts import TEST_LINE

_engines = msgspec.json.Decoder(dict[str, AnsweredBy])

LIVE = "live"  # the end reason of calls under way, in a query
RESPONSE_TIME = "e2e_ms"
COMPUTED = ("first_words", "slowest_ms", "unanswered", "fallbacks", "answered")

_first_words = (
    sa.select(turns.c.heard)
    .where(sa.and_(turns.c.call_id == calls.c.id, turns.c.heard != ""))
    .order_by(turns.c.reply)
    .limit(1)
    .scalar_subquery()
)
_slowest = (
    sa.select(sa.func.max(stage_times.c.ms))
    .where(sa.and_(stage_times.c.call_id == calls.c.id, stage_times.c.stage == RESPONSE_TIME))
    .scalar_subquery()
)


def _count(condition: "sa.ColumnElement[bool]") -> "sa.ScalarSelect[int]":
    """How many replies of a call are so."""
    counted = sa.select(sa.func.count()).select_from(turns)
    return counted.where(sa.and_(turns.c.call_id == calls.c.id, condition)).scalar_subquery()


LISTED = (
    *(calls.c[name] for name in KeptCall.__struct_fields__ if name not in COMPUTED),
    sa.func.coalesce(_first_words, "").label("first_words"),
    _slowest.label("slowest_ms"),
    _count(turns.c.unanswered != "").label("unanswered"),
    _count(turns.c.fallback).label("fallbacks"),
)


async def page(
    connection: AsyncConnection,
    query: CallQuery = CallQuery(),  # noqa: B008 - frozen
    *,
    indexed: bool = False,
    before: str = "",
    limit: int = 50,
) -> CallPage:
    """The newest calls that match, or those older than `before` (a page's `next`). `indexed`: see `search_index`."""
    matching = _conditions(query, indexed=indexed)
    total = (await connection.execute(sa.select(sa.func.count()).select_from(calls).where(*matching))).scalar_one()
    wanted = sa.select(*LISTED).where(*matching).order_by(calls.c.began.desc(), calls.c.id.desc())
    if before:
        moment, _, call_id = before.partition("-")
        wanted = wanted.where(sa.tuple_(calls.c.began, calls.c.id) < sa.tuple_(float(moment), call_id))
    rows = (await connection.execute(wanted.limit(limit + 1))).all()
    answered = await _answered(connection, [row.id for row in rows[:limit]])
    listed = tuple(_kept_call(row, answered) for row in rows[:limit])
    more = len(rows) > limit and listed
    return CallPage(listed, f"{listed[-1].began!r}-{listed[-1].id}" if more else "", total)


async def whole(connection: AsyncConnection, call_id: str) -> WholeCall | None:
    """All of one call, if it is kept."""
    return next(iter(await whole_calls(connection, [call_id])), None)


async def whole_calls(connection: AsyncConnection, ids: Sequence[str]) -> list[WholeCall]:
    """All of these calls that are kept, in this order; some hundreds at most."""
    found = await connection.execute(sa.select(*LISTED).where(calls.c.id.in_(ids)))
    answered = await _answered(connection, ids)
    rows = {row.id: _kept_call(row, answered) for row in found}
    stages: dict[tuple[str, int], dict[str, float]] = {}
    for time in await _of(connection, stage_times, ids, stage_times.c.reply):
        stages.setdefault((time["call_id"], time["reply"]), {})[time["stage"]] = time["ms"]
    turns_of: dict[str, list[KeptTurn]] = {}
    for turn in await _of(connection, turns, ids, turns.c.reply):
        times = stages.get((turn["call_id"], turn["reply"]), {})
        turns_of.setdefault(turn["call_id"], []).append(_kept_turn(turn, times))
    done = await business_of(connection, ids)
    decided: dict[str, list[KeptDecision]] = {}
    for decision in await _of(connection, decisions, ids, decisions.c.number):
        decided.setdefault(decision["call_id"], []).append(KeptDecision(**_less(decision, "call_id", "number")))
    return [
        WholeCall(
            call=rows[each],
            turns=tuple(turns_of.get(each, ())),
            decisions=tuple(decided.get(each, ())),
            **asdict(done[each]),
        )
        for each in ids
        if each in rows
    ]


async def _answered(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, dict[str, AnsweredBy]]:
    """Call → role → who answered in it last. A call has as many rows here as its engines changed, not as its turns."""
    last = sa.func.max(turns.c.reply)
    wanted = sa.select(turns.c.call_id, turns.c.engines).where(turns.c.call_id.in_(ids), turns.c.engines != "")
    found: dict[str, dict[str, AnsweredBy]] = {}
    for call_id, engines in await connection.execute(wanted.group_by(turns.c.call_id, turns.c.engines).order_by(last)):
        found.setdefault(call_id, {}).update(_engines.decode(engines))
    return found


def _kept_call(row: "sa.Row[Any]", answered: dict[str, dict[str, AnsweredBy]]) -> KeptCall:
    fields = dict(row._mapping)
    return KeptCall(**(fields | {"tags": unpacked_tags(fields["tags"]), "answered": answered.get(row.id, {})}))


def _kept_turn(row: dict[str, Any], times: dict[str, float]) -> KeptTurn:
    engines = _engines.decode(row["engines"]) if row["engines"] else {}
    return KeptTurn(**_less(row, "call_id", "fallback", "engines"), stages=times, engines=engines)


async def of_caller(connection: AsyncConnection, caller: str) -> list[tuple[str, bool]]:
    """Their calls, and whether each may be deleted: it is over, and its recording is closed."""
    found = await connection.execute(sa.select(calls.c.id, _closed).where(calls.c.caller == caller))
    return [(row[0], bool(row[1])) for row in found]


async def of_id(connection: AsyncConnection, call_id: str) -> list[tuple[str, bool]]:
    """The same of one call."""
    found = await connection.execute(sa.select(calls.c.id, _closed).where(calls.c.id == call_id))
    return [(row[0], bool(row[1])) for row in found]


async def older(connection: AsyncConnection, moment: float, limit: int = 500) -> list[str]:
    """Calls that are over and began before then, the oldest first."""
    past = sa.and_(calls.c.began < moment, _closed)
    found = await connection.execute(sa.select(calls.c.id).where(past).order_by(calls.c.began).limit(limit))
    return [row.id for row in found]


async def newest(connection: AsyncConnection) -> float | None:
    """When the last call began, in seconds since 1970."""
    moment: float | None = (await connection.execute(sa.select(sa.func.max(calls.c.began)))).scalar()
    return moment


async def without_row(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Those of these ids, some hundreds at most, that no call has."""
    there = set((await connection.execute(sa.select(calls.c.id).where(calls.c.id.in_(ids)))).scalars())
    return [each for each in ids if each not in there]


async def with_recording(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Those of these ids, a thousand at most, whose call has a recording that is whole."""
    whole = sa.and_(calls.c.id.in_(ids), calls.c.recording == "kept")
    return list((await connection.execute(sa.select(calls.c.id).where(whole).order_by(calls.c.id))).scalars())


async def deleted(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Those of these ids, a thousand at most, whose call was deleted in the last 30 days."""
    found = sa.select(deleted_calls.c.id).where(deleted_calls.c.id.in_(ids))
    return list((await connection.execute(found)).scalars())


async def drop_old_tombstones(connection: AsyncConnection, moment: float) -> None:
    """Forget the ids of calls that were deleted before then."""
    await connection.execute(sa.delete(deleted_calls).where(deleted_calls.c.at < moment))


_closed = sa.and_(calls.c.reason != "", calls.c.recording != "running")


def _conditions(query: CallQuery, *, indexed: bool) -> "list[sa.ColumnElement[bool]]":
    found: list[sa.ColumnElement[bool]] = [
        calls.c[name] == value for name in ("caller", "line", "agent", "outcome") if (value := getattr(query, name))
    ]
    if query.test is not None:
        found.append((calls.c.line == TEST_LINE) if query.test else (calls.c.line != TEST_LINE))
    if query.reason:
        found.append(calls.c.reason == ("" if query.reason == LIVE else query.reason))
    bounds = (
        (query.since, calls.c.began.__ge__),
        (query.until, calls.c.began.__le__),
        (query.shortest, calls.c.seconds.__ge__),
        (query.longest, calls.c.seconds.__le__),
    )
    found += [compare(bound) for bound, compare in bounds if bound is not None]
    if query.recorded is not None:
        found.append((calls.c.recording == "kept") if query.recorded else (calls.c.recording != "kept"))
    if query.slow_ms is not None:
        slow = sa.and_(stage_times.c.stage == RESPONSE_TIME, stage_times.c.ms >= query.slow_ms)
        found.append(calls.c.id.in_(sa.select(stage_times.c.call_id).where(slow)))
    if query.asked_for_person is not None:
        found.append(calls.c.asked_for_person == query.asked_for_person)
    for asked, condition in ((query.unanswered, turns.c.unanswered != ""), (query.fallback, turns.c.fallback)):
        if asked is not None:
            having = calls.c.id.in_(sa.select(turns.c.call_id).where(condition))
            found.append(having if asked else sa.not_(having))
    if query.tag:
        found.append(calls.c.tags.contains(f"\n{query.tag}\n", autoescape=True))
    if query.ids:
        found.append(calls.c.id.in_([one.strip() for one in query.ids.split(",")]))
    return [*found, *(contains_word(word, indexed=indexed) for word in search_words(query.search))]


async def _of(
    connection: AsyncConnection, table: sa.Table, ids: Sequence[str], order: "sa.Column[Any]"
) -> Sequence[dict[str, Any]]:
    found = await connection.execute(sa.select(table).where(table.c.call_id.in_(ids)).order_by(order))
    return [dict(row._mapping) for row in found]


def _less(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
