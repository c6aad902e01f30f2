"""How often something has been done lately, of all calls that are kept: what limits an agent's file sets are held to.

Both reach over restarts and over all processes that write to the same records. Test calls do not count.
"""

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.records.business_tables import tool_calls
from lineside.records.tables import calls
from lineside.transports.call_facts import TEST_LINE

HOUR, DAY = 3600.0, 86_400.0  # seconds, that are over now: no calendar's
LONGEST_CALL = DAY  # no call is longer; one that began before may have used a tool since


class UseCounts(Struct, frozen=True):
    """How often within the last hour and the last 24 hours."""

    hour: int = 0
    day: int = 0
    day_by_caller: int = 0


async def tool_uses(connection: AsyncConnection, tool: str, caller: str, now: float) -> UseCounts:
    """Calls of a tool that ran, or run now. `caller` empty: nobody knows who calls, and counts for no caller."""
    when = calls.c.began + tool_calls.c.at
    counted = sa.select(
        _sum(when >= now - HOUR), sa.func.count(), _sum(sa.and_(calls.c.caller == caller, calls.c.caller != ""))
    )
    found = await connection.execute(
        counted.join(calls, calls.c.id == tool_calls.c.call_id).where(
            tool_calls.c.tool == tool,
            tool_calls.c.state != "refused",
            calls.c.line != TEST_LINE,
            calls.c.began >= now - DAY - LONGEST_CALL,
            when >= now - DAY,
        )
    )
    hour, day, by_caller = found.one()
    return UseCounts(int(hour or 0), int(day), int(by_caller or 0))


async def calls_by(connection: AsyncConnection, caller: str, now: float) -> UseCounts:
    """Calls of this caller that were answered, those under way included."""
    counted = sa.select(_sum(calls.c.began >= now - HOUR), sa.func.count()).select_from(calls)
    found = await connection.execute(
        counted.where(
            calls.c.caller == caller,
            calls.c.direction == "inbound",
            calls.c.line != TEST_LINE,
            calls.c.began >= now - DAY,
        )
    )
    hour, day = found.one()
    return UseCounts(int(hour or 0), int(day), int(day))


def _sum(condition: "sa.ColumnElement[bool]") -> "sa.ColumnElement[int]":
    return sa.func.sum(sa.case((condition, 1), else_=0))
