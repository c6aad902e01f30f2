"""An agent that is edited on one gateway's page answers on all that share a PostgreSQL database and an AGENT_FILE.

Every two seconds a gateway looks whether its own agent was changed, and saves it for the others; or whether another's
was, and takes it over as if it had been saved here. The last change wins.
"""

import asyncio
import hashlib

import msgspec
import structlog

from lineside.agents.agent import Agent
from lineside.agents.versions import version_of
from lineside.api.dependencies import AgentSource
from lineside.errors import UNREADABLE, ConfigError
from lineside.records.database import Database, Unavailable, Unwritable
from lineside.records.shared_agents import newer_agent, save_agent
from lineside.settings import Settings

log = structlog.get_logger()

LOOK_EVERY = 2.0  # seconds
REFUSED_FOR = 60.0  # seconds until an agent that could not be taken over is tried again
WITHIN = 4.0  # seconds for the database to answer


class AgentLink:
    """One gateway's agent, and the one that all share."""

    def __init__(self, settings: Settings, agents: AgentSource) -> None:
        self._settings, self._agents = settings, agents
        self._file = ""  # SHA-256 of AGENT_FILE
        self._seq = 0  # of the change that answers here
        self._version = version_of(agents.agent())  # that is known to the others, or as old as this process
        self._refused_until = 0.0  # on the loop's clock

    async def run(self) -> None:
        """Save and take over; for as long as the gateway is open."""
        if not self._settings.records_url.startswith("postgres"):
            await asyncio.Event().wait()
        store = Database(self._settings.records_url, self._settings.data_dir)
        try:
            while True:
                await self.look(store)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            await store.close()

    async def look(self, store: Database) -> None:
        """Look once; a database that is away is asked again."""
        own = self._agents.agent()
        try:
            async with asyncio.timeout(WITHIN):
                self._file = self._file or await asyncio.to_thread(self._digest)
                async with store.transaction() as connection:
                    if version_of(own) != self._version:
                        self._seq = await save_agent(connection, self._file, msgspec.json.encode(own).decode())
                        newer = None
                    else:
                        newer = await newer_agent(connection, self._file, self._seq)
        except (Unavailable, Unwritable, TimeoutError, OSError):
            return
        self._version = version_of(own)
        if newer is not None and asyncio.get_running_loop().time() >= self._refused_until:
            await self._take_over(newer.agent, newer.seq)

    async def _take_over(self, saved: str, seq: int) -> None:
        try:
            agent = msgspec.json.decode(saved, type=Agent)
            if version_of(agent) != self._version:
                await self._agents.change(agent, self._version)
                log.info("the agent that was saved on another gateway answers", version=version_of(agent))
        except (ConfigError, *UNREADABLE) as why:
            log.warning("the agent that was saved on another gateway cannot answer here", why=type(why).__name__)
            self._refused_until = asyncio.get_running_loop().time() + REFUSED_FOR
            return
        self._seq, self._version = seq, version_of(agent)

    def _digest(self) -> str:
        return hashlib.sha256(self._settings.agent_file.read_bytes()).hexdigest()
