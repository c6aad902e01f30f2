"""Media sockets: a slot is taken, the socket opened, the stream's start awaited, the call held. For every dialect."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import structlog
from aiohttp import web
from msgspec.structs import replace

from lineside.errors import CallRefused, TransportError
from lineside.gateway.line_host import LineHost
from lineside.gateway.line_requests import forbidden
from lineside.gateway.tickets import Ticket
from lineside.http_front import error_response
from lineside.protocol import EndReason, FirstMessage
from lineside.settings import Settings
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import CallFacts, clean, cleaned
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.line_control import CallLeg, LineControl, OfferedCall
from lineside.transports.media_streams.dialect import StreamDialect, StreamStarted
from lineside.transports.media_streams.stream import ConnectionTested, MediaStream, started, stream_codec
from lineside.transports.media_streams.warm_stream import CallsColleagues, WarmStream
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import POLICY_VIOLATION
from lineside.transports.websocket_handshake import chosen, refusal

log = structlog.get_logger()

LARGEST = 256 * 1024  # bytes of one message of a media socket
BEAT = 20.0  # seconds between pings
# Asterisk, jambonz and FreeSWITCH offer theirs; some ask for an echo.
SUBPROTOCOLS = ("media", "audio.jambonz.org", "audio.drachtio.org")
STOPS_SENDING = ("plivo", "exotel")  # lines that send nothing while nobody speaks

Holder = Callable[[Ticket], Callable[[OfferedCall], Awaitable[EndReason]] | None]
ControlOf = Callable[[StreamStarted, CallFacts], LineControl | None]


class StreamSockets:
    """Holds a call on each WebSocket that was let in."""

    def __init__(self, settings: Settings, host: LineHost, placed: Holder) -> None:
        """`placed` holds the calls of ours that carriers make."""
        self._settings, self._host, self._placed = settings, host, placed

    async def hold(
        self,
        request: web.Request,
        dialect: StreamDialect,
        ticket: Ticket,
        control: ControlOf,
        *,
        pings: bool = True,
        account: str = "",
    ) -> web.StreamResponse:
        """Take a slot, open the socket, hold the call.

        Args:
            request: has been let in by its ticket or signature.
            control: makes the control face; None: nothing but hanging up works.
            pings: whether the far end bears pings.
            account: whose call the stream's start has to say it is; empty: it need not say.
        """
        if refused := refusal(request.method, request.headers):
            return error_response(400, "no_websocket", refused)
        transport, host = request.transport, self._host
        if transport is None:
            return web.Response()
        placed = self._placed(ticket) if ticket.placed else None
        if ticket.placed and placed is None:
            return forbidden()
        try:
            with nullcontext() if placed is not None else host.slot() as handle:
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
                    call = await self._offered(ws, dialect, ticket, control, account)
                    if handle is not None:
                        await host.run(handle, call)
                    elif placed is not None:
                        await placed(call)
                except ConnectionTested:
                    log.info("the connection was tried, and works", line=dialect.line)
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
        control: ControlOf,
        account: str,
    ) -> OfferedCall:
        begun, early = await started(ws, dialect)
        if account and begun.account != account:
            raise TransportError("bad_first_message", f"{dialect.line}: the stream is another account's")
        codec, rate = stream_codec(begun, dialect)
        known = ticket.facts
        told = self.cleaned(CallFacts(line=dialect.line, headers=begun.parameters))
        facts = replace(
            known,
            caller=known.caller or clean(begun.caller),
            called=known.called or clean(begun.called),
            carrier_call_id=known.carrier_call_id or clean(begun.call),
            headers=known.headers | told.headers,
            codec=begun.encoding,
        )
        first = FirstMessage(
            codec=codec,
            sample_rate=rate,
            caller=facts.caller[:200],
            tools=not facts.test,
        )

        def connect(meter: AudioMeter) -> CallLeg:
            carrier = control(begun, facts)
            stream = MediaStream(ws, dialect, begun, meter, early, carrier)
            if isinstance(carrier, CallsColleagues) and "transfer_warm" in carrier.abilities:
                line = WarmStream(stream, carrier)
                return CallLeg(line, line)
            return CallLeg(FrameGrace(stream) if dialect.line in STOPS_SENDING else stream, stream)

        return OfferedCall(facts, first, connect)

    def cleaned(self, facts: CallFacts) -> CallFacts:
        """Values from outside as one line each; headers by the allow-list."""
        return cleaned(facts, self._settings.telephone_headers)


async def _close(ws: WebSocket) -> None:
    try:
        async with asyncio.timeout(1.0):
            await ws.close(POLICY_VIOLATION)
    except TimeoutError:
        return
