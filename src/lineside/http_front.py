"""The HTTP front of every server of ours: gateway, host agent and engine server.

aiohttp answers the requests. What it leaves open is closed here: compressed bodies, connections that send nothing or
send slowly, more connections than there are descriptors for, and headers that say what runs here.
"""

import asyncio
import logging
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web, web_response
from aiohttp.typedefs import Handler
from msgspec import Struct

from lineside.processes.background_work import BackgroundWork

log = structlog.get_logger()

LOOK_EVERY = 1.0  # seconds between two looks for connections whose time is up
MOST_FILES = 65_536  # descriptors; with more, programs that close all of them when they start take seconds
SPARE_FILES = 256  # descriptors that connections never take: records, recordings, models and workers need them
SERVER = "lineside"

web_response.SERVER_SOFTWARE = SERVER  # type: ignore[attr-defined]  # in place of the versions of Python and aiohttp, on refusals of its own too
# aiohttp logs a refused request with its whole first line, a token in it included, and a traceback for each.
QUIET = logging.getLogger("lineside.http_front.aiohttp")
QUIET.disabled = True


def error_response(status: int, code: str, message: str) -> web.Response:
    """The answer of every server of ours to what cannot be done.

    Args:
        status: of HTTP.
        code: short and fixed, for programs.
        message: a sentence for people: what was wrong, and what to do.
    """
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


class FrontLimits(Struct, frozen=True):
    """How long a connection may do nothing, and how many may."""

    headers: float = 10.0  # seconds for the first request's header to come
    idle: float = 20.0  # seconds between two requests; above the 15 that aiohttp's client keeps one for use again
    body: float = 20.0  # seconds for a request's body
    waiting: int = 512  # connections without a request; with one more the oldest is closed
    waiting_from_one: int = 64  # the same, from one address


# Where programs of ours ask, over connections that they keep for as long as two minutes.
PROGRAMS = FrontLimits(idle=150.0)


class _Connection:
    """One connection, and what it is doing."""

    def __init__(self, transport: asyncio.BaseTransport, now: float) -> None:
        peer = transport.get_extra_info("peername")
        self.transport = transport
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.since = now  # when it came, or when its request began or ended
        self.requests = 0
        self.request: web.Request | None = None  # under way


class HttpFront:
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

    def __len__(self) -> int:
        return len(self._busy) + len(self._waiting)

    def came(self, handler: web.RequestHandler, transport: asyncio.BaseTransport) -> bool:
        """A connection came; False: there is no room for it."""
        now = self._clock()
        if len(self) >= self._most:
            self.sweep(now)
            if len(self) >= self._most:
                return False
        it = _Connection(transport, now)
        self._wait(handler, it)
        while self._waiting_from[it.address] > self._limits.waiting_from_one:
            self._close(next(one for one, other in self._waiting.items() if other.address == it.address))
        while len(self._waiting) > self._limits.waiting:
            self._close(next(iter(self._waiting)))
        return True

    def begins(self, request: web.Request) -> None:
        """A request's header has come."""
        if (it := self._forget(request.protocol)) is not None:
            it.request, it.since = request, self._clock()
            it.requests += 1
            self._busy[request.protocol] = it

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
            if handler.transport is None or slow:
                self._close(handler)

    async def watch(self) -> None:
        """Look every second, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.sweep(self._clock())

    def _wait(self, handler: web.RequestHandler, it: _Connection) -> None:
        self._waiting[handler] = it
        self._waiting_from[it.address] += 1

    def _forget(self, handler: web.RequestHandler) -> _Connection | None:
        if (it := self._waiting.pop(handler, None)) is None:
            return self._busy.pop(handler, None)
        self._waiting_from[it.address] -= 1
        if not self._waiting_from[it.address]:
            del self._waiting_from[it.address]
        return it

    def _close(self, handler: web.RequestHandler) -> None:
        it = self._forget(handler)
        if it is not None and handler.transport is not None and isinstance(it.transport, asyncio.Transport):
            it.transport.abort()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Around every request: its time is counted, and a compressed body is refused before a byte is inflated."""
        self.begins(request)
        try:
            if "Content-Encoding" in request.headers:
                refused = error_response(415, "unsupported_encoding", "send the body as it is, not compressed")
                refused.force_close()
                return refused
            return await handler(request)
        except (web.HTTPException, ConnectionError, asyncio.CancelledError):
            raise
        except Exception as fault:  # a bug of ours; its words may be a caller's, so its kind and place are logged
            place = fault.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else ""
            log.error("request failed", path=request.path, kind=type(fault).__name__, where=where)
            return error_response(500, "internal_error", "something broke inside lineside; its log says where")
        finally:
            self.ended(request)


class _Gate(asyncio.Protocol):
    """Whoever comes is counted before aiohttp hears of them."""

    def __init__(self, front: HttpFront, handler: web.RequestHandler) -> None:
        self._front, self._handler = front, handler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        if self._front.came(self._handler, transport):
            transport.set_protocol(self._handler)
            self._handler.connection_made(transport)
        elif isinstance(transport, asyncio.Transport):
            transport.abort()


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, streams and refusals included."""
    response.headers["Server"] = SERVER
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"


@asynccontextmanager
async def http_server(
    app: web.Application,
    listener: socket.socket,
    *,
    grace: float,
    limits: FrontLimits | None = None,
    end_with_client: bool = False,
    work: BackgroundWork | None = None,
) -> AsyncGenerator[HttpFront, None]:
    """Serve the application on this socket while the block runs.

    Args:
        app: its routes; it gets one more middleware, outside all others.
        listener: bound; closed with the block.
        grace: seconds for open requests at the end.
        limits: of its connections.
        end_with_client: cancel what is done for a client that goes away.
        work: goes on looking for connections whose time is up should that fail, and tells so.
    """
    front = HttpFront(limits or FrontLimits())
    app.middlewares.insert(0, front.guard)
    app.on_response_prepare.append(_headers)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=grace,
        handler_cancellation=end_with_client,
        auto_decompress=False,
        lingering_time=0.0,  # a refused request's body is not read: the connection is closed
        keepalive_timeout=front._limits.idle,
        logger=QUIET,
    )
    await runner.setup()
    made = runner.server
    assert made is not None, "runner.setup makes it"  # noqa: S101 - for the type
    watching = asyncio.create_task((work or BackgroundWork()).keep("connections", front.watch), name="connections")
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Gate(front, made()), sock=listener, backlog=128
        )
        try:
            yield front
        finally:
            server.close()
    finally:
        watching.cancel()
        await runner.cleanup()


def raise_file_limit() -> None:
    """Allow this process as many descriptors as it may have."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _connections() -> int:
    """As many as leave descriptors for what matters more than a new connection."""
    files = MOST_FILES
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return max(files // 2, files - SPARE_FILES)
