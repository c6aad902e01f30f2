"""The values that sound travels in: signed 16-bit, one channel, the rate beside the bytes."""

from msgspec import Struct

STT_RATE = 16_000  # what the voice detector and the recogniser hear
FRAME_SECONDS = 0.02
SAMPLE_BYTES = 2


class AudioFrame(Struct, frozen=True):
    """A stretch of one channel, usually twenty milliseconds, signed 16-bit little-endian."""

    pcm: bytes
    rate: int
    at: float = 0.0  # seconds since the call (or the sentence) began, counted in samples

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / self.rate


class SpokenAudio(Struct, frozen=True):
    """A stretch of a voice's sound, of any length, and the words that end in it.

    Each word stands with the sample at which it ends, counted from the first of this stretch: it has been said when
    all samples before that one have been played. Marks ascend; one may stand at the very end, or in a stretch without
    samples, which follows the sound it belongs to.
    """

    pcm: bytes  # signed 16-bit little-endian, one channel
    rate: int  # samples a second
    words: tuple[tuple[int, str], ...] = ()

    @property
    def samples(self) -> int:
        """How many samples it has."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / self.rate

    def between(self, begin: int, end: int) -> "SpokenAudio":
        """The samples from `begin` to before `end`, with the words that end there.

        A word at a border belongs to the stretch that it ends, so that stretches in a row hold every word once. The
        first stretch has the words at its own beginning too.
        """
        words = [(at - begin, word) for at, word in self.words if begin < at <= end or at == begin == 0]
        return SpokenAudio(self.pcm[begin * SAMPLE_BYTES : end * SAMPLE_BYTES], self.rate, tuple(words))

    def followed_by(self, other: "SpokenAudio") -> "SpokenAudio":
        """Both, one after the other; of one rate."""
        samples = self.samples
        words = [(samples + at, word) for at, word in other.words]
        return SpokenAudio(self.pcm + other.pcm, self.rate, (*self.words, *words))


class Utterance(Struct, frozen=True):
    """What the caller said in one turn, at `STT_RATE`, with a little quiet on both sides."""

    pcm: bytes
    began: float  # seconds of caller audio at its first sample
    voiced: float  # seconds of it that the voice detector called speech
    prompt: str = ""  # what may have been said before it: recognisers lean towards its words, and write as it does
    language: str = ""  # that the caller is expected to speak: "en"; empty: as the recogniser thinks
    digits: int | None = None  # the caller was asked for so many digits, 0: for any number; None: for something else

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / STT_RATE
