"""The sound that a caller's program sends: checked message by message, and counted. Pure; time is handed in."""

from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import TransportError
from lineside.protocol import Codec
from lineside.transports.base import AudioMeter

LARGEST = 64 * 1024  # bytes of one message, sound or text; a larger one is passed over
FASTEST = 4.0  # times real time; a faster caller is ended
HEAD_START = 4.0  # seconds of sound that may come at once: a network that stalled catches up
COUNT_EVERY = 50  # messages between two words to the meter, a second of ordinary frames


class TooFast(TransportError):
    """Sound came faster than anybody speaks: the line is not carried any further."""


class ReceivedSound:
    """What one caller has sent so far."""

    def __init__(self, codec: Codec, bytes_per_second: int, meter: AudioMeter) -> None:
        self._whole = SAMPLE_BYTES if codec == "pcm" else 1  # bytes of a sample
        self._bytes_per_second, self._meter = bytes_per_second, meter
        self._bytes = 0
        self.messages = 0  # of any kind
        self._counted = (0, 0)  # bytes and messages that the meter knows of

    def check(self, payload: bytes, elapsed: float) -> bytes:
        """One message of sound, `elapsed` seconds after the call began.

        Raises:
            TooFast: more than anybody can have said; the call ends.
            TransportError: the message is passed over.
        """
        self.messages += 1
        self._bytes += len(payload)
        if self._bytes / self._bytes_per_second > FASTEST * elapsed + HEAD_START:
            raise TooFast("too_fast", f"sound came faster than {FASTEST:g} times real time; send it as it is recorded")
        if len(payload) > LARGEST:
            raise TransportError("frame_too_large", f"{len(payload)} bytes of audio in one message; at most {LARGEST}")
        if len(payload) % self._whole:
            raise TransportError("odd_length", f"{len(payload)} bytes are not a whole number of 16-bit samples")
        if self.messages % COUNT_EVERY == 0:
            self.count()
        return payload

    def count(self) -> None:
        """Tell the meter of what has come since it was told last."""
        size, messages = self._bytes - self._counted[0], self.messages - self._counted[1]
        self._counted = (self._bytes, self.messages)
        self._meter.heard(size / self._bytes_per_second, messages)
