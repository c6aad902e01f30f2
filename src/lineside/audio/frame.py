"""The values that sound travels in: signed 16-bit, one channel, the rate beside the bytes."""

from msgspec import Struct

EAR_RATE = 16_000  # what the voice detector and the recogniser hear
FRAME_SECONDS = 0.02
SAMPLE_BYTES = 2


class AudioFrame(Struct, frozen=True):
    """A stretch of one channel, usually twenty milliseconds, signed 16-bit little-endian."""

    pcm: bytes
    rate: int
    at: float = 0.0  # seconds since the call (or the sentence) began, counted in samples

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.pcm) / SAMPLE_BYTES / self.rate


class Sound(Struct, frozen=True):
    """What a voice yields: a frame, and the words that end inside it."""

    frame: AudioFrame
    says: str = ""


class Utterance(Struct, frozen=True):
    """What the caller said in one turn, at `EAR_RATE`, with a little quiet on both sides."""

    pcm: bytes
    began: float  # seconds of caller audio at its first sample
    voiced: float  # seconds of it that the voice detector called speech
    prompt: str = ""  # what may have been said before it: recognisers lean towards its words, and write as it does

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.pcm) / SAMPLE_BYTES / EAR_RATE
