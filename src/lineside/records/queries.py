"""What is asked of the database: pages of calls, one call whole, who is to be forgotten. Bounded, and by index."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.records.entries import CallPage, KeptCall, KeptDecision, KeptToolCall, KeptTurn, WholeCall
from lineside.records.tables import calls, decisions, stage_times, tool_calls, turns

LISTED = KeptCall.__struct_fields__
ESCAPE = "\\"


async def page(
    connection: AsyncConnection,
    *,
    search: str = "",
    caller: str = "",
    line: str = "",
    since: float | None = None,
    until: float | None = None,
    before: str = "",
    limit: int = 50,
) -> CallPage:
    """The newest calls, or those older than `before` (a page's `next`); `search` looks at words, callers, engines.

    `since` and `until`: when they began, in seconds since 1970.
    """
    wanted = sa.select(*(calls.c[name] for name in LISTED)).order_by(calls.c.began.desc(), calls.c.id.desc())
    if caller:
        wanted = wanted.where(calls.c.caller == caller)
    if line:
        wanted = wanted.where(calls.c.line == line)
    if since is not None:
        wanted = wanted.where(calls.c.began >= since)
    if until is not None:
        wanted = wanted.where(calls.c.began <= until)
    if search:
        wanted = wanted.where(_says(search))
    if before:
        moment, _, call_id = before.partition("-")
        wanted = wanted.where(sa.tuple_(calls.c.began, calls.c.id) < sa.tuple_(float(moment), call_id))
    rows = (await connection.execute(wanted.limit(limit + 1))).all()
    listed = tuple(KeptCall(**row._mapping) for row in rows[:limit])
    more = len(rows) > limit and listed
    return CallPage(listed, f"{listed[-1].began!r}-{listed[-1].id}" if more else "")


async def whole(connection: AsyncConnection, call_id: str) -> WholeCall | None:
    """All of one call, if it is kept."""
    found = await connection.execute(sa.select(*(calls.c[name] for name in LISTED)).where(calls.c.id == call_id))
    row = found.one_or_none()
    if row is None:
        return None
    stages: dict[int, dict[str, float]] = {}
    for time in await _of(connection, stage_times, call_id, stage_times.c.reply):
        stages.setdefault(time["reply"], {})[time["stage"]] = time["ms"]
    told = await _of(connection, turns, call_id, turns.c.reply)
    decided = await _of(connection, decisions, call_id, decisions.c.number)
    used = await _of(connection, tool_calls, call_id, tool_calls.c.number)
    return WholeCall(
        call=KeptCall(**row._mapping),
        turns=tuple(KeptTurn(**_less(turn, "call_id"), stages=stages.get(turn["reply"], {})) for turn in told),
        decisions=tuple(KeptDecision(**_less(decision, "call_id", "number")) for decision in decided),
        tool_calls=tuple(KeptToolCall(**_less(use, "call_id", "number")) for use in used),
    )


async def of_caller(connection: AsyncConnection, caller: str) -> list[tuple[str, bool]]:
    """Their calls, and whether each is over."""
    found = await connection.execute(sa.select(calls.c.id, calls.c.reason).where(calls.c.caller == caller))
    return [(row.id, bool(row.reason)) for row in found]


async def older(connection: AsyncConnection, moment: float, limit: int = 500) -> list[str]:
    """Calls that are over and began before then, the oldest first."""
    past = sa.and_(calls.c.began < moment, calls.c.reason != "")
    found = await connection.execute(sa.select(calls.c.id).where(past).order_by(calls.c.began).limit(limit))
    return [row.id for row in found]


async def _of(
    connection: AsyncConnection, table: sa.Table, call_id: str, order: "sa.Column[Any]"
) -> Sequence[dict[str, Any]]:
    found = await connection.execute(sa.select(table).where(table.c.call_id == call_id).order_by(order))
    return [dict(row._mapping) for row in found]


def _less(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _says(search: str) -> "sa.ColumnElement[bool]":
    """What was said in it, or who called, or which engines answered, or why it ended, holds these letters."""
    letters = search.lower()
    for special in (ESCAPE, "%", "_"):
        letters = letters.replace(special, ESCAPE + special)
    like = f"%{letters}%"

    def holds(column: "sa.Column[Any]") -> "sa.ColumnElement[bool]":
        return sa.func.lower(column).like(like, escape=ESCAPE)

    said = sa.select(turns.c.call_id).where(holds(turns.c.heard) | holds(turns.c.said))
    about = ("id", "caller", "reason", "agent", "stt", "llm", "llm_model", "tts")
    return sa.or_(*(holds(calls.c[name]) for name in about), calls.c.id.in_(said))
