"""The channels and bridges of one call in Asterisk: the caller's, our sound's, a colleague's.

Names of ours begin with the application's: so what was left by a broken connection is found again and cleared away.
The caller's channel carries a lease, `TIMEOUT(absolute)`: while lineside renews it nothing happens; where lineside
dies, Asterisk sends the caller to extension `T` of the dialplan, which is the queue.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

import structlog
from msgspec import Struct

from lineside.ari.connection import Ari, AriRefused
from lineside.ari.messages import AriMessage
from lineside.errors import LinesideError, TransportError
from lineside.transports.media_streams.asterisk import AsteriskDialect
from lineside.transports.media_streams.dialect import StreamAudio, StreamStarted
from lineside.transports.websocket import WebSocket

log = structlog.get_logger()

LEASE = 12  # seconds after which Asterisk takes the caller back from a lineside that is dead
RENEW = 4.0  # seconds between renewals
MEDIA_WITHIN = 8.0  # seconds for Asterisk to open the socket of our sound
GONE = ("StasisEnd", "ChannelDestroyed", "ChannelHangupRequest")


class AriNames(Struct, frozen=True):
    """How things are called on both sides: see the settings ARI_*."""

    app: str
    media: str
    dial: str
    context: str


class MediaSocket(Struct, frozen=True):
    """The socket of a call's sound, whose start has come. `over` is set by the call when it lets go of it."""

    ws: WebSocket
    dialect: AsteriskDialect
    begun: StreamStarted
    early: list[StreamAudio]
    over: asyncio.Event


class AriLegs:
    """What one call has in Asterisk."""

    def __init__(self, ari: Ari, names: AriNames, caller: str = "") -> None:
        """`caller`: the channel of who called us; empty: we call them."""
        loop = asyncio.get_running_loop()
        self.ari, self.names = ari, names
        self._key = f"{names.app}.{secrets.token_hex(6)}"
        self.caller = caller or f"{self._key}.callee"
        self.ticket = secrets.token_hex(16)
        self.caller_gone: asyncio.Future[int] = loop.create_future()  # the cause
        self.answered: asyncio.Future[None] = loop.create_future()  # by who was called by us
        self.socket: asyncio.Future[MediaSocket] = loop.create_future()
        self.handed_on = False  # the caller is the dialplan's
        self.joined = False  # and the colleague is with them, in a bridge of the dialplan's
        self.on_colleague: Callable[[AriMessage], None] = _nobody
        self.on_ringing: Callable[[], None] = lambda: None
        self._media_up: asyncio.Future[None] = loop.create_future()

    @property
    def outbound(self) -> bool:
        """Whether we call them."""
        return self.caller.startswith(self._key)

    @property
    def media(self) -> str:
        """The channel of our sound."""
        return f"{self._key}.media"

    @property
    def colleague(self) -> str:
        """The channel of the colleague of a warm transfer."""
        return f"{self._key}.colleague"

    @property
    def bridge(self) -> str:
        """Where caller and agent hear each other."""
        return f"{self._key}.call"

    @property
    def aside(self) -> str:
        """Where the colleague hears the summary."""
        return f"{self._key}.aside"

    @property
    def channels(self) -> tuple[str, ...]:
        """All that may exist."""
        return (self.caller, self.media, self.colleague)

    @property
    def bridges(self) -> tuple[str, ...]:
        """All that may exist."""
        return (self.bridge, self.aside)

    def on_event(self, event: AriMessage) -> None:
        """Something happened to one of the channels."""
        channel = event.channel_id
        if channel == self.colleague:
            self.on_colleague(event)
        elif channel == self.media and event.type == "StasisStart":
            _settle(self._media_up)
        elif channel == self.caller:
            if event.type == "StasisStart":
                _settle(self.answered)
            elif event.type == "ChannelStateChange" and event.channel is not None and event.channel.state == "Ringing":
                self.on_ringing()
            elif event.type in GONE:
                self.left(event.cause)

    def left(self, cause: int = 0) -> None:
        """The caller's channel is gone, or no longer ours."""
        if not self.caller_gone.done():
            self.caller_gone.set_result(cause)
        if not self.socket.done():  # nobody need wait for it
            self.socket.set_exception(TransportError("line_lost", "the caller hung up before their call was answered"))
            self.socket.exception()

    async def connect(self) -> MediaSocket:
        """Have Asterisk open the socket of our sound, and let it and the caller hear each other.

        Raises `LinesideError`.
        """
        await self.renew()
        await self.ari.ask(
            "POST",
            "channels",
            "externalMedia",
            app=self.names.app,
            channelId=self.media,
            external_host=self.names.media,
            transport="websocket",
            encapsulation="none",
            connection_type="client",
            format="slin16",
            transport_data=f"f(json)v(t={self.ticket})",
        )
        # A channel that is bridged before its own StasisStart is heard one way or not at all.
        try:
            async with asyncio.timeout(MEDIA_WITHIN):
                socket = await self.socket
                await self._media_up
        except TimeoutError:
            why = f"Asterisk did not open its media socket within {MEDIA_WITHIN:g} s; see websocket_client.conf"
            raise TransportError("no_first_message", why) from None
        await self.ari.new_bridge(self.bridge)
        await self.ari.into_bridge(self.bridge, self.caller, self.media)
        return socket

    async def renew(self) -> None:
        """The caller is ours for `LEASE` seconds more."""
        await self.ari.set_variable(self.caller, "TIMEOUT(absolute)", str(LEASE))

    async def hand_on(self, context: str = "", extension: str = "") -> None:
        """The caller goes on in the dialplan: there, or behind `Stasis()`. Raises `LinesideError`."""
        self.handed_on = True
        try:
            await self.ari.set_variable(self.caller, "TIMEOUT(absolute)", "0")
            where = {"context": context, "extension": extension, "priority": "1"} if context else {}
            await self.ari.ask("POST", "channels", self.caller, "continue", **where)
        except BaseException:
            self.handed_on = False
            raise

    async def end_caller(self, *, hang_up: bool) -> None:
        """The call is over for us: the caller is hung up on, or goes on in the dialplan. Raises nothing."""
        if self.handed_on or (self.caller_gone.done() and not self.outbound):
            return
        try:
            if hang_up or self.outbound:
                await self.ari.delete("channels", self.caller, reason="normal")
            else:
                await self.hand_on()
        except AriRefused as why:
            if why.status != 404:  # they are gone meanwhile
                log.warning("Asterisk was not told that a call is over", why=str(why))
        except LinesideError as why:  # the lease ends, and the dialplan has them
            log.warning("Asterisk was not told that a call is over", why=str(why))

    async def clear(self) -> None:
        """Leave nothing of ours in Asterisk. Raises nothing; what cannot be reached is swept at the next connection."""
        if self.socket.done() and not self.socket.cancelled() and self.socket.exception() is None:
            self.socket.result().over.set()
        self.socket.cancel()
        channels = (self.media,) if self.joined else (self.media, self.colleague)
        for what, names in (("channels", channels), ("bridges", self.bridges)):
            for name in names:
                with suppress(LinesideError):
                    await self.ari.delete(what, name)


def _nobody(event: AriMessage) -> None:
    """No colleague is called."""


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
