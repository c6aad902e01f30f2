"""The door for calls of our own protocol over WebRTC: `POST /rtc/call`, beside `/ws/call`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from lineside.client_messages import read_hello
from lineside.errors import UNREADABLE, CallRefused, TransportError
from lineside.gateway.access import RTC_CALL, AccessGuard, client_of
from lineside.gateway.browser_calls import LARGEST_FIRST, browser_facts
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.webrtc_calls import MISSING, Begin, Offered, WebRtcCalls, for_pages, preflight
from lineside.http_bodies import body_up_to
from lineside.http_front import error_response
from lineside.protocol import Error, FirstMessage, encode
from lineside.transports.base import AudioMeter
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.webrtc import can_webrtc
from lineside.transports.webrtc.offer import LARGEST, BadOffer
from lineside.transports.webrtc.receiver import RATE

if TYPE_CHECKING:
    from lineside.transports.webrtc.connection import WebRtcConnection

log = structlog.get_logger()

LARGEST_BODY = LARGEST_FIRST + 2 * LARGEST  # bytes: in JSON the ends of an offer's lines are escaped
SOUND = {"codec": "pcm", "sample_rate": RATE}  # of the call behind the tracks: the engines' side


class OfferedOverHttp(Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller's program posts."""

    sdp: str
    first: dict[str, Any] = {}  # the first message of the protocol, without `codec` and `sample_rate`


class BrowserRtcCalls:
    """Opens calls."""

    def __init__(self, access: AccessGuard, calls: WebRtcCalls) -> None:
        self._access, self._calls = access, calls

    def add_routes(self, app: web.Application) -> None:
        """Serve it."""
        app.router.add_post(RTC_CALL, self._create)
        app.router.add_options(RTC_CALL, preflight)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            answer = await self._answer(request)
        except TransportError as wrong:
            answer = error_response(400, wrong.code, str(wrong))
        except BadOffer as wrong:
            answer = error_response(400, "bad_offer", f"sdp: {wrong}")
        except CallRefused as full:
            answer = error_response(503, "full", str(full))
            answer.headers["Retry-After"] = "5"
        return for_pages(request, answer)

    async def _answer(self, request: web.Request) -> web.Response:
        if not can_webrtc():
            return error_response(501, "webrtc_not_installed", f"{MISSING} Until then call over /ws/call.")
        body = await body_up_to(request.content, LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            return error_response(413, "too_large", f"The body has more than {LARGEST_BODY} bytes.")
        offered = _read(body)
        hello = _first(offered.first)
        made = await self._calls.answer(offered.sdp, self._access.holder(request), _begin(hello))
        log.info("call admitted", call=made.call_id, client=client_of(request))
        return web.json_response({"call_id": made.call_id, "sdp": made.sdp}, status=201)


def _read(body: bytes) -> OfferedOverHttp:
    try:
        return msgspec.json.decode(body, type=OfferedOverHttp)
    except UNREADABLE as wrong:
        example = '{"sdp":"v=0…","first":{}}'
        raise TransportError("bad_first_message", f"body: {wrong}; send for example {example}") from None


def _first(given: dict[str, Any]) -> FirstMessage:
    if named := sorted(SOUND.keys() & given.keys()):
        why = f"first message: {named[0]}: over WebRTC sound is Opus in tracks; leave it out"
        raise TransportError("bad_first_message", why)
    return read_hello(msgspec.json.encode(given | SOUND))


def _begin(hello: FirstMessage) -> Begin:
    @contextmanager
    def begin(handle: CallHandle, connection: "WebRtcConnection") -> Iterator[Offered]:
        from lineside.transports.webrtc.browser import BrowserRtcTransport
        from lineside.transports.webrtc.outbox import ChannelOutbox

        outbox = ChannelOutbox(connection)

        def connect(meter: AudioMeter) -> CallLeg:
            transport = BrowserRtcTransport(connection, outbox, meter)
            return CallLeg(transport, transport)

        try:
            yield OfferedCall(browser_facts(hello, "opus"), hello, connect), None
        except TransportError as fault:  # such as an engine that there is not; told as over a WebSocket
            outbox.put(encode(Error(at=0.0, code=fault.code, message=str(fault), fatal=True)).decode())
            raise

    return begin
