"""The connections of one HTTP server: how many from where, how long each may do nothing, how slowly it may read."""

import asyncio
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import cast

from aiohttp import web
from msgspec import Struct

# Bytes that the system holds for a peer that has not taken them; Linux doubles it, and holds megabytes where not told.
SEND_BYTES = 128 * 1024
LOOK_EVERY = 1.0  # seconds between two looks for connections whose time is up
MOST_FILES = 65_536  # descriptors; with more, programs that close all of them when they start take seconds
SPARE_FILES = 256  # descriptors that connections never take: records, recordings, models and workers need them


class FrontLimits(Struct, frozen=True):
    """How long a connection may do nothing, and how many may."""

    headers: float = 10.0  # seconds for the first request's header to come
    idle: float = 20.0  # seconds between two requests; above the 15 that aiohttp's client keeps one for use again
    body: float = 20.0  # seconds for a request's body
    answer: float = 20.0  # seconds in which a peer takes `least` bytes of an answer that waits for it
    least: int = 10_000  # 0: answers may be taken as slowly as one likes
    answering_one: int = 128  # requests of one address under way, calls not counted; one more is refused with 503
    waiting: int = 512  # connections without a request; with one more the oldest is closed
    waiting_from_one: int = 64  # the same, from one address


# Where programs of ours ask, over connections that they keep for as long as two minutes.
PROGRAMS = FrontLimits(idle=150.0, least=0, answering_one=1 << 30)


class _Connection:
    """One connection, and what it is doing."""

    def __init__(self, transport: asyncio.BaseTransport, now: float) -> None:
        peer = transport.get_extra_info("peername")
        # uvloop's transports are no subclass of asyncio's: whether one is must never be asked.
        self.transport = cast("asyncio.Transport", transport)
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.since = now  # when it came, or when its request began or ended
        self.requests = 0
        self.request: web.Request | None = None  # under way
        self.taken, self.taken_at = 0, now  # bytes of its answer, at the last time when enough had been taken


class HttpConnections:
    """The connections of one server."""

    def __init__(
        self, limits: FrontLimits, clock: Callable[[], float] = time.monotonic, most: int | None = None
    ) -> None:
        """`most`: connections at once; None: by the descriptors that this process may have."""
        self._limits, self._clock = limits, clock
        self._most = most or _connections()
        self._busy: dict[web.RequestHandler, _Connection] = {}  # with a request under way; a call is one too
        self._waiting: dict[web.RequestHandler, _Connection] = {}  # without; the oldest first
        self._waiting_from = Counter[str]()  # of them, by address
        self._busy_from = Counter[str]()  # the same of those with a request, calls too

    def __len__(self) -> int:
        return len(self._busy) + len(self._waiting)

    def came(self, handler: web.RequestHandler, transport: asyncio.BaseTransport) -> bool:
        """A connection came; False: there is no room for it."""
        now = self._clock()
        if len(self) >= self._most:
            self.sweep(now)
            if len(self) >= self._most:
                return False
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        it = _Connection(transport, now)
        self._wait(handler, it)
        while self._waiting_from[it.address] > self._limits.waiting_from_one:
            self._close(next(one for one, other in self._waiting.items() if other.address == it.address))
        while len(self._waiting) > self._limits.waiting:
            self._close(next(iter(self._waiting)))
        return True

    def begins(self, request: web.Request) -> bool:
        """A request's header has come; False: its address has too many under way."""
        if (it := self._forget(request.protocol)) is None:
            return True
        it.request, it.since = request, self._clock()
        it.taken, it.taken_at = 0, it.since
        it.requests += 1
        self._busy[request.protocol] = it
        self._busy_from[it.address] += 1
        return self._busy_from[it.address] <= self._limits.answering_one or self._has_room(it.address)

    def ended(self, request: web.Request) -> None:
        """A request has been answered."""
        if (it := self._forget(request.protocol)) is not None:
            it.request, it.since = None, self._clock()
            self._wait(request.protocol, it)

    def sweep(self, now: float) -> None:
        """Forget connections that are gone, and close those whose time is up."""
        limits = self._limits
        for handler, it in tuple(self._waiting.items()):
            if handler.transport is None or now - it.since > (limits.idle if it.requests else limits.headers):
                self._close(handler)
        for handler, it in tuple(self._busy.items()):
            slow = it.request is not None and now - it.since > limits.body and not it.request.content.is_eof()
            if handler.transport is None or slow or not self._takes(handler, it, now):
                self._close(handler)

    async def watch(self) -> None:
        """Look every second, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.sweep(self._clock())

    def _wait(self, handler: web.RequestHandler, it: _Connection) -> None:
        self._waiting[handler] = it
        self._waiting_from[it.address] += 1

    def _has_room(self, address: str) -> bool:
        """Whether this address has less under way than it may. Calls and other sockets have limits of their own."""
        under_way = (_answered(handler, it) for handler, it in self._busy.items() if it.address == address)
        return sum(under_way) <= self._limits.answering_one

    def _takes(self, handler: web.RequestHandler, it: _Connection, now: float) -> bool:
        """Whether the peer takes its answer fast enough, or none waits for it."""
        limits, transport = self._limits, it.transport
        if not limits.least or it.request is None or not _answered(handler, it):
            return True
        waiting = transport.get_write_buffer_size()
        written: int = getattr(it.request._payload_writer, "output_size", 0)
        if not waiting or written - waiting - it.taken >= limits.least:
            it.taken, it.taken_at = written - waiting, now
        return now - it.taken_at <= limits.answer

    def _forget(self, handler: web.RequestHandler) -> _Connection | None:
        if (it := self._waiting.pop(handler, None)) is not None:
            _count_down(self._waiting_from, it.address)
        elif (it := self._busy.pop(handler, None)) is not None:
            _count_down(self._busy_from, it.address)
        return it

    def _close(self, handler: web.RequestHandler) -> None:
        it = self._forget(handler)
        if it is not None and handler.transport is not None:
            if (sock := it.transport.get_extra_info("socket")) is not None:
                # What the system still has for a peer that takes nothing goes too, and not minutes later.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            it.transport.abort()


def _answered(handler: web.RequestHandler, it: _Connection) -> bool:
    """Whether HTTP is spoken on a connection: it has not become a call."""
    return it.transport.get_protocol() is handler


def _count_down(counter: Counter[str], address: str) -> None:
    counter[address] -= 1
    if not counter[address]:
        del counter[address]


def _connections() -> int:
    """As many as leave descriptors for what matters more than a new connection."""
    files = MOST_FILES
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return max(files // 2, files - SPARE_FILES)
