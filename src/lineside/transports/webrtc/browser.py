"""The browser line over WebRTC: tracks of Opus both ways, the messages of the call's protocol on a data channel."""

from lineside.errors import TransportError
from lineside.protocol import EndReason, ServerMessage, encode
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.client_texts import ClientTexts
from lineside.transports.webrtc.connection import WebRtcConnection
from lineside.transports.webrtc.line import WebRtcLine
from lineside.transports.webrtc.outbox import ChannelOutbox


class BrowserRtcTransport(WebRtcLine):
    """One call, both faces."""

    def __init__(self, connection: WebRtcConnection, outbox: ChannelOutbox, meter: AudioMeter) -> None:
        """See `WebRtcLine`."""
        super().__init__(connection, meter)
        self._outbox = outbox
        self._texts = ClientTexts(connection.over)

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        try:
            return await self._until_over(listener, self._message)
        finally:
            self._texts.end()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._sound.queue.put(payload)

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._outbox.put(encode(event).decode())

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
