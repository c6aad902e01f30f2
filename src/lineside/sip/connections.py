"""Connections over TCP and TLS: framed, limited in number and size, answered on the way that a message came."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Literal, cast

from lineside.sip.flow import Flow
from lineside.sip.framing import PONG, StreamFramer
from lineside.sip.guard import Guard
from lineside.sip.message import BadSip

MOST_OF_ONE, MOST = 10, 500  # connections
WHOLE_WITHIN = 10.0  # seconds from a connection to its first message, and from a message's first byte to its last
IDLE = 3600.0  # seconds without a byte; telephones send an empty line every two minutes
MOST_UNSENT = 256 * 1024  # bytes that a peer has not taken; then it is disconnected
CONNECT_WITHIN = 5.0  # seconds


class Connections:
    """All connections of one SIP port, ours and theirs."""

    def __init__(self, guard: Guard, take: Callable[[bytes, Flow], None], loop: asyncio.AbstractEventLoop) -> None:
        self.guard, self.take, self.loop = guard, take, loop
        self.by_host: Counter[str] = Counter()
        self._numbers = count(1)
        self._open: dict[int, _Connection] = {}

    def accept(self, transport: Literal["TCP", "TLS"]) -> "_Connection":
        """The protocol of a connection that comes in."""
        return _Connection(self, transport, next(self._numbers))

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None, name: str) -> Flow:
        """Connect to a peer, or use the connection that is open. Raises `OSError`."""
        transport: Literal["TCP", "TLS"] = "TLS" if tls is not None else "TCP"
        for connection in self._open.values():
            flow = connection.flow
            if flow is not None and (flow.transport, flow.host, flow.port) == (transport, host, port):
                return flow
        made = _Connection(self, transport, next(self._numbers), ours=True)
        async with asyncio.timeout(CONNECT_WITHIN):
            await self.loop.create_connection(
                lambda: made, host, port, ssl=tls, server_hostname=name if tls is not None else None
            )
        if made.flow is None:
            raise ConnectionError("disconnected")
        return made.flow

    def send(self, flow: Flow, data: bytes) -> None:
        """Send on the connection that the flow names; where it is gone, timers notice."""
        if (found := self._open.get(flow.connection)) is not None:
            found.send(data)

    def close(self) -> None:
        """Close all."""
        for connection in tuple(self._open.values()):
            connection.abort()

    def enter(self, number: int, connection: "_Connection", host: str, *, ours: bool) -> bool:
        """A connection is there; whether it may stay. One of ours may."""
        full = len(self._open) >= MOST or self.by_host[host] >= MOST_OF_ONE
        if not ours and (full or not self.guard.admits(host, self.loop.time())):
            return False
        self._open[number] = connection
        self.by_host[host] += 1
        return True

    def leave(self, number: int, host: str) -> None:
        """A connection is gone."""
        if self._open.pop(number, None) is not None:
            self.by_host[host] -= 1
            if not self.by_host[host]:
                del self.by_host[host]


class _Connection(asyncio.Protocol):
    def __init__(
        self, owner: Connections, transport: Literal["TCP", "TLS"], number: int, *, ours: bool = False
    ) -> None:
        self.flow: Flow | None = None
        self._owner, self._kind, self._number, self._ours = owner, transport, number, ours
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        host, port = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        if not self._owner.enter(self._number, self, host, ours=self._ours):
            self._transport.abort()
            return
        self.flow = Flow(self._kind, host, port, self._number)
        self._wait(IDLE if self._ours else WHOLE_WITHIN)

    def data_received(self, data: bytes) -> None:
        flow = self.flow
        if flow is None:
            return
        try:
            messages = self._framer.feed(data)
        except BadSip:
            self.abort()
            return
        for _ in range(min(self._framer.pings, 4)):
            self.send(PONG)
        for message in messages:
            verdict = self._owner.guard.judge(flow.host, message, self._owner.loop.time(), streamed=True)
            if verdict == "pass":
                self._owner.take(message, flow)
            elif verdict == "shut_out":
                self.abort()
                return
        if messages or not self._framer.partial:
            self._wait(WHOLE_WITHIN if self._framer.partial else IDLE)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late is not None:
            self._late.cancel()
        if self.flow is not None:
            self._owner.leave(self._number, self.flow.host)

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            self.abort()
            return
        self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _wait(self, seconds: float) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = self._owner.loop.call_later(seconds, self.abort)
