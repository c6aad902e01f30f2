"""A small call centre on this machine: callers, HAProxy, two gateways, PostgreSQL and an engine server.

    callers ── HAProxy ─┬─ gateway a ── cable ─┬─ PostgreSQL
                        └─ gateway b ── cable ─┴─ engine server

Each gateway has cables of its own to the database and to the engines; where the engine server does not answer, engines
in the gateway's own process stand in. Where calls are recorded, both reach one S3 store by one cable.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.chaos.cable import Cable, cable
from bench.chaos.engine_server import fixed_time_engines
from bench.chaos.engine_server import settings_of as settings_of_one
from bench.chaos.gateway_process import GatewayProcess
from bench.chaos.ray_engines import ray_engines
from bench.chaos.ray_engines import settings_of as settings_on_ray
from tests.gateway.balancers import balanced
from tests.records.database_servers import PostgreSQL
from tests.records.object_store import ObjectStore, object_store

from lineside.loadtest.server_under_test_main import AGENT, free_port

DRAIN = 120.0  # seconds that a gateway which is stopped leaves its calls


class Site(NamedTuple):
    """A gateway and what it hangs on."""

    gateway: GatewayProcess
    database: Cable
    engines: Cable


class Store(NamedTuple):
    """Where recordings go, and what they go by."""

    server: ObjectStore
    cable: Cable


class Centre:
    """All of it."""

    def __init__(
        self, url: str, sites: Sequence[Site], server: PostgreSQL, records_url: str, store: "Store | None"
    ) -> None:
        self.url, self.sites, self.server, self.store = url, sites, server, store
        self.database = urlsplit(records_url).path.lstrip("/")

    async def ask(self, sql: str) -> list[list[str]]:
        """The rows, as text."""
        answer = await asyncio.to_thread(self.server.tell, self.database, sql)
        return [line.split("|") for line in answer.splitlines()]


@asynccontextmanager
async def open_centre(
    folder: Path,
    server: PostgreSQL,
    extra: Mapping[str, Mapping[str, str]],
    *,
    on_ray: bool = False,
    records: bool = False,
) -> AsyncGenerator[Centre, None]:
    """Start everything; nothing is left after the block. `extra`: gateway → further environment.

    The mock engines are registered by the caller, with all its children.
    """
    records_url = server.new()
    (folder / "agent.toml").write_text(AGENT)
    async with AsyncExitStack() as stack:
        engine_port = await stack.enter_async_context(ray_engines() if on_ray else fixed_time_engines())
        database, store = urlsplit(records_url), None
        if records:
            store = await _open_store(stack)
        sites = []
        for name in ("a", "b"):
            to_database = await stack.enter_async_context(cable("127.0.0.1", database.port or 0))
            to_engines = await stack.enter_async_context(cable("127.0.0.1", engine_port))
            environment = {
                **_settings(folder),
                **(settings_on_ray if on_ray else settings_of_one)(to_engines.port),
                "RECORDS_URL": database._replace(netloc=f"lineside@127.0.0.1:{to_database.port}").geturl(),
                **({"RECORD_CALLS": "true", "RECORDINGS_URL": store.server.url_by(store.cable.port)} if store else {}),
                **extra.get(name, {}),
            }
            gateway = GatewayProcess(name, folder / name, free_port(), environment)
            stack.push_async_callback(gateway.end)
            sites.append(Site(gateway, to_database, to_engines))
        for site in sites:  # one after the other: the first makes the tables
            await site.gateway.start()
        first, second = (site.gateway.url for site in sites)
        url = await stack.enter_async_context(balanced("haproxy", folder, first, second, look_every="2s"))
        yield Centre(url, sites, server, records_url, store)


async def _open_store(stack: AsyncExitStack) -> Store:
    server = stack.enter_context(object_store())
    return Store(server, await stack.enter_async_context(cable("127.0.0.1", server.port)))


def _settings(folder: Path) -> dict[str, str]:
    return {
        "AGENT_FILE": str(folder / "agent.toml"),
        "TRUSTED_PROXIES": "127.0.0.1",
        "WORKERS": "1",
        "MAX_CONCURRENT_CALLS": "1000",
        "DRAIN_S": f"{DRAIN:g}",
        "TURN_PROFILE": "silence",  # the callers' words are no evidence
        "SPECULATION": "false",
        **{f"FALLBACK_{role}_ENGINES": "mock" for role in ("STT", "LLM", "TTS")},
    }
