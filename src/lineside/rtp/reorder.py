"""Packets into their order again. An agent's ear needs order, not smoothness: what comes in order waits for nothing.

Pure: packets and times in. Where one is missing, those behind it wait for a window that follows the network's jitter;
then the missing one is given up, and comes too late if it comes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lineside.rtp.codecs import CLOCK
from lineside.rtp.packet import RtpPacket

SHORTEST, FIRST, LONGEST = 0.02, 0.04, 0.2  # seconds of the window
MOST_HELD = 32  # packets; one more, and the oldest gap is given up
DROPOUT = 3000  # packets; a jump further than that is another stream (RFC 3550, appendix A.1)
MISORDER = 100
QUANTILE = 0.95


class InOrder(NamedTuple):
    """A packet whose turn it is."""

    packet: RtpPacket
    missing: int  # packets before it that were given up


class ReorderBuffer:
    """One stream's packets, in order."""

    def __init__(self, clock: int = CLOCK) -> None:
        """`clock`: timestamps a second."""
        self._clock = clock
        self.late = self.restarts = 0  # packets that came too late or twice; streams that began anew
        self._next: int | None = None  # sequence number that is due
        self._held: dict[int, tuple[RtpPacket, float]] = {}  # by sequence number, with the time of arrival
        self._odd = -1  # sequence number that would prove a jump
        self._window = JitterWindow(clock)

    @property
    def waiting(self) -> bool:
        """Whether packets wait for one that is missing."""
        return bool(self._held)

    @property
    def window(self) -> float:
        """Seconds that a packet waits for the one before it."""
        return self._window.seconds

    @property
    def jitter(self) -> float:
        """Seconds; RFC 3550, appendix A.8."""
        return self._window.jitter

    def restart(self) -> None:
        """The sender begins anew; what was held is dropped."""
        self._next, self._odd = None, -1
        self._held.clear()
        self._window = JitterWindow(self._clock)

    def put(self, packet: RtpPacket, now: float) -> list[InOrder]:
        """Take a packet; answer those whose turn it is now."""
        self._window.arrived(packet.timestamp, now)
        if self._next is None:
            self._next = packet.sequence
        ahead = (packet.sequence - self._next) & 0xFFFF
        if ahead == 0 and not self._held:  # nearly always
            self._next = (self._next + 1) & 0xFFFF
            return [InOrder(packet, 0)]
        if ahead >= 0x10000 - MISORDER:
            self.late += 1
            return []
        if ahead > DROPOUT:
            return self._jumped(packet)
        self._held.setdefault(packet.sequence, (packet, now))
        given_up = len(self._held) > MOST_HELD
        return list(self._due(now, give_up=given_up))

    def due(self, now: float) -> list[InOrder]:
        """Those whose turn it is because they have waited long enough."""
        return list(self._due(now, give_up=False)) if self._held else []

    def _jumped(self, packet: RtpPacket) -> list[InOrder]:
        """A number far off: a mistake if it stays alone, a stream begun anew if the next one follows it."""
        if packet.sequence != self._odd:
            self._odd = (packet.sequence + 1) & 0xFFFF
            return []
        self.restart()
        self.restarts += 1
        self._next = (packet.sequence + 1) & 0xFFFF
        return [InOrder(packet, 0)]

    def _due(self, now: float, *, give_up: bool) -> Iterator[InOrder]:
        missing = 0
        while self._held and self._next is not None:
            found = self._held.pop(self._next, None)
            if found is None:
                nearest = min((number - self._next) & 0xFFFF for number in self._held)
                oldest = min(arrived for _, arrived in self._held.values())
                if not give_up and now - oldest < self.window:
                    return
                missing, give_up = nearest, False
                self._next = (self._next + nearest) & 0xFFFF
                continue
            yield InOrder(found[0], missing)
            missing = 0
            self._next = (self._next + 1) & 0xFFFF


class JitterWindow:
    """How long a packet waits for one before it: as long as 95 of 100 packets are late, between two bounds.

    A quantile is followed by small steps: up by much for each packet that lies over it, down by little for the others.
    """

    STEP = 0.002  # seconds

    def __init__(self, clock: int = CLOCK) -> None:
        self._clock = clock
        self.seconds = FIRST
        self.jitter = 0.0  # seconds; RFC 3550, appendix A.8
        self._transit: float | None = None

    def arrived(self, timestamp: int, now: float) -> None:
        """A packet came."""
        transit = now - timestamp / self._clock
        if self._transit is None or abs(transit - self._transit) > 2.0:
            self._transit = transit  # the first, a wrapped timestamp, or a stream whose clock was set anew
            return
        late = abs(transit - self._transit)
        self._transit = transit
        self.jitter += (late - self.jitter) / 16
        step = self.STEP * (QUANTILE if late > self.seconds else QUANTILE - 1)
        self.seconds = min(max(self.seconds + step, SHORTEST), LONGEST)
