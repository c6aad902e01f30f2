"""The door for Realtime clients: `/v1/realtime`, a slot for each session, held here or by a worker."""

import time
from typing import Any

import structlog
from aiohttp import web

from lineside.errors import CallRefused
from lineside.gateway.access import AccessGuard, client_of
from lineside.gateway.line_host import LineHost
from lineside.gateway.worker_pool import WorkerPool
from lineside.openai_api.errors import openai_error
from lineside.realtime.opening import RealtimeOpening, read_opening, realtime_socket
from lineside.transports.websocket_handshake import refusal

log = structlog.get_logger()

BETA = "The Realtime beta API is not served. Use the GA shape: leave out the header OpenAI-Beta."


class RealtimeLine:
    """Opens sessions."""

    def __init__(self, host: LineHost, access: AccessGuard, workers: WorkerPool | None) -> None:
        self._host, self._access, self._workers = host, access, workers

    def add_routes(self, app: web.Application) -> None:
        """Serve it."""
        app.router.add_get("/v1/realtime", self._open)

    async def _open(self, request: web.Request) -> web.StreamResponse:
        if refused := refusal(request.method, request.headers):
            return openai_error(400, refused, code="no_websocket")
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if "realtime=v1" in request.headers.get("OpenAI-Beta", "") or "openai-beta.realtime-v1" in offered:
            return openai_error(400, BETA, code="beta_api_shape_disabled")
        secret: dict[str, Any] | None = self._access.secret_session(request, time.time())
        opening = read_opening(request.query, offered, secret)
        try:
            with self._host.slot(self._access.holder(request)) as handle:
                await self._hold(request, handle, opening)
                return web.Response()  # to nobody: the connection was the session's, and is gone
        except CallRefused as why:
            return openai_error(503, str(why), code="full")

    async def _hold(self, request: web.Request, handle: Any, opening: RealtimeOpening) -> None:
        transport = request.transport
        if transport is None:
            return
        key = request.headers["Sec-WebSocket-Key"]
        log.info("realtime session admitted", call=handle.id, client=client_of(request))
        if self._workers is not None:
            await self._workers.run_call(handle, transport, key, opening)
            return
        ws = realtime_socket(request.protocol.connection_lost)
        ws.take_over(transport, key, opening.subprotocol)
        await self._host.runner.run_realtime(handle, ws, opening)
