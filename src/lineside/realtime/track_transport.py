"""The line of a Realtime session over WebRTC: tracks of Opus both ways, events on a data channel."""

import asyncio
from typing import Any

import msgspec

from lineside.protocol import EndReason, ServerMessage
from lineside.realtime.idle_timer import IdleTimer
from lineside.realtime.led_call import LedCall
from lineside.realtime.track_session import TrackAudio, TrackCommands, TrackSession
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.webrtc.connection import WebRtcConnection
from lineside.transports.webrtc.line import WebRtcLine
from lineside.transports.webrtc.outbox import ChannelOutbox

encode = msgspec.json.Encoder().encode


class TrackOutbox(ChannelOutbox):
    """Events for one client, in order."""

    def put_event(self, kind: str, fields: dict[str, Any]) -> None:
        """An event."""
        self.put(encode({"type": kind} | fields).decode())


class TrackTransport(WebRtcLine):
    """One session, both faces."""

    def __init__(self, connection: WebRtcConnection, session: TrackSession, led: LedCall, meter: AudioMeter) -> None:
        """See `WebRtcLine`. `led` is the call as programs beside it have it."""
        later = asyncio.get_running_loop().call_later
        self._session, self._led = session, led
        self._input = TrackAudio(self._hear, later)
        self._commands = TrackCommands(session, self._input)
        self._idle = IdleTimer(self._commands, later)
        super().__init__(connection, meter, self._input.heard)
        session.hooks.apart = lambda: self._input.apart
        session.hooks.on_quiet = self._idle.begin_anew

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._idle.line_is_up()
        self._led.line_is_up(self._session, self._commands.take)
        try:
            return await self._until_over(listener, self._commands.take)
        finally:
            self._idle.line_is_over()
            self._led.over()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._session.sound(payload)
        self._sound.queue.put(payload)

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._session.on_event(event)
