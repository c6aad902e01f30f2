"""A gateway's heartbeat to the others, every two seconds, over the PostgreSQL database that they share.

It tells how it fares and asks for leases of call slots. Calls never wait for it: what may be taken is decided by what
was granted last (`records.call_leases`), and without the database by this gateway's share.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from uuid import uuid4

import structlog

from lineside.gateway.call_registry import CallRegistry
from lineside.records.call_leases import RENEW_EVERY, SharedCap
from lineside.records.database import Database, Unavailable, Unwritable
from lineside.records.gateways import BeatAnswer, GatewayBeat, KnownGateway, beat, leave
from lineside.settings import Settings

log = structlog.get_logger()

GOODBYE = 1.0  # second for the database to hear that this gateway ends
WITHIN = 4.0  # seconds for the database to answer one heartbeat; the next one comes later


class GatewayLink:
    """What one gateway says to the others, and hears of them."""

    def __init__(self, settings: Settings, registry: CallRegistry, holders: Sequence[str]) -> None:
        """`holders` of keys, by name. The registry is told of a cap that all gateways share."""
        self._settings, self._registry = settings, registry
        self._shared = settings.records_url.startswith("postgres")
        self._cap: SharedCap | None = None
        if self._shared and settings.max_calls_per_key:
            self._cap = registry.shared_cap = SharedCap(settings.max_calls_per_key, holders)
        self._id, self._seq = uuid4().hex, 0
        self._name = f"{socket.gethostname()}:{settings.port}"
        self._version = metadata.version("lineside")
        self._known: tuple[KnownGateway, ...] = ()
        self._heard_at: float | None = None  # on the monotonic clock

    def gateways(self) -> tuple[tuple[KnownGateway, ...], float | None]:
        """All that are known, and the seconds since the database was heard; None: never, and this one is alone."""
        if self._heard_at is None:
            alone = KnownGateway(
                name=self._name,
                version=self._version,
                calls=self._registry.calls,
                max_calls=self._settings.max_concurrent_calls,
                draining=self._registry.closing,
                alive=True,
                seconds_ago=0.0,
                this=True,
            )
            return (alone,), None
        return self._known, round(time.monotonic() - self._heard_at, 1)

    async def run(self) -> None:
        """Tell, and ask; for as long as the gateway is open."""
        if not self._shared:
            await asyncio.Event().wait()
        store = Database(self._settings.records_url, self._settings.data_dir)
        reached = True
        try:
            while True:
                if reached != (reached := await self.tell(store)):
                    log.info("other gateways are heard again") if reached else log.warning("other gateways not heard")
                await asyncio.sleep(RENEW_EVERY)
        finally:
            await self._leave(store)
            await store.close()

    async def _leave(self, store: Database) -> None:
        """The others need not wait for the lease to end. Without the database they do."""
        with suppress(Unavailable, Unwritable, TimeoutError):
            async with asyncio.timeout(GOODBYE), store.transaction() as connection:
                await leave(connection, self._id)

    async def tell(self, store: Database) -> bool:
        """Send a heartbeat, and hear the answer; whether the database gave one."""
        self._seq += 1
        asked_at, heartbeat = time.monotonic(), self._heartbeat()
        try:
            async with asyncio.timeout(WITHIN), store.transaction() as connection:
                answer = await beat(connection, heartbeat)
        except (Unavailable, Unwritable, TimeoutError):
            return False
        if answer is not None:
            self._hear(answer, asked_at)
        return True

    def _heartbeat(self) -> GatewayBeat:
        leaving = self._registry.closing
        return GatewayBeat(
            id=self._id,
            seq=self._seq,
            name=self._name,
            version=self._version,
            calls=self._registry.calls,
            max_calls=self._settings.max_concurrent_calls,
            draining=leaving,
            cap=self._settings.max_calls_per_key,
            asks=tuple(self._cap.ask(self._registry.held_by, leaving=leaving)) if self._cap else (),
        )

    def _hear(self, answer: BeatAnswer, asked_at: float) -> None:
        self._known, self._heard_at = answer.gateways, asked_at
        if self._cap is not None:
            alive = sum(one.alive and not one.draining for one in answer.gateways)
            self._cap.answered(answer.grants, alive, asked_at)
