"""The caller's sound on its way in from a carrier."""

import asyncio

from lineside.line_report import ArrivalJitter, LineMeasured
from lineside.protocol import Codec
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.media_streams.dialect import StreamAudio, StreamStarted, bytes_per_second, silence, to_codec
from lineside.transports.media_streams.reorder import Reorder
from lineside.transports.received_sound import ReceivedSound


class StreamInput:
    """One call's sound: checked, in order, in the call's codec."""

    def __init__(self, begun: StreamStarted, codec: Codec, meter: AudioMeter, early: list[StreamAudio]) -> None:
        self._encoding, self._codec, self._early = begun.encoding, codec, early
        second = self._second = bytes_per_second(begun.encoding, begun.rate)
        self._jitter = ArrivalJitter()
        self._received = ReceivedSound("g711_ulaw", second, meter)
        self._quiet = silence(begun.encoding, second // 50)
        self._order = Reorder()
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._listener: TransportListener | None = None

    def begin(self, listener: TransportListener) -> None:
        """The call listens: first to what has come already."""
        self._listener, self._began = listener, self._clock()
        for audio in self._early:
            self.take(audio)
        self._early = []

    def take(self, audio: StreamAudio) -> None:
        """Raises `TransportError`."""
        if self._listener is None or not audio.payload:
            return
        now = self._clock()
        payload = self._received.check(audio.payload, now - self._began)
        self._jitter.came(now, len(payload) / self._second)
        for piece in self._order.put(audio.number, payload):
            self._listener.on_audio(to_codec(self._quiet if piece is None else piece, self._encoding, self._codec))

    def measured(self, silence_after: float | None) -> LineMeasured:
        """How good the line was; `silence_after` is known to who sends."""
        return LineMeasured(
            received=self._jitter.pieces,
            lost=self._order.missing,
            late=self._order.late,
            concealed=self._order.missing,  # by silence
            jitter=self._jitter.seconds,
            silence_after=silence_after,
        )

    def end(self) -> None:
        """The call is over."""
        self._listener = None
        self._received.count()
