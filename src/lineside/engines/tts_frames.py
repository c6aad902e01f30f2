"""From a voice's bytes to sound: cut into frames, its words shared out over them, and nonsense turned away.

A server can answer well and yet say nothing: silence, a crackle, an hour of noise. Sound is believed only as far as it
fits the words, and nothing of it goes on before something can be heard in it, so that another voice can still take
over.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator

from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES, AudioFrame, Sound
from lineside.audio.wav import WavStream
from lineside.errors import EngineError

CHARACTERS_PER_SECOND = 15.0  # an ordinary pace of speech, for voices that do not tell their length beforehand
FASTEST = 80.0  # letters a second; nobody can speak, or follow, half of it
SLOWEST, SLACK = 0.4, 4.0  # seconds a letter, and for pauses before and after; beyond that it is not the sentence
BLOCK = 0.1  # seconds of sound in one piece at the most
RATES = range(8000, 48_001)  # Hz
SILENT = 8  # of 32767: what dither may leave of digital silence


async def sounds(
    who: str, sentence: str, pieces: AsyncIterable[bytes], rate: int | None = None
) -> AsyncGenerator[Sound, None]:
    """The sentence in frames that say its words (`joined`). `rate` in hertz is that of bare samples; without it, WAV.

    Raises `EngineError` for sound that cannot be the sentence, `ConfigError` for a WAV that is none.
    """
    wav = WavStream() if rate is None else None
    cut: FrameCutter | None = None
    async for piece in pieces:
        pcm = wav.feed(piece) if wav else piece
        if cut is None and (known := wav.rate if wav else rate) is not None:
            cut = FrameCutter(who, sentence, known, wav.total_bytes if wav else None)
        for sound in joined(cut.feed(pcm)) if cut else ():
            yield sound
    if cut is None:
        raise EngineError(f"{who} answered with no sound at all")
    for sound in joined(cut.end()):
        yield sound


def joined(frames: Iterable[Sound]) -> Iterator[Sound]:
    """Frames of 20 ms that are there at the same time as fewer, longer ones, of `BLOCK` at the most.

    Each goes through deadlines, channels and the resampler alone, which costs more than its samples do. A frame that
    words end in stays the end of one: when a word was heard is known as exactly as before.
    """
    together: list[Sound] = []
    seconds = 0.0
    for sound in frames:
        full = seconds > BLOCK - FRAME_SECONDS / 2
        if together and (full or together[-1].says or sound.frame.rate != together[0].frame.rate):
            yield _one(together)
            together, seconds = [], 0.0
        together.append(sound)
        seconds += sound.frame.seconds
    if together:
        yield _one(together)


def _one(together: list[Sound]) -> Sound:
    if len(together) == 1:
        return together[0]
    first, pcm = together[0].frame, b"".join(sound.frame.pcm for sound in together)
    return Sound(AudioFrame(pcm, first.rate, first.at), together[-1].says)


class FrameCutter:
    """Cuts sound into frames and looks whether it can be the sentence. Pure. `total_bytes`: of sound, where told."""

    def __init__(self, who: str, sentence: str, rate: int, total_bytes: int | None) -> None:
        self._who = who
        if rate not in RATES:
            raise EngineError(f"{who} gave sound of {rate} Hz; {RATES[0]} to {RATES[-1]} are possible")
        letters = sum(map(str.isalnum, sentence))
        self._shortest = letters / FASTEST
        self._longest = len(sentence) * SLOWEST + SLACK
        self._per_second = rate * SAMPLE_BYTES
        if total_bytes is not None:
            self._not_too_short(total_bytes)
            self._not_too_long(total_bytes)
        self._words = WordTimer(sentence, rate, total_bytes)
        self._size = round(rate * FRAME_SECONDS) * SAMPLE_BYTES
        self._held = bytearray()  # less than a frame and what came last
        self._quiet: list[bytes] = []  # frames before anything could be heard; at most as long as a sentence may be
        self._heard = False
        self._bytes = 0

    def feed(self, pcm: bytes) -> list[Sound]:
        """The next samples, cut anywhere. Raises `EngineError` when there are too many of them."""
        self._held += pcm
        self._bytes += len(pcm)
        self._not_too_long(self._bytes)
        made = []
        while len(self._held) > self._size:  # one frame is held back, so that the last one can say all that is left
            made += self._frame(bytes(self._held[: self._size]))
            del self._held[: self._size]
        return made

    def end(self) -> list[Sound]:
        """The last of it. Raises `EngineError` when there was too little, or nothing to be heard."""
        last = bytes(self._held[: len(self._held) // SAMPLE_BYTES * SAMPLE_BYTES])
        if self._bytes < SAMPLE_BYTES:
            raise EngineError(f"{self._who} answered with no sound at all")
        self._not_too_short(self._bytes)
        if not self._heard and _silent(last):
            raise EngineError(f"{self._who} answered with {self._bytes / self._per_second:.1f} s of silence")
        made = [self._words.frame(frame) for frame in self._quiet]
        self._quiet.clear()
        return [*made, self._words.last(last)]

    def _frame(self, frame: bytes) -> list[Sound]:
        if self._heard:
            return [self._words.frame(frame)]
        self._quiet.append(frame)
        if _silent(frame):
            return []
        self._heard = True
        made = [self._words.frame(frame) for frame in self._quiet]
        self._quiet.clear()
        return made

    def _not_too_short(self, size: int) -> None:
        if size < self._shortest * self._per_second:
            raise EngineError(f"{self._who} gave {size / self._per_second:.2f} s of sound, too little for the words")

    def _not_too_long(self, size: int) -> None:
        if size > self._longest * self._per_second:
            raise EngineError(f"{self._who} gave more than {self._longest:.0f} s of sound, too much for the words")


class WordTimer:
    """Shares the words of a sentence out over its sound, in proportion to their letters.

    Where the voice tells the length of the sound beforehand the end is exact; otherwise an ordinary pace is assumed,
    and the last frame says whatever is left.
    """

    def __init__(self, sentence: str, rate: int, total_bytes: int | None) -> None:
        self._words = sentence.split()
        self._rate = rate
        letters = sum(len(word) + 1 for word in self._words)
        seconds = total_bytes / SAMPLE_BYTES / rate if total_bytes else letters / CHARACTERS_PER_SECOND
        self._pace = letters / max(seconds, 0.1)  # letters a second
        self._next, self._letters, self._bytes = 0, 0, 0

    def frame(self, pcm: bytes) -> Sound:
        """The next frame, with the words that end in it."""
        start = self._bytes / SAMPLE_BYTES / self._rate
        self._bytes += len(pcm)
        reached = self._bytes / SAMPLE_BYTES / self._rate * self._pace
        ended = self._next
        while ended < len(self._words) - 1 and self._letters + len(self._words[ended]) + 1 <= reached:
            self._letters += len(self._words[ended]) + 1
            ended += 1
        return self._sound(pcm, start, ended)

    def last(self, pcm: bytes) -> Sound:
        """The last frame, with all the words that are left."""
        return self._sound(pcm, self._bytes / SAMPLE_BYTES / self._rate, len(self._words))

    def _sound(self, pcm: bytes, at: float, ended: int) -> Sound:
        says = " ".join(self._words[self._next : ended])
        self._next = ended
        return Sound(AudioFrame(pcm, self._rate, at), says)


def _silent(pcm: bytes) -> bool:
    samples = memoryview(pcm).cast("h")
    return not samples or (max(samples) <= SILENT and min(samples) >= -SILENT)
