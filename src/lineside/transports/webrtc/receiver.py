"""A caller's packets of Opus in; sound in order and without gaps out. Pure: the decoder and times are handed in.

The jitter buffer is that of calls over SIP, and what is lost is made up as there.
"""

from collections import deque
from collections.abc import Callable

from lineside.rtp.concealment import conceal
from lineside.rtp.packet import RtpPacket
from lineside.rtp.reorder import InOrder, ReorderBuffer

CLOCK = 48_000  # timestamps a second
SAMPLE_TICKS = 2  # of the clock, at 24,000 samples a second
RATE = CLOCK // SAMPLE_TICKS
FRAME_TICKS = CLOCK // 50
LONGEST_PAYLOAD = 1500  # bytes
QUIET_AFTER = 0.6  # seconds without a packet that are jitter; then silence counts
LONGEST_GAP = 2.0  # seconds that a jump of the timestamps is filled with
AHEAD = 3.0  # seconds of sound more than time has passed; what comes still faster is dropped

Decode = Callable[[bytes], tuple[bytes, int] | None]  # a payload → its sound and its ticks


class OpusReceiver:
    """One call's sound."""

    def __init__(self, decode: Decode, on_sound: Callable[[bytes], None], began: float) -> None:
        """`on_sound` takes signed 16-bit samples at `RATE`; `began`: seconds, on the clock of all other times."""
        self._decode, self._on_sound, self._began = decode, on_sound, began
        self.order = ReorderBuffer(CLOCK)
        self.received = self.missing = self.concealed = self.dropped = 0  # packets
        self._heard = 0.0  # seconds
        self._ssrc: int | None = None
        self._latest: float | None = None  # when the last packet came
        self._expected: int | None = None  # timestamp
        self._filled = 0  # ticks of silence that were filled in since the last packet
        self._history: deque[bytes] = deque(maxlen=4)

    @property
    def jitter(self) -> float:
        """Seconds; RFC 3550, appendix A.8."""
        return self.order.jitter

    def receive(self, packet: RtpPacket, now: float) -> None:
        """Take one packet."""
        if packet.ssrc != self._ssrc:
            self.order.restart()
            self._ssrc, self._expected, self._filled = packet.ssrc, None, 0
        self.received += 1
        self._latest = now
        for due in self.order.put(packet, now):
            self._take(due, now)

    def tick(self, now: float) -> None:
        """Called every 20 ms: what has waited long enough is given on, and silence where nothing comes."""
        for due in self.order.due(now):
            self._take(due, now)
        if self._latest is not None and now - self._latest >= QUIET_AFTER + self._filled / CLOCK:
            self._filled += FRAME_TICKS
            self._give(bytes(2 * FRAME_TICKS // SAMPLE_TICKS), now)

    def _take(self, due: InOrder, now: float) -> None:
        packet = due.packet
        self.missing += due.missing
        if not 0 < len(packet.payload) <= LONGEST_PAYLOAD:
            return
        if (decoded := self._decode(packet.payload)) is None:
            self.dropped += 1
            return
        sound, ticks = decoded
        self._fill(packet.timestamp, due.missing, now)
        self._expected = (packet.timestamp + ticks) & 0xFFFFFFFF
        self._filled = 0
        self._history.append(sound)
        self._give(sound, now)

    def _fill(self, timestamp: int, missing: int, now: float) -> None:
        """Sound for what lies between the packet before and this one."""
        if self._expected is None:
            return
        ticks = ((timestamp - self._expected) & 0xFFFFFFFF) - self._filled
        if not 0 < ticks <= LONGEST_GAP * CLOCK:
            return
        samples = ticks // SAMPLE_TICKS
        if missing:
            self.concealed += missing
            self._give(conceal(b"".join(self._history), RATE, samples), now)
        else:
            self._give(bytes(2 * samples), now)

    def _give(self, sound: bytes, now: float) -> None:
        seconds = len(sound) / 2 / RATE
        if self._heard + seconds > now - self._began + AHEAD:
            self.dropped += 1
            return
        self._heard += seconds
        self._on_sound(sound)
