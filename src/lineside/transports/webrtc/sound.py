"""One call's sound over WebRTC, both ways: packets and the call's samples, and the 20 ms tick between them."""

from collections.abc import Callable

from lineside.line_report import LineMeasured
from lineside.rtp.packet import RtpPacket
from lineside.transports.base import AudioMeter
from lineside.transports.pacer import FRAME, PacedQueue, Pacer
from lineside.transports.webrtc.connection import WebRtcConnection
from lineside.transports.webrtc.opus import FRAME_SAMPLES, RATE, SILENCE, OpusDecoder, OpusEncoder
from lineside.transports.webrtc.receiver import OpusReceiver

FADES = 3  # frames of silence that are encoded after speech, which the encoder's filters ring out in
TOLD_EVERY = 50  # ticks: the meter hears of sound once a second


class WebRtcSound:
    """The sound of one connection; `hear` takes the caller's, signed 16-bit at `RATE`."""

    def __init__(
        self,
        connection: WebRtcConnection,
        pacer: Pacer,
        meter: AudioMeter,
        hear: Callable[[bytes], None],
        clock: Callable[[], float],
    ) -> None:
        self._connection, self._pacer, self._meter, self._hear, self._clock = connection, pacer, meter, hear, clock
        self._encoder = OpusEncoder()
        self._receiver = OpusReceiver(OpusDecoder().decode, self._heard, clock())
        silence = bytes(2 * FRAME_SAMPLES)
        self.queue = PacedQueue(self._send, frame_bytes=len(silence), silence=silence, clock=clock)
        self._quiet = 0  # frames of silence in a row
        self._seconds = 0.0  # heard since the meter was told

    def begin(self) -> None:
        """Sound flows."""
        self._connection.on_packet = self._packet_came
        self._pacer.add(self)

    def end(self) -> None:
        """No more."""
        self._connection.on_packet = lambda packet: None
        self._pacer.remove(self)
        self._count(self.queue.sent % TOLD_EVERY)

    def tick(self) -> None:
        """See `pacer.Paced`."""
        self._receiver.tick(self._clock())
        self.queue.tick()
        if self.queue.sent % TOLD_EVERY == 0:
            self._count(TOLD_EVERY)

    def measured(self) -> LineMeasured:
        """How good the line was."""
        receiver = self._receiver
        return LineMeasured(
            received=receiver.received,
            lost=receiver.missing,
            late=receiver.order.late,
            concealed=receiver.concealed,
            jitter=receiver.jitter,
            silence_after=self.queue.silence_after,
        )

    def _count(self, ticks: int) -> None:
        """Tell the meter of the sound of the last `ticks`."""
        if ticks:
            self._meter.sent(ticks * FRAME, ticks)
            self._meter.heard(self._seconds, ticks)
            self._seconds = 0.0

    def _packet_came(self, packet: RtpPacket) -> None:
        self._receiver.receive(packet, self._clock())

    def _heard(self, pcm: bytes) -> None:
        self._seconds += len(pcm) / 2 / RATE
        self._hear(pcm)

    def _send(self, pcm: bytes, speech: bool) -> None:
        self._quiet = 0 if speech else self._quiet + 1
        payload = self._encoder.encode(pcm) if self._quiet <= FADES else SILENCE
        self._connection.send_frame(payload, self.queue.sent)
