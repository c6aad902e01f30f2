"""The door for Realtime clients over WebRTC: `POST /v1/realtime/calls` with an SDP offer, answered as the call begins.

The gateway's own process has the sound, whatever WORKERS is, as it has that of calls over SIP.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web
from aiohttp.web_request import FileField
from msgspec import Struct

from lineside.errors import UNREADABLE, CallRefused, TransportError
from lineside.gateway.access import CALLS, AccessGuard, client_of
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.led_calls import CALL_ID
from lineside.gateway.line_host import LineHost
from lineside.openai_api.errors import OpenAiError, openai_error
from lineside.realtime.errors import RealtimeError
from lineside.realtime.led_call import LedCall
from lineside.realtime.opening import RealtimeOpening, read_opening
from lineside.settings import Settings
from lineside.transports.webrtc import can_webrtc

if TYPE_CHECKING:
    from lineside.transports.webrtc.connection import WebRtcConnection

log = structlog.get_logger()

MISSING = "Calls over WebRTC need a package more: pip install 'lineside[webrtc]'."
USUAL_HEADERS = "Authorization, Content-Type"
ANSWERED_WITHIN = 10.0  # seconds for sockets to be opened and the answer to be written
SECONDS_TO_END = 10.0  # for calls whose end was told when the gateway closes; then they are cancelled


class Offer(Struct, frozen=True):
    """What a client posts."""

    sdp: str
    session: dict[str, Any] | None = None


class RealtimeCalls:
    """Opens sessions over WebRTC, and owns their tasks."""

    def __init__(self, settings: Settings, host: LineHost, access: AccessGuard) -> None:
        self._settings, self._host, self._access = settings, host, access
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[WebRtcConnection] = set()

    def add_routes(self, app: web.Application) -> None:
        """Serve it."""
        app.router.add_post(CALLS, self._create)
        app.router.add_options(CALLS, self._preflight)
        app.router.add_post(CALLS + "/{call_id}/hangup", self._hang_up)
        app.cleanup_ctx.append(self._owned)

    async def _owned(self, app: web.Application) -> AsyncGenerator[None, None]:
        yield
        for connection in self._connections:
            connection.end("server_stopping")
        if self._tasks and (left := (await asyncio.wait(self._tasks, timeout=SECONDS_TO_END))[1]):
            log.warning("calls over WebRTC were cut off", calls=len(left))
            for task in left:
                task.cancel()
            await asyncio.wait(left)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            answer = await self._answer(request)
        except OpenAiError as no:
            answer = openai_error(no.status, no.message, no.param, no.code)
        except RealtimeError as no:
            answer = openai_error(400, no.message, no.param, no.code)
        except CallRefused as full:
            answer = openai_error(503, str(full), code="full")
        return _for_pages(request, answer)

    async def _answer(self, request: web.Request) -> web.Response:
        if not can_webrtc():
            raise OpenAiError(501, MISSING, code="webrtc_not_installed")
        offer = await _read(request)
        secret = self._access.secret_session(request, time.time())
        opening = read_opening(request.query, "", secret if secret is not None else offer.session)
        ready: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        holder = self._access.holder(request)
        task = asyncio.create_task(self._hold(offer.sdp, opening, holder, ready), name="webrtc call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        either: list[asyncio.Future[Any]] = [ready, task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise OpenAiError(500, "The call could not be set up.")
        call_id, sdp = ready.result()
        log.info("realtime call admitted", call=call_id, client=client_of(request))
        place = f"{request.path.rstrip('/')}/{CALL_ID}{call_id}"
        return web.Response(status=201, text=sdp, content_type="application/sdp", headers={"Location": place})

    async def _hold(
        self, sdp: str, opening: RealtimeOpening, holder: str, ready: "asyncio.Future[tuple[str, str]]"
    ) -> None:
        """One call from its slot to its end. `ready` hears of the answer, or why there is none."""
        from lineside.transports.webrtc.connection import WebRtcConnection
        from lineside.transports.webrtc.ice_ports import IcePorts
        from lineside.transports.webrtc.offer import BadOffer

        chosen = self._settings
        where = IcePorts(chosen.webrtc_host or chosen.host, chosen.webrtc_port_range, chosen.webrtc_advertised_host)
        try:
            with self._host.slot(holder) as handle:
                connection = WebRtcConnection(where)
                self._connections.add(connection)
                try:
                    with self._host.led_calls.call(handle.id, lambda: connection.end("caller_hung_up")) as led:
                        await self._converse(handle, led, connection, sdp, opening, ready)
                finally:
                    self._connections.discard(connection)
                    await connection.close()
        except BadOffer as wrong:
            ready.set_exception(OpenAiError(400, str(wrong), "sdp", "invalid_offer"))
        except (CallRefused, RealtimeError) as why:
            if ready.done():
                log.warning("a realtime call was refused after its answer", why=str(why))
            else:
                ready.set_exception(why)
        except TransportError as fault:
            log.warning("a realtime call was refused", why=str(fault))
        except Exception:
            log.exception("a call over WebRTC could not be held")

    async def _converse(
        self,
        handle: CallHandle,
        led: LedCall,
        connection: "WebRtcConnection",
        sdp: str,
        opening: RealtimeOpening,
        ready: "asyncio.Future[tuple[str, str]]",
    ) -> None:
        from lineside.realtime.track_opening import offered_track_session

        longest = self._settings.call_max_s
        engines = self._host.runner.engines
        offered, session = offered_track_session(led, connection, opening, engines, longest)
        async with asyncio.timeout(ANSWERED_WITHIN):
            answer = await connection.answer(sdp)
        ready.set_result((handle.id, answer))
        if await connection.wait_connected():
            await self._host.run(handle, offered, session)
        else:
            log.warning("a call over WebRTC never connected", call=handle.id)

    async def _hang_up(self, request: web.Request) -> web.StreamResponse:
        try:
            self._host.led_calls.find(request.match_info["call_id"]).end()
        except OpenAiError as no:
            return _for_pages(request, openai_error(no.status, no.message, no.param, no.code))
        return _for_pages(request, web.Response())

    async def _preflight(self, request: web.Request) -> web.StreamResponse:
        """A page of another origin asks whether it may; which ones may, `AccessGuard` has decided."""
        allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600"}
        # Clients add headers of their own, such as X-OpenAI-Agents-SDK; none that a page may send is read but the key.
        allowed["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", USUAL_HEADERS)
        return _for_pages(request, web.Response(status=204, headers=allowed))


async def _read(request: web.Request) -> Offer:
    """The offer, as SDP alone or as a form with `sdp` and `session`. Raises `OpenAiError`."""
    try:
        if request.content_type == "application/sdp":
            return Offer((await request.read()).decode())
        if request.content_type != "multipart/form-data":
            wrong = "Send the SDP offer as application/sdp, or as multipart/form-data with the fields sdp and session."
            raise OpenAiError(415, wrong, code="invalid_content_type")
        form = await request.post()
        sdp, given = _text(form.get("sdp")), _text(form.get("session"))
    except web.HTTPRequestEntityTooLarge:
        raise OpenAiError(413, "The body is larger than the 1 MiB that is read.") from None
    except UnicodeDecodeError:
        raise OpenAiError(400, "The offer is not UTF-8.", "sdp", "invalid_offer") from None
    except ValueError:
        raise OpenAiError(400, "The form cannot be read.", code="invalid_value") from None
    try:
        return Offer(sdp, msgspec.json.decode(given, type=dict[str, Any]) if given else None)
    except UNREADABLE:
        raise OpenAiError(400, "The field session is no JSON object.", "session", "invalid_value") from None


def _text(field: str | bytes | bytearray | FileField | None) -> str:
    if isinstance(field, FileField):
        return field.file.read().decode()
    return field.decode() if isinstance(field, bytes | bytearray) else field or ""


def _for_pages(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """What a page of another origin may read of it."""
    if origin := request.headers.get("Origin"):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = "Location"
        answer.headers["Vary"] = "Origin"
    return answer
