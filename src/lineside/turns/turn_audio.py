"""The caller's sound of the open turn, kept for the recogniser. 16 kHz, signed 16-bit; lengths are seconds."""

from lineside.audio.frame import SAMPLE_BYTES, STT_RATE

PRE_ROLL = 0.32  # seconds kept from before the first voiced window: soft onsets are in there


class TurnAudio:
    """The sound of the turn so far, or the pre-roll of the next one."""

    def __init__(self, longest: float) -> None:
        self.pcm = bytearray()  # at most `longest`, and a window
        self.most = _whole_samples(longest)  # bytes

    @property
    def seconds(self) -> float:
        """How long the sound is."""
        return len(self.pcm) / (STT_RATE * SAMPLE_BYTES)

    def is_full(self) -> bool:
        """No more may be said in this turn."""
        return len(self.pcm) >= self.most

    def is_full_but_for(self, seconds: float) -> bool:
        """Only so much more may be said in this turn."""
        return len(self.pcm) >= self.most - _whole_samples(seconds)

    def without_last(self, seconds: float) -> bytes:
        """The sound but for its end."""
        return bytes(self.pcm[: len(self.pcm) - _whole_samples(seconds)])

    def put_before(self, pcm: bytes) -> None:
        """Put as much of the end of this before the sound as there is room for."""
        room = self.most - len(self.pcm)
        self.pcm[:0] = pcm[-room:] if room > 0 else b""

    def keep_pre_roll(self) -> None:
        """The sound was no turn, or its turn is over: only its end may belong to the next one."""
        del self.pcm[:-_PRE_ROLL_BYTES]


def _whole_samples(seconds: float) -> int:
    """Bytes of so many seconds, a whole number of samples."""
    return int(seconds * STT_RATE) * SAMPLE_BYTES


_PRE_ROLL_BYTES = _whole_samples(PRE_ROLL)
