"""One call's incoming RTP: packets in, sound in order without gaps and keys out. Pure: times come in too."""

from collections import deque
from collections.abc import Callable

from lineside.rtp.codecs import CLOCK, AudioCodec
from lineside.rtp.concealment import conceal
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.packet import RtpPacket
from lineside.rtp.reorder import InOrder, ReorderBuffer
from lineside.rtp.rtcp import ReceptionCounter
from lineside.rtp.source_lock import Address, SourceLock
from lineside.rtp.telephone_event import TelephoneEventReader

LONGEST_PAYLOAD = CLOCK // 10  # bytes: 100 ms; longer packets are no telephone's
QUIET_AFTER = 0.6  # seconds without a packet that are jitter; then silence counts
QUIET_AFTER_NOISE = 0.1  # the same after a packet of comfort noise, which says that silence begins
LONGEST_GAP = 2.0  # seconds of silence that a jump of the timestamps is filled with


class RtpReceiver:
    """Takes packets; hands on sound in the call's codec, whole and in order, and digits."""

    def __init__(
        self,
        plan: MediaPlan,
        codec: AudioCodec,
        lock: SourceLock,
        on_sound: Callable[[bytes], None],
        on_digit: Callable[[str], None],
    ) -> None:
        self.plan, self.lock = plan, lock
        self.order, self.counter = ReorderBuffer(), ReceptionCounter()
        self.concealed = self.wrong_type = 0  # packets
        self.latest: float | None = None  # when the last packet came
        self._codec, self._on_sound, self._on_digit = codec, on_sound, on_digit
        self._events = TelephoneEventReader()
        self._expected_timestamp: int | None = None
        self._filled = 0  # ticks of silence that were filled in since the last packet of sound
        self._quiet = QUIET_AFTER
        self._history: deque[bytes] = deque(maxlen=4)

    def receive(self, packet: RtpPacket, source: Address, now: float) -> bool:
        """Take one packet; whether it is the caller's."""
        plan = self.plan
        if not self.lock.admits(source, packet, now):
            return False
        if packet.ssrc != self.counter.ssrc:
            self._restart()  # another stream: a transfer, music, another handset; the counters of before go on
        self.counter.count(packet.ssrc, packet.sequence)
        self.latest = now
        if packet.payload_type not in (plan.payload_type, plan.event_payload_type, plan.comfort_noise):
            self.wrong_type += 1
        for due in self.order.put(packet, now):
            self._take(due, now)
        return True

    def tick(self, now: float) -> None:
        """Called every 20 ms: what has waited long enough is given on, and silence where nothing comes."""
        if self.order.waiting:
            for due in self.order.due(now):
                self._take(due, now)
        if self.latest is not None and now - self.latest >= self._quiet + self._filled / CLOCK:
            ticks = CLOCK // 50
            self._filled += ticks
            self._on_sound(self._codec.silence(ticks))

    def _restart(self) -> None:
        self.order.restart()
        self._expected_timestamp = None
        self._filled = 0
        self._history.clear()

    def _take(self, due: InOrder, now: float) -> None:
        packet, plan = due.packet, self.plan
        if packet.payload_type == plan.event_payload_type:
            digit = self._events.receive(packet.ssrc, packet.timestamp, packet.payload, now)
            if digit:
                self._on_digit(digit)
            return
        if packet.payload_type == plan.comfort_noise:
            self._quiet = QUIET_AFTER_NOISE
            return
        if packet.payload_type != plan.payload_type or not 0 < len(packet.payload) <= LONGEST_PAYLOAD:
            return
        self._fill(packet, due.missing)
        self._expected_timestamp = (packet.timestamp + len(packet.payload)) & 0xFFFFFFFF
        self._quiet, self._filled = QUIET_AFTER, 0
        sound = self._codec.decode(packet.payload)
        if self._events.pressed(now):
            sound = self._codec.silence(len(packet.payload))  # the key's tone, which some send as sound too
        self._history.append(sound)
        self._on_sound(sound)

    def _fill(self, packet: RtpPacket, missing: int) -> None:
        """Sound for what lies between the packet before and this one."""
        if self._expected_timestamp is None:
            return
        ticks = (packet.timestamp - self._expected_timestamp) & 0xFFFFFFFF
        ticks -= self._filled
        if not 0 < ticks <= LONGEST_GAP * CLOCK:
            return  # none, or the sender's clock was set anew
        if missing and not packet.marker:
            self.concealed += missing
            pcm = b"".join(map(self._codec.to_pcm, self._history))
            wanted = ticks * self._codec.rate // CLOCK
            self._on_sound(self._codec.from_pcm(conceal(pcm, self._codec.rate, wanted)))
        else:
            self._on_sound(self._codec.silence(ticks))
