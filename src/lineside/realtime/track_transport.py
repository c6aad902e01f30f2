"""The line of a Realtime session over WebRTC: tracks of Opus both ways, events on a data channel."""

import asyncio
from typing import Any

import msgspec

from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.realtime.idle_timer import IdleTimer
from lineside.realtime.led_call import LedCall
from lineside.realtime.sound import LINE_RATE
from lineside.realtime.track_session import TrackAudio, TrackCommands, TrackSession
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.line_control import OnlyHangsUp
from lineside.transports.pacer import shared_pacer
from lineside.transports.webrtc.connection import WebRtcConnection
from lineside.transports.webrtc.outbox import ChannelOutbox
from lineside.transports.webrtc.sound import WebRtcSound

encode = msgspec.json.Encoder().encode


class TrackOutbox(ChannelOutbox):
    """Events for one client, in order."""

    def put_event(self, kind: str, fields: dict[str, Any]) -> None:
        """An event."""
        self.put(encode({"type": kind} | fields).decode())


class TrackTransport(OnlyHangsUp):
    """One session, both faces."""

    codec: Codec = "pcm"
    rate = LINE_RATE

    def __init__(self, connection: WebRtcConnection, session: TrackSession, led: LedCall, meter: AudioMeter) -> None:
        """`connection` is connected, and closed with the call; `led` is the call as programs beside it have it."""
        loop = asyncio.get_running_loop()
        self._connection, self._session, self._led = connection, session, led
        self._listener: TransportListener | None = None
        self._input = TrackAudio(self._hear, loop.call_later)
        self._commands = TrackCommands(session, self._input)
        self._sound = WebRtcSound(connection, shared_pacer(), meter, self._input.heard, loop.time)
        self._idle = IdleTimer(self._commands, loop.call_later)
        session.hooks.apart = lambda: self._input.apart
        session.hooks.on_quiet = self._idle.begin_anew

    async def answer(self) -> None:
        """See `LineControl`: sound flows from here on."""
        self._sound.begin()

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._listener = listener
        self._idle.line_is_up()
        self._connection.on_message = self._commands.take
        self._led.line_is_up(self._session, self._commands.take)
        try:
            return await asyncio.shield(self._connection.over)
        finally:
            self._connection.on_message = lambda message: None
            listener.on_line_measured(self._sound.measured())
            self._listener = None
            self._idle.line_is_over()
            self._led.over()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._session.sound(payload)
        self._sound.queue.put(payload)

    def clear(self) -> float | None:
        """See `Transport`: to the sample, since the queue is ours."""
        return self._sound.queue.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`: the clock says as much."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._session.on_event(event)

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: what is queued leaves first, unless the client is gone."""
        await self._connection.farewell(self._sound.queue.seconds)
        self._sound.end()
        self._connection.end(reason)
        await self._connection.close()

    def _hear(self, pcm: bytes) -> None:
        if self._listener is not None:
            self._listener.on_audio(pcm)
