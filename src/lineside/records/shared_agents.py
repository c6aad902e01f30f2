"""The agent that was last saved on a page, for all gateways that answer with the same AGENT_FILE. PostgreSQL only."""

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.records.tables import metadata

shared_agents = sa.Table(
    "shared_agents",
    metadata,
    sa.Column("file", sa.String(64), primary_key=True),  # SHA-256 of AGENT_FILE: a change belongs to the file as it was
    sa.Column("seq", sa.Integer, nullable=False),  # counts the changes
    sa.Column("agent", sa.Text, nullable=False),  # as JSON
)


class SavedAgent(Struct, frozen=True):
    """A change, and its number."""

    seq: int
    agent: str


async def save_agent(connection: AsyncConnection, file: str, agent: str) -> int:
    """Make this the newest; its number."""
    row = insert(shared_agents).values(file=file, seq=1, agent=agent)
    newer = {"seq": shared_agents.c.seq + 1, "agent": row.excluded.agent}
    saved = row.on_conflict_do_update(index_elements=["file"], set_=newer).returning(shared_agents.c.seq)
    return int((await connection.execute(saved)).scalar_one())


async def newer_agent(connection: AsyncConnection, file: str, than: int) -> SavedAgent | None:
    """The newest, where its number is higher."""
    asked = sa.select(shared_agents).where(shared_agents.c.file == file, shared_agents.c.seq > than)
    row = (await connection.execute(asked)).first()
    return None if row is None else SavedAgent(row.seq, row.agent)
