"""The caller's business in the database: its tables, what is written to them and read from them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.records.business_entries import (
    BusinessEntry,
    KeptSlot,
    KeptTask,
    KeptToolCall,
    SlotKept,
    TaskKept,
    ToolCallKept,
)
from lineside.records.tables import metadata, of_call

tool_calls = sa.Table(
    "tool_calls",
    metadata,
    of_call(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("reply", sa.Integer, nullable=False),
    sa.Column("tool", sa.String(64), nullable=False),
    sa.Column("effect", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),  # JSON
    sa.Column("gives", sa.Text, nullable=False),  # JSON
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("ms", sa.Float),
    sa.Column("heard", sa.Boolean, nullable=False),
)
slots = sa.Table(
    "slots",
    metadata,
    of_call(),
    sa.Column("slot", sa.String(64), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("sure", sa.Boolean, nullable=False),
    sa.Column("filled_by", sa.String(16), nullable=False),
)
tasks = sa.Table(
    "tasks",
    metadata,
    of_call(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("task", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
)
BUSINESS = (tool_calls, slots, tasks)
KEYS = {tool_calls: ("call_id", "number"), slots: ("call_id", "slot"), tasks: ("call_id", "number")}
_TABLES = {ToolCallKept: tool_calls, SlotKept: slots, TaskKept: tasks}


def rows(entries: Iterable[BusinessEntry]) -> dict[sa.Table, list[dict[str, Any]]]:
    """What is to be written, by table; of entries with one key the last."""
    found: dict[sa.Table, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for entry in entries:
        row = asdict(entry)
        row["call_id"] = row.pop("call")
        for name, value in row.items():
            if isinstance(value, dict):
                row[name] = msgspec.json.encode(value).decode()
            elif isinstance(value, str):
                row[name] = value.replace("\0", "").encode("utf-8", "replace").decode()
        table = _TABLES[type(entry)]
        found.setdefault(table, {})[tuple(row[name] for name in KEYS[table])] = row
    return {table: list(by_key.values()) for table, by_key in found.items()}


async def leave_unknown(connection: AsyncConnection, call: str) -> None:
    """The process of a call died: what it had begun to change may have been changed or not."""
    began = sa.and_(tool_calls.c.call_id == call, tool_calls.c.state == "running")
    why = {"state": "unknown", "why": "the process died before the outcome was known"}
    await connection.execute(sa.update(tool_calls).where(began).values(why))


class Business(msgspec.Struct, frozen=True):
    """The business of one call."""

    tool_calls: tuple[KeptToolCall, ...] = ()
    slots: tuple[KeptSlot, ...] = ()
    tasks: tuple[KeptTask, ...] = ()


async def business_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Business]:
    """What was done in these calls, some hundreds at most."""
    found: dict[str, dict[str, list[Any]]] = {each: {"tool_calls": [], "slots": [], "tasks": []} for each in ids}
    for table, kind in ((tool_calls, KeptToolCall), (slots, KeptSlot), (tasks, KeptTask)):
        wanted = sa.select(table).where(table.c.call_id.in_(ids)).order_by(table.c.at, *table.primary_key.columns)
        for row in await connection.execute(wanted):
            given = {name: value for name, value in row._mapping.items() if name in kind.__struct_fields__}
            for name in ("arguments", "gives"):
                if name in given:
                    given[name] = msgspec.json.decode(given[name])
            found[row.call_id][table.name].append(kind(**given))
    return {each: Business(**{name: tuple(rows) for name, rows in parts.items()}) for each, parts in found.items()}
