"""Keys in RTP (RFC 4733). Pure: packets and times in, digits out."""

import struct
from collections import deque
from collections.abc import Iterator

from msgspec import Struct

DIGITS = "0123456789*#ABCD"  # events 0 to 15; what is above (flash, tones of modems) is no key
REMEMBERED = 8  # the latest events; a packet of one of them is no second press
EVENT = struct.Struct("!BBH")
QUIET_AFTER = 0.12  # seconds without a packet, after which an event whose ends were lost is over
PRESS_TICKS, PAUSE_TICKS = 8, 5  # of 20 ms: 160 ms of tone and 100 ms of pause, more than any receiver needs
ENDS = 3  # packets with the end bit (RFC 4733, section 2.5.1.4)
MOST_WAITING = 64  # digits
VOLUME = 10  # dBm0 below zero


class TelephoneEventReader:
    """Says each key once, at its first packet, whichever of its packets are lost, doubled or late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)  # SSRC and timestamp name an event
        self._pressed_until = 0.0

    def receive(self, ssrc: int, timestamp: int, payload: bytes, now: float) -> str:
        """One packet's payload; the digit if it is a new one, else nothing.

        Args:
            ssrc: of the packet.
            timestamp: of the packet, which is where the event began.
            payload: one event or more; the first counts.
            now: seconds on any clock.
        """
        if len(payload) < EVENT.size:
            return ""
        event, flags, _ = EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return ""
        self._pressed_until = now + (0.0 if flags & 0x80 else QUIET_AFTER)
        if (ssrc, timestamp) in self._seen:
            return ""
        self._seen.append((ssrc, timestamp))
        return DIGITS[event]

    def pressed(self, now: float) -> bool:
        """Whether a key is down: the sound meanwhile is its tone, not speech."""
        return now < self._pressed_until


class EventPacket(Struct, frozen=True):
    """A packet of a key that is sent."""

    payload: bytes
    marker: bool
    ticks_before: int  # timestamps since the event began: its packets all have the timestamp of its beginning


def key_packets(digit: str, ticks: int = 160) -> Iterator[EventPacket | None]:
    """The packets of one key, one for each 20 ms, and the pause after it as None.

    Args:
        digit: one of `DIGITS`.
        ticks: timestamps in 20 ms.

    Raises:
        ValueError: there is no such key.
    """
    event = DIGITS.index(digit.upper())
    for number in range(1, PRESS_TICKS + 1):
        payload = EVENT.pack(event, VOLUME, number * ticks)
        yield EventPacket(payload, number == 1, (number - 1) * ticks)
    for number in range(ENDS):
        payload = EVENT.pack(event, 0x80 | VOLUME, PRESS_TICKS * ticks)
        yield EventPacket(payload, False, (PRESS_TICKS + number) * ticks)
    for _ in range(PAUSE_TICKS):
        yield None


class KeySender:
    """Keys on their way out, one after the other."""

    def __init__(self) -> None:
        self._digits: deque[str] = deque()
        self._packets: Iterator[EventPacket | None] | None = None

    @property
    def busy(self) -> bool:
        """Whether keys are being sent, or wait."""
        return bool(self._digits) or self._packets is not None

    def put(self, digits: str) -> bool:
        """Send keys after those that wait; False where too many do."""
        if len(self._digits) + len(digits) > MOST_WAITING:
            return False
        self._digits += digits
        return True

    def next(self) -> EventPacket | None:
        """The packet for these 20 ms; None in the pause between two keys."""
        while self.busy:
            if self._packets is None:
                self._packets = key_packets(self._digits.popleft())
            for packet in self._packets:
                return packet
            self._packets = None
        return None


def check_digits(digits: str) -> str:
    """Digits as they can be sent. Raises `ValueError` naming the first that cannot."""
    wrong = next((digit for digit in digits.upper() if digit not in DIGITS), None)
    if wrong is not None or not 0 < len(digits) <= 64:
        raise ValueError(f"digits: {wrong!r} is no key" if wrong else "digits: 1 to 64 keys")
    return digits.upper()
