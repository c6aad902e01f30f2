"""The door for Realtime clients: `/v1/realtime`, a slot for each session, held here or by a worker."""

import secrets
import time
from typing import Annotated, Any, Literal

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta, Struct

from lineside.errors import CallRefused
from lineside.gateway.access import AccessGuard, client_of
from lineside.gateway.line_host import LineHost
from lineside.gateway.worker_pool import WorkerPool
from lineside.openai_api.errors import OpenAiError, openai_error
from lineside.openai_api.json_body import json_body
from lineside.realtime.errors import RealtimeError
from lineside.realtime.led_call import SOCKETS
from lineside.realtime.opening import USUAL_MODEL, RealtimeOpening, read_opening, realtime_socket
from lineside.realtime.session_config import new_session, updated_session
from lineside.transports.websocket_handshake import refusal

log = structlog.get_logger()

LARGEST_SESSION = 60_000  # bytes: it goes to a worker in one message
BETA = "The Realtime beta API is not served. Use the GA shape: leave out the header OpenAI-Beta."


class ExpiresAfter(Struct, frozen=True):
    """How long a client secret opens sessions."""

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=10, le=7200)] = 600


class SecretRequest(Struct, frozen=True):
    """The body of `POST /v1/realtime/client_secrets`."""

    expires_after: ExpiresAfter = ExpiresAfter()
    session: dict[str, Any] | None = None


class RealtimeLine:
    """Opens sessions."""

    def __init__(self, host: LineHost, access: AccessGuard, workers: WorkerPool | None) -> None:
        self._host, self._access, self._workers = host, access, workers

    def add_routes(self, app: web.Application) -> None:
        """Serve it."""
        app.router.add_get("/v1/realtime", self._open)
        app.router.add_post("/v1/realtime/client_secrets", self._mint)

    async def _open(self, request: web.Request) -> web.StreamResponse:
        if refused := refusal(request.method, request.headers):
            return openai_error(400, refused, code="no_websocket")
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if "realtime=v1" in request.headers.get("OpenAI-Beta", "") or "openai-beta.realtime-v1" in offered:
            return openai_error(400, BETA, code="beta_api_shape_disabled")
        secret: dict[str, Any] | None = self._access.secret_session(request, time.time())
        opening = read_opening(request.query, offered, secret)
        if "call_id" in request.query:
            return await self._attend(request, opening, by_secret=secret is not None)
        try:
            with self._host.slot(self._access.holder(request)) as handle:
                await self._hold(request, handle, opening)
                return web.Response()  # to nobody: the connection was the session's, and is gone
        except CallRefused as why:
            return openai_error(503, str(why), code="full")

    async def _attend(self, request: web.Request, opening: RealtimeOpening, *, by_secret: bool) -> web.StreamResponse:
        """A socket beside a call whose sound has a line of its own."""
        if by_secret:
            needed = "A client secret opens sessions of its own. Use a key beside a call."
            return openai_error(403, needed, code="insufficient_permissions")
        try:
            led = self._host.led_calls.find(request.query["call_id"])
        except OpenAiError as no:
            return openai_error(no.status, no.message, no.param, no.code)
        if not led.has_room:
            return openai_error(400, f"{SOCKETS} sockets are beside this call already.", "call_id", "call_full")
        if (transport := request.transport) is not None:
            ws = realtime_socket(request.protocol.connection_lost)
            ws.take_over(transport, request.headers["Sec-WebSocket-Key"], opening.subprotocol)
            await led.attend(ws)
        return web.Response()  # to nobody: the connection is gone

    async def _mint(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/realtime/client_secrets`: a key for a browser, bound to a session's configuration."""
        now = time.time()
        try:
            asked = await json_body(request, SecretRequest)
            given = asked.session or {"type": "realtime"}
            kind = "transcription" if given.get("type") == "transcription" else "realtime"
            model = str(given.get("model") or USUAL_MODEL)
            expires = int(now + asked.expires_after.seconds)
            session = new_session(f"sess_{secrets.token_hex(9)}", model, int(expires), kind)
            shown = updated_session(session, {"type": kind} | given)
            if len(msgspec.json.encode(given)) > LARGEST_SESSION:
                raise OpenAiError(400, f"the session has more than {LARGEST_SESSION} bytes", "session")
        except OpenAiError as no:
            return openai_error(no.status, no.message, no.param, no.code)
        except RealtimeError as no:
            return openai_error(400, no.message, no.param, no.code)
        secret = self._access.secrets.mint({"type": kind} | given, expires, now, self._access.holder(request))
        return web.json_response({"value": secret.value, "expires_at": expires, "session": shown})

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
