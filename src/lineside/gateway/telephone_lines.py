"""The doors for telephone lines that come over HTTP: carriers' webhooks and media sockets, Asterisk's questions.

The calls are held in the gateway's own process, whatever WORKERS is: tickets, webhooks and control are here.
"""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

import aiohttp
import msgspec
import structlog
from aiohttp import web
from msgspec.structs import replace

from lineside.errors import CallRefused, TransportError
from lineside.gateway.base_path import path_below
from lineside.gateway.carriers import plivo, twiml
from lineside.gateway.carriers.account import CarrierAccount, Webhook, WebhookAnswer
from lineside.gateway.carriers.accounts import carriers_of
from lineside.gateway.dialplan_control import DialplanControl
from lineside.gateway.line_host import LineHost
from lineside.gateway.tickets import Ticket, TicketStore
from lineside.http_front import error_response
from lineside.protocol import FirstMessage
from lineside.settings import Settings
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import CallFacts, allowed_headers, clean
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.line_control import CallLeg, LineControl, OfferedCall
from lineside.transports.media_streams.asterisk import AsteriskDialect
from lineside.transports.media_streams.dialect import StreamDialect, StreamStarted
from lineside.transports.media_streams.stream import MediaStream, started, stream_codec
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import POLICY_VIOLATION
from lineside.transports.websocket_handshake import chosen, refusal

log = structlog.get_logger()

LARGEST = 256 * 1024  # bytes of one message of a media socket
BEAT = 20.0  # seconds between pings
LARGEST_BODY = 64 * 1024  # bytes of a webhook
SUBPROTOCOLS = ("media",)  # Asterisk offers it; its own server and others ask for an echo
NOT_REACHED = "I am sorry, nobody could take your call just now. How else can I help you?"


class TelephoneLines:
    """Routes under /lines, and the tickets that they share with the AudioSocket port."""

    def __init__(self, settings: Settings, host: LineHost, http: aiohttp.ClientSession) -> None:
        """Raises `ConfigError`."""
        self._settings, self._host = settings, host
        self._carriers = carriers_of(settings, http)
        self.tickets = TicketStore()

    def add_routes(self, app: web.Application) -> None:
        """Those of the lines that are on."""
        if self._carriers:
            for path, answer in (("answer", self._answer), ("dialled", self._dialled), ("moved", self._moved)):
                app.router.add_route("*", f"/lines/{{carrier:[a-z]+}}/{path}", answer)
            app.router.add_route("*", "/lines/{carrier:[a-z]+}/fallback", self._fallback)
            app.router.add_get("/lines/{carrier:[a-z]+}/media/{ticket}", self._media)
        if self._settings.asterisk or self._settings.audiosocket_port:
            app.router.add_route("*", "/lines/asterisk/ticket", self._asterisk_ticket)
            app.router.add_route("*", "/lines/asterisk/next", self._asterisk_next)
        if self._settings.asterisk:
            app.router.add_get("/lines/asterisk", self._asterisk)

    def opens_by_itself(self, path: str) -> bool:
        """Whether a request is let in by a signature or a ticket, and needs no key."""
        return path == "/lines/asterisk" or any(path.startswith(f"/lines/{line}/") for line in self._carriers)

    # ── carriers ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: web.Request) -> web.Response:
        account, asked = await self._genuine(request)
        if account is None:
            return _forbidden()
        if not self._host.has_room:
            return _said(account.refuse(asked))
        return self._connect(account, asked)

    def _connect(self, account: CarrierAccount, asked: Webhook, greeting: str | None = None) -> web.Response:
        facts = self._cleaned(account.facts(asked))
        try:
            ticket = self.tickets.issue(Ticket(facts, greeting), time.monotonic())
        except CallRefused:
            return _said(account.refuse(asked))
        socket = self._settings.public_url.replace("https://", "wss://", 1)
        return _said(account.connect(f"{socket}/lines/{account.line}/media/{ticket}", asked))

    async def _fallback(self, request: web.Request) -> web.Response:
        account, asked = await self._genuine(request)
        return _forbidden() if account is None else _said(account.refuse(asked))

    async def _dialled(self, request: web.Request) -> web.Response:
        """What became of a transfer by `<Dial>`: where nobody took it, the caller is back with us."""
        account, asked = await self._genuine(request)
        if account is None:
            return _forbidden()
        if asked.given.get("DialCallStatus", "") in ("completed", "answered"):
            return _said(twiml.hang_up())
        return self._connect(account, asked, NOT_REACHED)

    async def _moved(self, request: web.Request) -> web.Response:
        """Plivo asks what the caller's leg does now."""
        account, asked = await self._genuine(request)
        return _forbidden() if account is None else _said(plivo.dial(asked.query.get("to", "")))

    async def _genuine(self, request: web.Request) -> tuple[CarrierAccount | None, Webhook]:
        """The carrier that asks, if its signature says so."""
        body = await request.content.read(LARGEST_BODY + 1)
        asked = Webhook(
            method=request.method,
            url=self._settings.public_url + path_below(request.path_qs, self._settings.base_path),
            query=dict(request.query),
            form=_form(request.content_type, body),
            headers=request.headers,
            body=body,
            now=time.time(),
        )
        account = self._carriers.get(request.match_info["carrier"])
        if account is None or len(body) > LARGEST_BODY or not account.is_genuine(asked):
            log.warning("a webhook without a right signature was refused", line=request.match_info["carrier"])
            return None, asked
        return account, asked

    async def _media(self, request: web.Request) -> web.StreamResponse:
        account = self._carriers.get(request.match_info["carrier"])
        if account is None:
            return _forbidden()
        ticket = self.tickets.redeem(request.match_info["ticket"], account.line, time.monotonic())
        if ticket is None or "Origin" in request.headers:
            return _forbidden()

        def control(begun: StreamStarted, facts: CallFacts) -> LineControl | None:
            return account.control(facts.carrier_call_id or begun.call, facts)

        return await self._hold(request, account.dialect(), ticket, control)

    # ── Asterisk ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _asterisk_ticket(self, request: web.Request) -> web.Response:
        """A dialplan announces a call; the answer is its ticket, or nothing where there is no room."""
        given = dict(request.query) | _form(request.content_type, await request.content.read(LARGEST_BODY))
        line = "audiosocket" if given.get("line") == "audiosocket" else "asterisk"
        if not self._host.has_room:
            return web.Response(text="")
        facts = CallFacts(
            line=line,
            caller=given.get("from", ""),
            called=given.get("to", ""),
            diverted_from=given.get("diverted", ""),
            carrier_call_id=given.get("id", ""),
            headers=given,
        )
        try:
            return web.Response(text=self.tickets.issue(Ticket(self._cleaned(facts)), time.monotonic()))
        except CallRefused:
            return web.Response(text="")

    async def _asterisk_next(self, request: web.Request) -> web.Response:
        """After a call: `transfer,TARGET`, `hangup`, or nothing: then the caller goes to the queue."""
        return web.Response(text=self.tickets.take_next(request.query.get("t", ""), time.monotonic()))

    async def _asterisk(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("t", "")
        ticket = self.tickets.redeem(name, "asterisk", time.monotonic())
        if ticket is None or "Origin" in request.headers:
            return _forbidden()

        def control(begun: StreamStarted, facts: CallFacts) -> LineControl | None:
            return DialplanControl(self.tickets, name)

        return await self._hold(request, AsteriskDialect(), ticket, control, pings=False)

    # ── both ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _hold(
        self,
        request: web.Request,
        dialect: StreamDialect,
        ticket: Ticket,
        control: Callable[[StreamStarted, CallFacts], LineControl | None],
        *,
        pings: bool = True,
    ) -> web.StreamResponse:
        """Take a slot, open the socket, hold the call."""
        if refused := refusal(request.method, request.headers):
            return error_response(400, "no_websocket", refused)
        transport, host = request.transport, self._host
        if transport is None:
            return web.Response()
        try:
            with host.slot() as handle:
                ws = WebSocket(
                    LARGEST,
                    BEAT,
                    request.protocol.connection_lost,
                    pings=pings,
                    sound_in_text=dialect.sound_in_text,
                )
                offered = chosen(request.headers.get("Sec-WebSocket-Protocol"), SUBPROTOCOLS)
                ws.take_over(transport, request.headers["Sec-WebSocket-Key"], offered)
                try:
                    await host.run(handle, await self._offered(ws, dialect, ticket, control))
                except TransportError as fault:
                    log.warning("a media stream was refused", line=dialect.line, why=str(fault))
                    await _close(ws)
                finally:
                    ws.abort()
            return web.Response()
        except CallRefused as full:
            response = error_response(503, "full", str(full))
            response.headers["Retry-After"] = "5"
            return response

    async def _offered(
        self,
        ws: WebSocket,
        dialect: StreamDialect,
        ticket: Ticket,
        control: Callable[[StreamStarted, CallFacts], LineControl | None],
    ) -> OfferedCall:
        begun, early = await started(ws, dialect)
        codec, rate = stream_codec(begun, dialect)
        known = ticket.facts
        told = self._cleaned(CallFacts(line=dialect.line, headers=begun.parameters))
        facts = replace(
            known,
            caller=known.caller or clean(begun.caller),
            called=known.called or clean(begun.called),
            carrier_call_id=known.carrier_call_id or clean(begun.call),
            headers=known.headers | told.headers,
            codec=begun.encoding,
        )
        first = FirstMessage(codec=codec, sample_rate=rate, caller=facts.caller[:200], greeting=ticket.greeting)

        def connect(meter: AudioMeter) -> CallLeg:
            stream = MediaStream(ws, dialect, begun, meter, early, control(begun, facts))
            return CallLeg(FrameGrace(stream) if dialect.line in ("plivo", "exotel") else stream, stream)

        return OfferedCall(facts, first, connect)

    def _cleaned(self, facts: CallFacts) -> CallFacts:
        """Values from outside as one line each; headers by the allow-list."""
        return replace(
            facts,
            caller=clean(facts.caller),
            called=clean(facts.called, 200),
            diverted_from=clean(facts.diverted_from),
            carrier_call_id=clean(facts.carrier_call_id),
            headers=allowed_headers(dict(facts.headers), self._settings.telephone_headers),
        )


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """A form, or flat JSON; empty for all else."""
    try:
        if content_type == "application/json":
            given = msgspec.json.decode(body, type=dict[str, object])
            return {name: str(value) for name, value in given.items() if isinstance(value, str | int | float)}
        if content_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return {}


def _said(answer: WebhookAnswer) -> web.Response:
    return web.Response(text=answer.body, content_type=answer.content_type)


def _forbidden() -> web.Response:
    return error_response(
        403, "not_allowed", "the signature, or the ticket in the address, is not right or used already"
    )


async def _close(ws: WebSocket) -> None:
    try:
        async with asyncio.timeout(1.0):
            await ws.close(POLICY_VIOLATION)
    except TimeoutError:
        return
