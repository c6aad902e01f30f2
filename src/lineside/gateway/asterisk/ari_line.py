"""Calls over Asterisk's REST interface: from `Stasis()` of the dialplan, and made by us.

the caller's channel ── StasisStart ──> a slot, our sound's channel, a bridge of both, the call
                            └── no slot, or anything fails ──> on in the dialplan, to the queue
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import aiohttp
import msgspec
import structlog
from aiohttp import web
from msgspec.structs import replace

from lineside.ari.connection import Ari, AriGone, AriRefused
from lineside.ari.messages import AriChannel, AriMessage, unanswered
from lineside.errors import CallRefused, LinesideError, TransportError
from lineside.gateway.asterisk.ari_control import EXTENSION, JOIN_CONTEXT, AriControl
from lineside.gateway.asterisk.ari_legs import RENEW, AriLegs, AriNames, MediaSocket
from lineside.gateway.asterisk.ari_sockets import accept, keep_connected
from lineside.gateway.asterisk.ari_transport import AriTransport
from lineside.gateway.line_host import LineHost
from lineside.gateway.stream_sockets import BEAT, LARGEST
from lineside.http_front import error_response
from lineside.protocol import FirstMessage
from lineside.settings import Settings
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import LONGEST_NAME, MOST, CallFacts, cleaned
from lineside.transports.dialer import CannotDial, DialedCall, DialOrder, DialOutcome
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.media_streams.asterisk import AsteriskDialect
from lineside.transports.media_streams.stream import MediaStream, started, stream_codec
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_handshake import refusal

log = structlog.get_logger()

LATE = 3.0  # seconds beyond the ring time for Asterisk to say that nobody answered


class AriLine:
    """The calls of one Asterisk, while `opened` runs. It can dial: see `transports.dialer`."""

    line = "asterisk"

    def __init__(self, settings: Settings, host: LineHost, http: aiohttp.ClientSession) -> None:
        self._settings, self._host, self._http = settings, host, http
        self.ari = Ari(self._on_event)
        self._names = AriNames(settings.ari_app, settings.ari_media, settings.ari_dial, settings.ari_context)
        self._legs: dict[str, AriLegs] = {}  # by each of their channels
        self._tasks: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator["AriLine", None]:
        """Take calls while the block runs; those under way have ended by the gateway's word before it is left."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            background = [tasks.create_task(self._keep_leases(), name="asterisk leases")]
            if self._settings.ari_url:
                connecting = keep_connected(self._settings, self._http, self.ari, self._connected)
                background.append(tasks.create_task(connecting, name="asterisk connection"))
            try:
                yield self
            finally:
                self._tasks = None
                for task in background:
                    task.cancel()

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Asterisk's own connection to us."""
        return await accept(request, self._settings, self.ari, self._connected)

    # ── what Asterisk says; nothing here waits ─────────────────────────────────────────────────────────────────────

    def _on_event(self, event: AriMessage) -> None:
        if event.type == "ApplicationReplaced":
            log.error("another program took over this lineside's calls of Asterisk; give each its own ARI_APP")
        legs, channel = self._legs.get(event.channel_id), event.channel
        if legs is not None:
            legs.on_event(event)
        elif event.type == "StasisStart" and channel is not None and not self._is_ours(channel.id) and self._tasks:
            # Where the gateway stops there are no tasks any more: the lease ends, and the dialplan has them.
            legs = self._known(AriLegs(self.ari, self._names, channel.id))
            self._tasks.create_task(self._answer(legs, channel, event.args), name="asterisk call")

    def _is_ours(self, name: str) -> bool:
        return name.startswith(f"{self._names.app}.")

    # ── media sockets ──────────────────────────────────────────────────────────────────────────────────────────────

    def expects(self, ticket: str) -> AriLegs | None:
        """The call whose media socket this ticket opens, once."""
        for legs in self._legs.values():
            if legs.ticket == ticket and ticket:
                legs.ticket = ""
                return legs
        return None

    async def open_socket(self, request: web.Request, legs: AriLegs) -> web.StreamResponse:
        """Asterisk brings the ticket of a call, which has its slot already."""
        if refused := refusal(request.method, request.headers):
            return error_response(400, "no_websocket", refused)
        if request.transport is not None:
            ws = WebSocket(LARGEST, BEAT, request.protocol.connection_lost, pings=False)
            ws.take_over(request.transport, request.headers["Sec-WebSocket-Key"], "media")
            try:
                await self.hold_socket(legs, ws)
            except TransportError as fault:
                log.warning("a media stream was refused", line=self.line, why=str(fault))
            finally:
                ws.abort()
        return web.Response()

    async def hold_socket(self, legs: AriLegs, ws: WebSocket) -> None:
        """Give a call its media socket, and wait until it lets go of it."""
        dialect, over = AsteriskDialect(), asyncio.Event()
        begun, early = await started(ws, dialect)
        if legs.socket.done():
            return
        legs.socket.set_result(MediaSocket(ws, dialect, begun, early, over))
        await over.wait()

    # ── calls that come ────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, legs: AriLegs, channel: AriChannel, args: tuple[str, ...]) -> None:
        """Hold one call to its end. Whatever goes wrong, the caller goes on in the dialplan."""
        with self._forgotten(legs):
            try:
                with self._host.slot() as handle:
                    await self._quietly(self.ari.ask("POST", "channels", channel.id, "ring"))
                    offered = await self._offered(legs, await self._facts(channel, args))
                    await self._host.run(handle, offered)
            except (CallRefused, TransportError, AriGone, AriRefused) as why:
                log.warning("a call of Asterisk's goes to the queue", why=str(why))
            except Exception:
                log.exception("a call of Asterisk's could not be held")
            finally:
                await legs.end_caller(hang_up=False)
                await legs.clear()

    async def _offered(self, legs: AriLegs, facts: CallFacts) -> OfferedCall:
        media = await legs.connect()
        joins = not legs.outbound and await self.ari.has_extension(legs.caller, JOIN_CONTEXT, "s")
        codec, rate = stream_codec(media.begun, media.dialect)
        first = FirstMessage(codec=codec, sample_rate=rate, caller=facts.caller[:200])

        def connect(meter: AudioMeter) -> CallLeg:
            stream = MediaStream(media.ws, media.dialect, media.begun, meter, media.early)
            transport = AriTransport(stream, legs.caller_gone)
            return CallLeg(transport, AriControl(legs, transport, stream, joins=joins))

        return OfferedCall(replace(facts, codec=media.begun.encoding), first, connect)

    async def _facts(self, channel: AriChannel, args: tuple[str, ...]) -> CallFacts:
        allowed = self._settings.telephone_headers
        names = [name for name in allowed if name.replace("-", "").isalnum() and len(name) <= LONGEST_NAME][:MOST]
        headers = {name: await self.ari.variable(channel.id, f"PJSIP_HEADER(read,{name})") for name in names}
        facts = CallFacts(
            line=self.line,
            caller=channel.caller.number,
            called=(args[0] if args else "") or channel.dialplan.exten,
            diverted_from=await self.ari.variable(channel.id, "REDIRECTING(from-num)"),
            carrier_call_id=channel.id,
            headers=headers,
        )
        return cleaned(facts, allowed)

    # ── calls of ours ──────────────────────────────────────────────────────────────────────────────────────────────

    async def dial(self, order: DialOrder, call: DialedCall) -> DialOutcome:
        """See `Dialer`."""
        if not EXTENSION.fullmatch(order.to):
            raise CannotDial("over Asterisk only numbers and extensions are dialled, not addresses")
        if not self.ari.connected:
            raise CannotDial("Asterisk is not connected; see ARI_URL and ARI_PASSWORD")
        legs = self._known(AriLegs(self.ari, self._names))
        with self._forgotten(legs):
            legs.on_ringing = call.ringing
            try:
                if (failed := await self._called(legs, order)) is not None:
                    return failed
                facts = CallFacts(
                    line=self.line,
                    direction="outbound",
                    caller=order.caller_id,
                    called=order.to,
                    carrier_call_id=legs.caller,
                )
                offered = await self._offered(legs, cleaned(facts, ()))
                return DialOutcome("answered", ended=await call.hold(offered))
            except (AriGone, AriRefused, TransportError) as why:
                return DialOutcome("failed", str(why))
            finally:
                await legs.end_caller(hang_up=True)
                await legs.clear()

    async def _called(self, legs: AriLegs, order: DialOrder) -> DialOutcome | None:
        """Dial, and wait; None: somebody answered."""
        asked = {
            "endpoint": self._names.dial.replace("{to}", order.to),
            "app": self._names.app,
            "timeout": str(max(1, round(order.ring_seconds))),
        }
        if order.caller_id:
            asked["callerId"] = order.caller_id
        headers = {f"PJSIP_HEADER(add,{name})": value for name, value in order.headers.items()}
        await self.ari.ask("POST", "channels", legs.caller, body={"variables": headers}, **asked)
        either: list[asyncio.Future[Any]] = [legs.answered, legs.caller_gone]
        await asyncio.wait(either, timeout=order.ring_seconds + LATE, return_when=asyncio.FIRST_COMPLETED)
        if legs.caller_gone.done():
            cause = legs.caller_gone.result()
            return DialOutcome(unanswered(cause), f"cause {cause}" if cause else "")
        return None if legs.answered.done() else DialOutcome("no_answer")

    # ── leases, and what was left behind ───────────────────────────────────────────────────────────────────────────

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            for legs in set(self._legs.values()):
                if not legs.handed_on and not legs.caller_gone.done() and (not legs.outbound or legs.answered.done()):
                    await self._quietly(legs.renew())

    async def _connected(self) -> None:
        """A connection is there, perhaps after another was lost: what is nobody's is cleared away."""
        began = time.monotonic()
        try:
            channels, bridges = await self.ari.ids("channels"), await self.ari.ids("bridges")
            told = await self.ari.ask("GET", "applications", self._names.app)
            in_app = msgspec.json.decode(told, type=_Application).channel_ids
        except (LinesideError, msgspec.DecodeError) as why:
            log.warning("what Asterisk has of an earlier connection is not known", why=str(why))
            return
        for legs in set(self._legs.values()):
            if legs.caller not in channels and (not legs.outbound or legs.answered.done()):
                legs.left()
        living = {name for legs in self._legs.values() for name in (*legs.channels, *legs.bridges)}
        for what, names in (("channels", channels), ("bridges", bridges)):
            for name in names:
                if self._is_ours(name) and name not in living:
                    await self._quietly(self.ari.delete(what, name))
        for name in in_app:  # callers whom nobody has: on in the dialplan, to the queue
            if name not in living and not self._is_ours(name):
                await self._quietly(AriLegs(self.ari, self._names, name).hand_on())
        log.info("Asterisk's channels are known", channels=len(channels), seconds=round(time.monotonic() - began, 2))

    async def _quietly(self, work: Coroutine[Any, Any, object]) -> None:
        with suppress(LinesideError):
            await work

    def _known(self, legs: AriLegs) -> AriLegs:
        for name in legs.channels:
            self._legs[name] = legs
        return legs

    @contextmanager
    def _forgotten(self, legs: AriLegs) -> Iterator[None]:
        """At the end."""
        try:
            yield
        finally:
            for name in legs.channels:
                del self._legs[name]


class _Application(msgspec.Struct, frozen=True):
    channel_ids: tuple[str, ...] = ()
