"""From a voice's bytes to `SpokenAudio`: its words shared out over its samples, and nonsense turned away.

A server can answer well and yet say nothing: silence, a crackle, an hour of noise. Sound is believed only as far as it
fits the words, and nothing of it goes on before something can be heard in it, so that another voice can still take
over. The bytes may come in pieces of any size: the samples and the marks of the words are the same.
"""

from collections.abc import AsyncGenerator, AsyncIterable

from lineside.audio.frame import SAMPLE_BYTES, SpokenAudio
from lineside.audio.wav import WavStream
from lineside.errors import EngineError

CHARACTERS_PER_SECOND = 15.0  # an ordinary pace of speech, for voices that do not tell their length beforehand
QUICK = 30.0  # letters a second: who speaks quicker has not told the length of the whole sentence
FASTEST = 80.0  # letters a second; nobody can speak, or follow, half of it
SLOWEST, SLACK = 0.4, 4.0  # seconds a letter, and for pauses before and after; beyond that it is not the sentence
RATES = range(8000, 48_001)  # Hz
SILENT = 8  # of 32767: what dither may leave of digital silence


async def spoken_audio(
    who: str, sentence: str, pieces: AsyncIterable[bytes], rate: int | None = None
) -> AsyncGenerator[SpokenAudio, None]:
    """The sentence as sound with its words, a stretch for each piece of bytes that comes.

    Args:
        who: The engine, for error messages.
        sentence: What is said; its words are marked.
        pieces: The bytes of the answer, cut anywhere.
        rate: Samples a second, where the bytes are bare 16-bit samples; without it they are a WAV.

    Raises:
        EngineError: The sound cannot be the sentence.
        ConfigError: The bytes should be a WAV and are none.
    """
    wav = WavStream() if rate is None else None
    reader: SpeechReader | None = None
    async for piece in pieces:
        pcm = wav.feed(piece) if wav else piece
        if reader is None and (known := wav.rate if wav else rate) is not None:
            reader = SpeechReader(who, sentence, known, wav.total_bytes if wav else None)
        if reader is not None and (audio := reader.feed(pcm)) is not None:
            yield audio
    if reader is None:
        raise EngineError(f"{who} returned no audio")
    yield reader.end()


class SpeechReader:
    """Reads samples, marks the words, and looks whether they can be the sentence. Pure.

    `total_bytes`: of the whole sound, where the voice tells beforehand.
    """

    def __init__(self, who: str, sentence: str, rate: int, total_bytes: int | None) -> None:
        self._who, self._rate = who, rate
        if rate not in RATES:
            raise EngineError(f"{who} returned audio at {rate} Hz; supported: {RATES[0]} to {RATES[-1]}")
        letters = sum(map(str.isalnum, sentence))
        self._shortest = letters / FASTEST
        self._longest = len(sentence) * SLOWEST + SLACK
        # A voice may send its sound as several files in a row, and tell the length of the first: far too short a length
        # is no ground to believe where its words end, nor to let anything of it go on before more has come.
        self._believed = 0  # bytes that must have come before anything goes on
        if total_bytes is not None:
            self._not_too_long(total_bytes)
            if self._seconds(total_bytes) < self._shortest:
                self._believed = round(self._shortest * rate) * SAMPLE_BYTES
            if self._seconds(total_bytes) < letters / QUICK:
                total_bytes = None
        self._ends = word_ends(sentence, rate, total_bytes)
        self._next = 0  # the first word that is not marked yet
        self._held = bytearray()  # half a sample; before something can be heard, all there is: a sentence at most
        self._heard = False
        self._bytes = 0  # that came
        self._passed_on = 0  # samples

    def feed(self, pcm: bytes) -> SpokenAudio | None:
        """The next samples, cut anywhere. None where nothing can go on yet. Raises `EngineError` for too many."""
        self._bytes += len(pcm)
        self._not_too_long(self._bytes)
        self._held += pcm
        whole = len(self._held) // SAMPLE_BYTES * SAMPLE_BYTES
        if not whole or not (self._heard or self._can_be_heard(len(pcm))):
            return None
        self._heard = True
        if self._bytes < self._believed:
            return None
        return self._audio(whole, len(self._ends) - 1)  # where the last word ends is known at the end alone

    def end(self) -> SpokenAudio:
        """All words that are left, at the end of the sound. Raises `EngineError` for too little, or silence."""
        if self._bytes < SAMPLE_BYTES:
            raise EngineError(f"{self._who} returned no audio")
        self._not_too_short(self._bytes)
        if not self._heard:
            raise EngineError(f"{self._who} returned {self._seconds(self._bytes):.1f} s of silence")
        left = " ".join(word for _, word in self._ends[self._next :])
        return SpokenAudio(b"", self._rate, ((0, left),) if left else ())

    def _audio(self, size: int, marked: int) -> SpokenAudio:
        """So many of the bytes that are held, with the words that end in them, up to the one numbered `marked`."""
        pcm, begin = bytes(self._held[:size]), self._passed_on
        del self._held[:size]
        self._passed_on += size // SAMPLE_BYTES
        words = []
        while self._next < marked and self._ends[self._next][0] <= self._passed_on:
            end, word = self._ends[self._next]
            words.append((end - begin, word))
            self._next += 1
        return SpokenAudio(pcm, self._rate, tuple(words))

    def _can_be_heard(self, new: int) -> bool:
        """Whether something can be heard in the last bytes, so many of which are new."""
        begin = max(0, len(self._held) - new - SAMPLE_BYTES) // SAMPLE_BYTES * SAMPLE_BYTES
        samples = memoryview(self._held)[begin : len(self._held) // SAMPLE_BYTES * SAMPLE_BYTES].cast("h")
        return bool(samples) and (max(samples) > SILENT or min(samples) < -SILENT)

    def _seconds(self, size: int) -> float:
        return size / SAMPLE_BYTES / self._rate

    def _not_too_short(self, size: int) -> None:
        if self._seconds(size) < self._shortest:
            raise EngineError(f"{self._who} gave {self._seconds(size):.2f} s of audio, too little for the text")

    def _not_too_long(self, size: int) -> None:
        if self._seconds(size) > self._longest:
            raise EngineError(f"{self._who} gave more than {self._longest:.0f} s of audio, too much for the text")


def word_ends(sentence: str, rate: int, total_bytes: int | None) -> list[tuple[int, str]]:
    """Where each word of a sentence ends, in samples from its beginning, in proportion to the letters.

    Where the voice tells the length of its sound beforehand (`total_bytes`) the last end is exact; otherwise an
    ordinary pace is assumed.
    """
    words = sentence.split()
    letters = sum(len(word) + 1 for word in words)
    seconds = total_bytes / SAMPLE_BYTES / rate if total_bytes else letters / CHARACTERS_PER_SECOND
    each = max(seconds, 0.1) * rate / max(letters, 1)  # samples a letter
    ends, reached = [], 0
    for word in words:
        reached += len(word) + 1
        ends.append((round(reached * each), word))
    return ends
