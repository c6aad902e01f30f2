"""One call's outgoing RTP: a queue of our own, from which a packet goes out at each tick. Pure.

The stream never stops while it may be sent: where the agent says nothing it is silence, since border controllers end
calls whose sound stops, and a NAT forgets them.
"""

import secrets
from collections.abc import Callable

from lineside.line_report import SilenceWatch
from lineside.rtp.codecs import CLOCK, AudioCodec
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.packet import HEADER
from lineside.rtp.telephone_event import KeySender

TICK = CLOCK // 50  # timestamps in the 20 ms between two ticks
MOST_QUEUED = 30.0  # seconds; more is dropped: playout sends less than one second ahead


class RtpSender:
    """Sound and keys on their way out."""

    def __init__(self, plan: MediaPlan, codec: AudioCodec, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._codec, self.plan = codec, plan
        self.silence_watch = SilenceWatch(clock)
        self.ssrc = secrets.randbits(32)
        self.sequence, self.timestamp = secrets.randbits(16), secrets.randbits(32)
        self.packets = self.payload_bytes = 0
        self._queue, self._at = bytearray(), 0  # sound in the call's codec, and how much of it has gone
        self._owed = 0  # ticks of time that have passed and not been sent: packets may be longer than 20 ms
        self._marker = True  # the next packet follows a pause
        self._keys, self._key_began = KeySender(), 0
        self._silence = codec.silence(TICK)

    @property
    def queued_seconds(self) -> float:
        """Sound that has not gone out."""
        return (len(self._queue) - self._at) / len(self._silence) * 0.02

    def put(self, sound: bytes) -> None:
        """Queue sound in the call's codec."""
        if self.queued_seconds < MOST_QUEUED:
            self._queue += sound

    def clear(self) -> float:
        """Forget what is queued; seconds of it."""
        seconds = self.queued_seconds
        if seconds:
            self.silence_watch.clear(sounding=True)
        self._queue.clear()
        self._at = 0
        return seconds

    def press(self, digits: str) -> bool:
        """Send keys after those that wait. False where the other side takes none, or too many wait."""
        return self.plan.send_event_payload_type is not None and self._keys.put(digits)

    def tick(self) -> list[bytes]:
        """The packets that are due now, 20 ms after the last call."""
        self._owed += TICK
        size = self.plan.packet_ms * CLOCK // 1000
        if not self.plan.sends:
            self.timestamp = (self.timestamp + self._owed) & 0xFFFFFFFF
            self._owed, self._marker = 0, True
            return []
        if self._keys.busy:
            return self._next_of_key()
        due = []
        while self._owed >= size:
            self._owed -= size
            due.append(self._packet(self.plan.send_payload_type, self._marker, self.timestamp, self._next_sound(size)))
            self._marker = False
            self.timestamp = (self.timestamp + size) & 0xFFFFFFFF
        return due

    def _next_of_key(self) -> list[bytes]:
        """Keys take the place of sound, 20 ms at a time."""
        event, now = self._keys.next(), self.timestamp
        self.timestamp = (now + TICK) & 0xFFFFFFFF
        self._owed, self._marker = 0, True
        if event is None:
            return []
        if event.marker:
            self._key_began = now
        number = self.plan.send_event_payload_type or 0
        return [self._packet(number, event.marker, self._key_began, event.payload)]

    def _next_sound(self, ticks: int) -> bytes:
        """The next sound as a payload, with silence where there is none."""
        size = ticks * len(self._silence) // TICK
        if not self._queue:
            self.silence_watch.silent()
            sound = self._silence if ticks == TICK else self._codec.silence(ticks)
            return self._codec.encode(sound)
        sound = bytes(self._queue[self._at : self._at + size])
        self._at += size
        if self._at >= len(self._queue):
            self._queue.clear()
            self._at = 0
        elif self._at > 64_000:
            del self._queue[: self._at]
            self._at = 0
        if len(sound) < size:
            missing = (size - len(sound)) * TICK // len(self._silence)
            sound += self._codec.silence(missing)
        return self._codec.encode(sound)

    def _packet(self, payload_type: int, marker: bool, timestamp: int, payload: bytes) -> bytes:
        second = payload_type | 0x80 if marker else payload_type
        header = HEADER.pack(0x80, second, self.sequence, timestamp, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.payload_bytes += len(payload)
        return header + payload
