"""The door for Realtime clients over WebRTC: `POST /v1/realtime/calls` with an SDP offer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web
from aiohttp.web_request import FileField
from msgspec import Struct

from lineside.errors import UNREADABLE, CallRefused
from lineside.gateway.access import CALLS, AccessGuard, client_of
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.led_calls import CALL_ID
from lineside.gateway.line_host import LineHost
from lineside.gateway.webrtc_calls import MISSING, Begin, Offered, WebRtcCalls, for_pages, preflight
from lineside.openai_api.errors import OpenAiError, openai_error
from lineside.realtime.errors import RealtimeError
from lineside.realtime.opening import RealtimeOpening, read_opening
from lineside.settings import Settings
from lineside.transports.webrtc import can_webrtc
from lineside.transports.webrtc.offer import BadOffer

if TYPE_CHECKING:
    from lineside.transports.webrtc.connection import WebRtcConnection

log = structlog.get_logger()


class Offer(Struct, frozen=True):
    """What a client posts."""

    sdp: str
    session: dict[str, Any] | None = None


class RealtimeCalls:
    """Opens sessions over WebRTC."""

    def __init__(self, settings: Settings, host: LineHost, access: AccessGuard, calls: WebRtcCalls) -> None:
        self._settings, self._host, self._access, self._calls = settings, host, access, calls

    def add_routes(self, app: web.Application) -> None:
        """Serve it."""
        app.router.add_post(CALLS, self._create)
        app.router.add_options(CALLS, preflight)
        app.router.add_post(CALLS + "/{call_id}/hangup", self._hang_up)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            answer = await self._answer(request)
        except OpenAiError as no:
            answer = openai_error(no.status, no.message, no.param, no.code)
        except RealtimeError as no:
            answer = openai_error(400, no.message, no.param, no.code)
        except BadOffer as wrong:
            answer = openai_error(400, str(wrong), "sdp", "invalid_offer")
        except CallRefused as full:
            answer = openai_error(503, str(full), code="full")
        except web.HTTPInternalServerError as broken:
            answer = openai_error(500, broken.text or "")
        return for_pages(request, answer)

    async def _answer(self, request: web.Request) -> web.Response:
        if not can_webrtc():
            raise OpenAiError(501, MISSING, code="webrtc_not_installed")
        offer = await _read(request)
        secret = self._access.secret_session(request, time.time())
        opening = read_opening(request.query, "", secret if secret is not None else offer.session)
        made = await self._calls.answer(offer.sdp, self._access.holder(request), self._begin(opening))
        log.info("realtime call admitted", call=made.call_id, client=client_of(request))
        place = f"{request.path.rstrip('/')}/{CALL_ID}{made.call_id}"
        return web.Response(status=201, text=made.sdp, content_type="application/sdp", headers={"Location": place})

    def _begin(self, opening: RealtimeOpening) -> Begin:
        """The session that leads the call, known to programs beside it."""
        longest, engines, led_calls = self._settings.call_max_s, self._host.runner.engines, self._host.led_calls

        @contextmanager
        def begin(handle: CallHandle, connection: "WebRtcConnection") -> Iterator[Offered]:
            from lineside.realtime.track_opening import offered_track_session

            with led_calls.call(handle.id, lambda: connection.end("caller_hung_up")) as led:
                yield offered_track_session(led, connection, opening, engines, longest)

        return begin

    async def _hang_up(self, request: web.Request) -> web.StreamResponse:
        try:
            self._host.led_calls.find(request.match_info["call_id"]).end()
        except OpenAiError as no:
            return for_pages(request, openai_error(no.status, no.message, no.param, no.code))
        return for_pages(request, web.Response())


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
