"""RTCP: what both sides report of the sound they received (RFC 3550, section 6). Pure."""

import struct

from msgspec import Struct

from lineside.rtp.codecs import CLOCK

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE = 200, 201, 202, 203
NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
BLOCK = struct.Struct("!IIIIII")
HEADER = struct.Struct("!BBH")


class ReceptionReport(Struct, frozen=True):
    """How one side received a stream."""

    ssrc: int  # of the stream
    fraction_lost: float  # 0 to 1, since the report before
    lost: int  # since the stream began; below 0 where packets came twice
    highest: int  # extended sequence number
    jitter: int  # timestamps
    last_report: int = 0  # middle 32 bits of the NTP time of the sender's last report
    delay: int = 0  # since that came, in 1/65536 s


class ReceivedReports(Struct, frozen=True):
    """What a datagram of RTCP says."""

    reports: tuple[ReceptionReport, ...] = ()
    sender_time: int = 0  # middle 32 bits of the NTP time in a sender's report; 0: none came
    goodbye: frozenset[int] = frozenset()  # SSRCs that have ended


def parse_rtcp(data: bytes) -> ReceivedReports | None:
    """Read a datagram; None where it is no RTCP. What is cut off at its end is passed over."""
    reports: list[ReceptionReport] = []
    sender_time, gone, at = 0, set[int](), 0
    if len(data) < 8 or data[0] >> 6 != 2 or not SENDER_REPORT <= data[1] <= 207:
        return None
    while at + 8 <= len(data) and data[at] >> 6 == 2:
        first, kind, words = HEADER.unpack_from(data, at)
        end = at + 4 * (words + 1)
        if end > len(data):
            break
        count, place = first & 0x1F, at + 8
        if kind == SENDER_REPORT and end >= at + 28:
            sender_time, place = int.from_bytes(data[at + 10 : at + 14], "big"), at + 28
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            reports += (_block(data, place + 24 * n) for n in range(count) if place + 24 * (n + 1) <= end)
        if kind == GOODBYE:
            sources = range(at + 4, min(at + 4 + 4 * count, end), 4)
            gone |= {int.from_bytes(data[place : place + 4], "big") for place in sources}
        at = end
    return ReceivedReports(tuple(reports), sender_time, frozenset(gone))


def _block(data: bytes, at: int) -> ReceptionReport:
    ssrc, loss, highest, jitter, last, delay = BLOCK.unpack_from(data, at)
    lost = loss & 0xFFFFFF
    return ReceptionReport(
        ssrc, (loss >> 24) / 256, lost - (1 << 24) if lost & 0x800000 else lost, highest, jitter, last, delay
    )


class SentSound(Struct, frozen=True):
    """What a sender's report says of its own stream."""

    ssrc: int
    wall_clock: float  # seconds since 1970
    timestamp: int  # that belongs to it
    packets: int
    payload_bytes: int


def build_report(sent: SentSound, received: ReceptionReport | None, cname: bytes, *, goodbye: bool = False) -> bytes:
    """A compound packet: a sender's report, the name of the source, and its end if it ends."""
    ntp = round((sent.wall_clock + NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
    block = b"" if received is None else _written(received)
    report = struct.pack(
        "!IQIII", sent.ssrc, ntp, sent.timestamp, sent.packets & 0xFFFFFFFF, sent.payload_bytes & 0xFFFFFFFF
    )
    packets = [_packet(0 if received is None else 1, SENDER_REPORT, report + block)]
    item = struct.pack("!IBB", sent.ssrc, 1, len(cname)) + cname
    packets.append(_packet(1, DESCRIPTION, item + bytes(4 - len(item) % 4)))
    if goodbye:
        packets.append(_packet(1, GOODBYE, struct.pack("!I", sent.ssrc)))
    return b"".join(packets)


def _written(report: ReceptionReport) -> bytes:
    lost = max(-0x800000, min(report.lost, 0x7FFFFF)) & 0xFFFFFF
    fraction = max(0, min(255, int(report.fraction_lost * 256)))
    return BLOCK.pack(
        report.ssrc, fraction << 24 | lost, report.highest, report.jitter, report.last_report, report.delay
    )


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return HEADER.pack(0x80 | count, kind, len(body) // 4) + body


class ReceptionCounter:
    """Counts one incoming stream for the reports about it (RFC 3550, appendix A.3)."""

    def __init__(self) -> None:
        self.ssrc = self.received = 0
        self._base = self._highest = -1  # extended sequence numbers
        self._expected_before = self._received_before = 0

    def count(self, ssrc: int, sequence: int) -> None:
        """A packet came. Another SSRC is another stream; a jump far off begins it anew."""
        if ssrc != self.ssrc or self._base < 0:
            self._begin(ssrc, sequence)
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < 3000:
            self._highest += ahead
        elif ahead < 0x10000 - 3000:
            self._begin(ssrc, sequence)
        self.received += 1

    def _begin(self, ssrc: int, sequence: int) -> None:
        self.ssrc, self.received, self._base, self._highest = ssrc, 0, sequence, sequence
        self._expected_before = self._received_before = 0

    @property
    def lost(self) -> int:
        """Packets that have not come; below 0 where packets came twice."""
        return 0 if self._base < 0 else self._highest - self._base + 1 - self.received

    def report(self, jitter_seconds: float, last_report: int, delay_seconds: float) -> ReceptionReport | None:
        """What is to be reported now; None before the first packet."""
        if self._base < 0:
            return None
        expected = self._highest - self._base + 1
        new, came = expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = expected, self.received
        fraction = max(0.0, (new - came) / new) if new > 0 else 0.0
        return ReceptionReport(
            self.ssrc,
            fraction,
            expected - self.received,
            self._highest & 0xFFFFFFFF,
            min(round(jitter_seconds * CLOCK), 0xFFFFFFFF),
            last_report,
            min(round(delay_seconds * 65536), 0xFFFFFFFF) if last_report else 0,
        )
