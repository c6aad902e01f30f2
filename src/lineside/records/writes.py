"""What is written to the database, on a connection: entries, deletions, the ends of calls whose process died."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.records import business_tables, search_index
from lineside.records.business_entries import BusinessEntry
from lineside.records.entries import (
    LOST,
    CallBegan,
    CallNotes,
    CallOver,
    DecisionMade,
    Entry,
    PersonAsked,
    RecordingFinished,
    ReplyKept,
    TurnBegan,
)
from lineside.records.tables import PARTS, calls, decisions, deleted_calls, search_texts, stage_times, turns
from lineside.records.tags import packed_tags, unpacked_tags

Change = RecordingFinished | CallOver | TurnBegan | PersonAsked

AT_ONCE = 500  # values in one statement; databases take some thousands


async def write(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Write entries; what is there already is changed. Entries of calls that are not there are passed over."""
    began = [entry for entry in entries if isinstance(entry, CallBegan)]
    deleted = await _present(connection, deleted_calls.c.id, {entry.call for entry in began})
    await _put(connection, calls, [_call_row(entry) for entry in began if entry.call not in deleted], ("id",))
    there = await _present(connection, calls.c.id, {entry.call for entry in entries})
    known = [entry for entry in entries if entry.call in there]
    replies = {(entry.call, entry.reply): entry for entry in known if isinstance(entry, ReplyKept)}  # the last of each
    await _put(connection, turns, [_turn_row(entry) for entry in replies.values()], ("call_id", "reply"))
    times = [
        {"call_id": entry.call, "reply": entry.reply, "stage": stage, "ms": ms}
        for entry in replies.values()
        for stage, ms in entry.stages.items()
    ]
    await _put(connection, stage_times, times, ("call_id", "reply", "stage"))
    decided = [_row(entry) for entry in known if isinstance(entry, DecisionMade)]
    await _put(connection, decisions, decided, ("call_id", "number"))
    for table, found in business_tables.rows(entry for entry in known if isinstance(entry, BusinessEntry)).items():
        await _put(connection, table, found, business_tables.KEYS[table])
    for kind in (TurnBegan, PersonAsked, RecordingFinished, CallOver):
        await _update(connection, [entry for entry in known if isinstance(entry, kind)])
    texts = [
        {"call_id": entry.call, "part": entry.reply, "text": search_index.folded(_text(f"{entry.heard}\n{entry.said}"))}
        for entry in replies.values()
    ]
    await _put_texts(connection, texts)
    about = CallBegan | PersonAsked | CallOver | RecordingFinished
    changed = {entry.call for entry in known if isinstance(entry, about)}
    await refresh_about(connection, changed)


async def refresh_about(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """Let the search find these calls by what is known about them now."""
    for some in _in_parts(sorted(ids)):
        rows = await connection.execute(sa.select(calls).where(calls.c.id.in_(some)))
        texts = [
            {"call_id": row["id"], "part": 0, "text": search_index.about_call(dict(row))}
            for row in rows.mappings().all()
        ]
        await _put_texts(connection, texts)


async def annotate(
    connection: AsyncConnection,
    call: str,
    *,
    outcome: str | None = None,
    tags: Sequence[str] | None = None,
    note: str | None = None,
) -> CallNotes | None:
    """Write what an operator says about a call; None leaves a field as it is. What stands there now, if it is kept."""
    given = {"outcome": outcome, "tags": None if tags is None else packed_tags(tags), "note": note}
    values = {name: _text(value) for name, value in given.items() if value is not None}
    if values:
        await connection.execute(sa.update(calls).where(calls.c.id == call).values(values))
        await refresh_about(connection, [call])
    columns = (calls.c.outcome, calls.c.tags, calls.c.note)
    row = (await connection.execute(sa.select(*columns).where(calls.c.id == call))).one_or_none()
    return CallNotes(row.outcome, unpacked_tags(row.tags), row.note) if row is not None else None


async def delete(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Delete calls with all that belongs to them. Only the ids stay, so that no late entry brings a call back."""
    gone = [{"id": each, "at": time.time()} for each in ids]
    await _put(connection, deleted_calls, gone, ("id",))
    for some in _in_parts(ids):
        for table in (*PARTS, *business_tables.BUSINESS):
            await connection.execute(sa.delete(table).where(table.c.call_id.in_(some)))
        await connection.execute(sa.delete(calls).where(calls.c.id.in_(some)))


async def unfinished(connection: AsyncConnection, keeper: str) -> list[tuple[str, bool]]:
    """Calls that this process had not ended, or whose recording it had not closed; whether there is a recording."""
    open_still = sa.or_(calls.c.reason == "", calls.c.recording == "running")
    found = await connection.execute(
        sa.select(calls.c.id, calls.c.recording).where(sa.and_(calls.c.keeper == keeper, open_still))
    )
    return [(row.id, row.recording == "running") for row in found]


async def end_unfinished(connection: AsyncConnection, call: str, recording: RecordingFinished | None) -> None:
    """End a call whose process is gone: its length is what its recording and its turns show."""
    if recording is not None:
        await connection.execute(sa.update(calls).where(calls.c.id == call).values(_change(recording)))
    await business_tables.leave_unknown(connection, call)
    mine = turns.c.call_id == call
    spoken = sa.select(*(sa.func.max(turns.c[name]) for name in ("done_at", "audio_at", "heard_at", "speech_ended_at")))
    decided = sa.select(sa.func.max(decisions.c.at)).where(decisions.c.call_id == call)
    moments = [*(await connection.execute(spoken.where(mine))).one(), (await connection.execute(decided)).scalar()]
    seconds = max([0.0, recording.seconds if recording else 0.0, *(moment for moment in moments if moment is not None)])
    over = {"reason": LOST, "seconds": round(seconds, 3), "ended": calls.c.began + seconds}
    await connection.execute(sa.update(calls).where(sa.and_(calls.c.id == call, calls.c.reason == "")).values(over))
    await refresh_about(connection, [call])


async def _present(connection: AsyncConnection, column: "sa.Column[str]", ids: Iterable[str]) -> set[str]:
    """Those of these ids that the column holds."""
    found = set[str]()
    for some in _in_parts(sorted(ids)):
        found |= set((await connection.execute(sa.select(column).where(column.in_(some)))).scalars())
    return found


async def _update(connection: AsyncConnection, entries: Sequence[Change]) -> None:
    """Change the calls of these entries, all of one kind."""
    if not entries:
        return
    rows = [{"of_call": entry.call, **_change(entry)} for entry in entries]
    where = calls.c.id == sa.bindparam("of_call")
    if isinstance(entries[0], TurnBegan):  # never fewer than are known
        where = sa.and_(where, calls.c.turns < sa.bindparam("turns"))
    changed: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name != "of_call"}
    await connection.execute(sa.update(calls).where(where).values(changed), rows)


async def _put(connection: AsyncConnection, table: sa.Table, rows: list[dict[str, Any]], key: tuple[str, ...]) -> None:
    """Insert, or change what is there."""
    if not rows:
        return
    statement = _insert(connection, table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if column.name in rows[0]}
    changed = {name: value for name, value in rest.items() if name not in key}
    await connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed), rows)


async def _put_texts(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """As `_put`, but a text that has not changed is not indexed again."""
    if not rows:
        return
    statement = _insert(connection, search_texts)
    new = statement.excluded["text"]
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["call_id", "part"], set_={"text": new}, where=search_texts.c.text != new
        ),
        rows,
    )


def _insert(connection: AsyncConnection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _call_row(entry: CallBegan) -> dict[str, Any]:
    row = _plain_text(asdict(entry))
    row["id"] = row.pop("call")
    return row


def _turn_row(entry: ReplyKept) -> dict[str, Any]:
    row = _row(entry)
    del row["stages"]
    row["engines"] = _text(msgspec.json.encode(entry.engines).decode()) if entry.engines else ""
    row["fallback"] = any(one.why for one in entry.engines.values())
    return row


def _row(entry: Entry) -> dict[str, Any]:
    row = _plain_text(asdict(entry))
    row["call_id"] = row.pop("call")
    return row


def _plain_text(row: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL takes no NUL in a text, and neither database takes half of a surrogate pair."""
    return {name: _text(value) if isinstance(value, str) else value for name, value in row.items()}


def _text(value: str) -> str:
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def _change(entry: Change) -> dict[str, Any]:
    match entry:
        case RecordingFinished():
            return {"recording": entry.recording, "recording_bytes": entry.size}
        case CallOver():
            over = {"ended": entry.ended, "seconds": entry.seconds, "turns": entry.turns, "reason": entry.reason}
            return over | {"transferred_to": entry.transferred_to}
        case TurnBegan():
            return {"turns": entry.turns}
        case PersonAsked():
            return {"asked_for_person": True}


def _in_parts(ids: Sequence[str], size: int = AT_ONCE) -> Iterable[list[str]]:
    return (list(ids[at : at + size]) for at in range(0, len(ids), size))
