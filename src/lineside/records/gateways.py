"""Gateways that share a database: how each fares, and the leases of call slots that they hold (`call_leases`).

PostgreSQL only. All times are of the database's clock; a gateway is alive while its lease lasts.
"""

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.records.call_leases import LEASE, LeaseAsk, LeaseGrant, decide
from lineside.records.tables import metadata

REMEMBERED = 600.0  # seconds that a gateway is still listed after its last heartbeat
LEASE_LOCK = 0x6C656173  # PostgreSQL's advisory lock of the transaction that grants leases: "leas"

gateways = sa.Table(
    "gateways",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("until", sa.Float, nullable=False),  # seconds since 1970: its leases end
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("max_calls", sa.Integer, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
)
leases = sa.Table(
    "call_leases",
    metadata,
    sa.Column(
        "gateway_id", sa.String(64), sa.ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True, nullable=False
    ),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("live", sa.Integer, nullable=False),
    sa.Column("short", sa.Boolean, nullable=False),
)
_clock = sa.func.extract("epoch", sa.func.clock_timestamp()).cast(sa.Float)


class GatewayBeat(Struct, frozen=True):
    """What a gateway tells of itself."""

    id: str  # of this life of it
    seq: int  # of its words: one that was overtaken is not listened to
    name: str
    version: str
    calls: int
    max_calls: int
    draining: bool
    cap: int = 0  # calls of each name below, over all gateways
    asks: tuple[LeaseAsk, ...] = ()


class KnownGateway(Struct, frozen=True):
    """A gateway, as the database knows it."""

    name: str  # of its machine, and its port
    version: str
    calls: int  # that are up
    max_calls: int
    draining: bool
    alive: bool
    seconds_ago: float  # since it was last heard of
    this: bool  # whether it is the one that answers


class BeatAnswer(Struct, frozen=True):
    """What it is answered."""

    grants: tuple[LeaseGrant, ...]
    gateways: tuple[KnownGateway, ...]


async def beat(connection: AsyncConnection, heartbeat: GatewayBeat) -> BeatAnswer | None:
    """Note how a gateway fares, grant it leases, and tell of the others. None: a later one was here before."""
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LEASE_LOCK)))
    now = float((await connection.execute(sa.select(_clock))).scalar_one())
    mine = {}
    if known := (await connection.execute(sa.select(gateways).where(gateways.c.id == heartbeat.id))).first():
        if known.seq >= heartbeat.seq:
            return None
        if known.until > now:
            held = await connection.execute(sa.select(leases.c.name, leases.c.slots).where(_of(heartbeat.id)))
            mine = {row.name: row.slots for row in held}
    await _note(connection, heartbeat, now)
    grants = await _grant(connection, heartbeat, mine, now)
    found = await connection.execute(sa.select(gateways).order_by(gateways.c.name, gateways.c.id))
    return BeatAnswer(tuple(grants), tuple(_known(row, heartbeat.id, now) for row in found))


async def leave(connection: AsyncConnection, gateway: str) -> None:
    """A gateway ends: it is listed no longer, and its slots are free at once."""
    await connection.execute(sa.delete(gateways).where(gateways.c.id == gateway))


def _of(gateway: str) -> "sa.ColumnElement[bool]":
    return leases.c.gateway_id == gateway


async def _note(connection: AsyncConnection, heartbeat: GatewayBeat, now: float) -> None:
    row = {
        "id": heartbeat.id,
        "seq": heartbeat.seq,
        "until": now + LEASE,
        "name": heartbeat.name,
        "version": heartbeat.version,
        "calls": heartbeat.calls,
        "max_calls": heartbeat.max_calls,
        "draining": heartbeat.draining,
    }
    await connection.execute(insert(gateways).values(row).on_conflict_do_update(index_elements=["id"], set_=row))
    former = sa.and_(gateways.c.name == heartbeat.name, gateways.c.id != heartbeat.id, gateways.c.until < now)
    forgotten = gateways.c.until < now - REMEMBERED
    await connection.execute(sa.delete(gateways).where(former | forgotten))  # its former life, and who is long gone


async def _grant(
    connection: AsyncConnection, heartbeat: GatewayBeat, mine: dict[str, int], now: float
) -> "list[LeaseGrant]":
    used = sa.func.sum(sa.func.greatest(leases.c.slots, leases.c.live)).label("used")
    short = sa.func.bool_or(leases.c.short).label("short")
    alive = sa.select(leases.c.name, used, short).join(gateways).where(gateways.c.until > now, ~_of(heartbeat.id))
    others = (await connection.execute(alive.group_by(leases.c.name))).all()
    grants = decide(
        heartbeat.cap,
        heartbeat.asks,
        {row.name: int(row.used) for row in others},
        mine,
        {row.name for row in others if row.short},
    )
    await connection.execute(sa.delete(leases).where(_of(heartbeat.id)))
    rows = [
        {"gateway_id": heartbeat.id, "name": ask.name, "slots": grant.slots, "live": ask.live, "short": ask.short}
        for ask, grant in zip(heartbeat.asks, grants, strict=True)
    ]
    if rows:
        await connection.execute(sa.insert(leases), rows)
    return grants


def _known(row: "sa.Row[tuple[object, ...]]", asker: str, now: float) -> KnownGateway:
    return KnownGateway(
        name=row.name,
        version=row.version,
        calls=row.calls,
        max_calls=row.max_calls,
        draining=row.draining,
        alive=row.until > now,
        seconds_ago=round(max(0.0, now - (row.until - LEASE)), 1),
        this=row.id == asker,
    )
