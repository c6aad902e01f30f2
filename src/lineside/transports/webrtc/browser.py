"""The browser line over WebRTC: tracks of Opus both ways, the messages of the call's protocol on a data channel."""

import asyncio

from lineside.errors import TransportError
from lineside.protocol import Codec, EndReason, ServerMessage, encode
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.client_texts import ClientTexts
from lineside.transports.line_control import OnlyHangsUp
from lineside.transports.pacer import shared_pacer
from lineside.transports.webrtc.connection import WebRtcConnection
from lineside.transports.webrtc.opus import RATE
from lineside.transports.webrtc.outbox import ChannelOutbox
from lineside.transports.webrtc.sound import WebRtcSound


class BrowserRtcTransport(OnlyHangsUp):
    """One call, both faces. Its sound is paced here, so what a caller has heard is known to the sample."""

    codec: Codec = "pcm"
    rate = RATE

    def __init__(self, connection: WebRtcConnection, outbox: ChannelOutbox, meter: AudioMeter) -> None:
        """`connection` is connected, and closed with the call."""
        clock = asyncio.get_running_loop().time
        self._connection, self._outbox = connection, outbox
        self._listener: TransportListener | None = None
        self._texts = ClientTexts(connection.over)
        self._sound = WebRtcSound(connection, shared_pacer(), meter, self._hear, clock)

    async def answer(self) -> None:
        """See `LineControl`: sound flows from here on."""
        self._sound.begin()

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._listener = listener
        self._connection.on_message = self._message
        try:
            return await asyncio.shield(self._connection.over)
        finally:
            self._connection.on_message = lambda message: None
            listener.on_line_measured(self._sound.measured())
            self._listener = None
            self._texts.end()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._sound.queue.put(payload)

    def clear(self) -> float | None:
        """See `Transport`: to the sample, since the queue is ours."""
        return self._sound.queue.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`: the clock says as much."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._outbox.put(encode(event).decode())

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: what is queued leaves first, unless the caller is gone."""
        await self._connection.farewell(self._sound.queue.seconds)
        self._sound.end()
        self._connection.end(reason)
        await self._connection.close()

    def _hear(self, pcm: bytes) -> None:
        if self._listener is not None:
            self._listener.on_audio(pcm)

    def _message(self, message: bytes | str) -> None:
        """What this raises ends the call."""
        if self._listener is None:
            return
        try:
            if isinstance(message, bytes):
                raise TransportError("bad_message", "message: not text; over WebRTC sound is the microphone's track")
            self._texts.read(message, self._listener)
        except TransportError as fault:
            self._texts.fault(fault, self._listener)
