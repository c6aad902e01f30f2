"""From whom a call takes sound. A stranger who guesses the port is never heard (AST-2017-005, "RTP bleed"). Pure.

Sound comes from the address that the caller's SDP names. Behind a NAT it comes from another one: that one is taken if
it sends some packets in a row within the call's first seconds, and then nothing else is. A source that has been silent
may be replaced, after the same probation.
"""

from lineside.rtp.packet import RtpPacket

PROBATION = 4  # packets in a row, of one SSRC, before a source that the SDP does not name is taken
LEARN_WITHIN = 5.0  # seconds after the call began, or was moved by a re-INVITE
SILENT = 2.0  # seconds without a packet of the source that is taken, after which another may prove itself

Address = tuple[str, int]


class SourceLock:
    """One stream's source."""

    def __init__(self, expected: Address, now: float, *, nat: bool) -> None:
        """
        Args:
            expected: the address that the SDP names.
            now: seconds; the other times are on the same clock.
            nat: whether another source may prove itself at all.
        """
        self.strangers = 0  # packets that were dropped
        self.source: Address | None = None  # that is taken
        self._expected, self._nat, self._began, self._latest = expected, nat, now, now
        self._trial: tuple[Address, int, int] | None = None  # source, SSRC, sequence number that must come next
        self._proved = 0

    def expect(self, address: Address, now: float) -> None:
        """The caller's SDP names another address from now on."""
        self._expected, self._began, self.source = address, now, None
        self._trial, self._proved = None, 0

    def admits(self, source: Address, packet: RtpPacket, now: float) -> bool:
        """Whether this packet is the caller's."""
        if source == self.source:
            self._latest = now
            return True
        if source == self._expected and (self.source is None or self._is_silent(now)):
            return self._take(source, now)
        if not self._nat or not self._may_learn(now):
            self.strangers += 1
            return False
        if self._trial == (source, packet.ssrc, packet.sequence):
            self._proved += 1
        else:
            self._proved = 1
        self._trial = (source, packet.ssrc, (packet.sequence + 1) & 0xFFFF)
        if self._proved >= PROBATION:
            return self._take(source, now)
        self.strangers += 1
        return False

    def _take(self, source: Address, now: float) -> bool:
        self.source, self._latest = source, now
        self._trial, self._proved = None, 0
        return True

    def _may_learn(self, now: float) -> bool:
        return now - self._began <= LEARN_WITHIN if self.source is None else self._is_silent(now)

    def _is_silent(self, now: float) -> bool:
        return now - self._latest >= SILENT
