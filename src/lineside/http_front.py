"""The HTTP front of every server of ours: gateway, host agent and engine server.

aiohttp answers the requests. What it leaves open is closed here: compressed bodies, connections that send nothing or
send slowly, more connections than there are descriptors for, and headers that say what runs here.
"""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import structlog
from aiohttp import web, web_response
from aiohttp.typedefs import Handler, Middleware

from lineside.http_connections import MOST_FILES, PROGRAMS, FrontLimits, HttpConnections
from lineside.processes.background_work import BackgroundWork

__all__ = ["PROGRAMS", "FrontLimits", "error_response", "http_server", "raise_file_limit"]

log = structlog.get_logger()

SERVER = "lineside"
LONGEST_LINE = 16_384  # bytes of a first line: a filter of the history with every field in full, percent-encoded
BUSY = "your address has too many requests under way; wait for some of them"

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


def _guard(connections: HttpConnections) -> Middleware:
    """Around every request: from its header to the last byte of its answer it is counted."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        has_room = connections.begins(request)
        try:
            response = await _answer(request, handler) if has_room else _refused(503, "too_many_requests", BUSY)
            # Written here, and not by aiohttp afterwards: whoever takes it slowly is being answered still.
            await response.prepare(request)
            await response.write_eof()
            return response
        finally:
            connections.ended(request)

    return guard


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the application answers. A compressed body is refused before a byte is inflated."""
    if "Content-Encoding" in request.headers:
        return _refused(415, "unsupported_encoding", "send the body as it is, not compressed")
    try:
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


def _refused(status: int, code: str, message: str) -> web.Response:
    """A refusal that ends the connection: nothing more of it is read."""
    refused = error_response(status, code, message)
    refused.force_close()
    return refused


class _Gate(asyncio.Protocol):
    """Whoever comes is counted before aiohttp hears of them."""

    def __init__(self, front: HttpConnections, handler: web.RequestHandler) -> None:
        self._front, self._handler = front, handler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        if self._front.came(self._handler, transport):
            transport.set_protocol(self._handler)
            self._handler.connection_made(transport)
        else:
            cast("asyncio.Transport", transport).abort()  # uvloop's are no subclass of it


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
) -> AsyncGenerator[HttpConnections, None]:
    """Serve the application on this socket while the block runs.

    Args:
        app: its routes; it gets one more middleware, outside all others.
        listener: bound; closed with the block.
        grace: seconds for open requests at the end.
        limits: of its connections.
        end_with_client: cancel what is done for a client that goes away.
        work: goes on looking for connections whose time is up should that fail, and tells so.
    """
    front = HttpConnections(limits or FrontLimits())
    app.middlewares.insert(0, _guard(front))
    app.on_response_prepare.append(_headers)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=grace,
        handler_cancellation=end_with_client,
        auto_decompress=False,
        lingering_time=0.0,  # a refused request's body is not read: the connection is closed
        keepalive_timeout=front._limits.idle,
        max_line_size=LONGEST_LINE,
        logger=QUIET,
    )
    await runner.setup()
    made = runner.server
    assert made is not None, "runner.setup makes it"  # noqa: S101 - for the type
    watching = asyncio.create_task((work or BackgroundWork()).keep("connections", front.watch), name="connections")
    # A server that was killed leaves connections that the system waits out for a minute (TIME_WAIT). With this the next
    # one listens beside them; connections have what their listener has (`processes/ports.py` holds the port).
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
