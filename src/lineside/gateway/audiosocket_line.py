"""The AudioSocket port: a ticket's UUID opens it, and nothing else."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from msgspec.structs import replace

from lineside.errors import CallRefused, TransportError
from lineside.gateway.dialplan_control import DialplanControl
from lineside.gateway.line_host import LineHost
from lineside.gateway.tickets import TicketStore
from lineside.processes.ports import listening_socket
from lineside.protocol import FirstMessage
from lineside.settings import Settings
from lineside.transports.audiosocket import FIRST_WITHIN, AudioSocket, AudioSocketTransport
from lineside.transports.base import AudioMeter
from lineside.transports.line_control import CallLeg, OfferedCall

log = structlog.get_logger()

LINE = "audiosocket"
STRANGERS = 64  # connections that have not shown a ticket yet; one more is closed


class AudioSocketLine:
    """The port of a gateway, open while `opened` runs."""

    def __init__(self, settings: Settings, host: LineHost, tickets: TicketStore) -> None:
        self._settings, self._host, self._tickets = settings, host, tickets
        self._strangers = 0
        self._tasks: asyncio.TaskGroup
        self.port = 0

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator["AudioSocketLine", None]:
        """Take calls while the block runs. Raises `ConfigError` where the port cannot be had."""
        settings = self._settings
        listener = listening_socket(
            settings.audiosocket_host,
            settings.audiosocket_port,
            host_name="AUDIOSOCKET_HOST",
            port_name="AUDIOSOCKET_PORT",
            advice="choose another, e.g. AUDIOSOCKET_PORT=9093",
        )
        self.port = listener.getsockname()[1]
        async with asyncio.TaskGroup() as self._tasks:
            server = await asyncio.get_running_loop().create_server(self._accept, sock=listener, backlog=64)
            try:
                yield self
            finally:
                server.close()

    def _accept(self) -> AudioSocket:
        connection = AudioSocket()
        self._tasks.create_task(self._hold(connection), name="audiosocket call")
        return connection

    async def _hold(self, connection: AudioSocket) -> None:
        try:
            await self._take(connection)
        except (TransportError, CallRefused) as why:
            log.warning("an AudioSocket connection was refused", why=str(why))
        except Exception:
            log.exception("a call over AudioSocket could not be held")
        finally:
            connection.end()

    async def _take(self, connection: AudioSocket) -> None:
        ticket_name = await self._named(connection)
        ticket = self._tickets.redeem(ticket_name, LINE, time.monotonic())
        if ticket is None:
            raise TransportError("bad_first_message", "audiosocket: an unknown or used UUID")
        with self._host.slot() as handle:
            rate = await _in_time(connection.rated)
            control = DialplanControl(self._tickets, ticket_name)

            def connect(meter: AudioMeter) -> CallLeg:
                transport = AudioSocketTransport(connection, rate, meter, control)
                return CallLeg(transport, transport)

            facts = replace(ticket.facts, codec=f"slin{rate // 1000}")
            first = FirstMessage(
                codec="pcm",
                sample_rate=rate,
                caller=facts.caller[:200],
                tools=not facts.test,
            )
            await self._host.run(handle, OfferedCall(facts, first, connect))

    async def _named(self, connection: AudioSocket) -> str:
        """The UUID, from one of few who have not shown one."""
        if self._strangers >= STRANGERS:
            raise TransportError("bad_first_message", "audiosocket: too many connections without a UUID")
        self._strangers += 1
        try:
            return await _in_time(connection.named)
        finally:
            self._strangers -= 1


T = TypeVar("T")


async def _in_time(what: "asyncio.Future[T]") -> T:
    """Raises `TransportError` when it does not come, or the peer is gone."""
    await asyncio.wait([what], timeout=FIRST_WITHIN)
    if what.done() and not what.cancelled():
        return what.result()
    raise TransportError("no_first_message", f"audiosocket: no UUID and sound within {FIRST_WITHIN:g} s")
