"""Speaking: hibari (M. Williams, Apache-2.0), a small network of spectra with a vocoder and phonemes of its own.

Its package makes phonemes of English text without espeak; its weights are a file of the catalogue. It has rules for
numbers and dates, which our own go before (`text.normalize`).
"""

from collections.abc import Iterator
from pathlib import Path

from lineside.engine_server.tts.piper import MAX_PHONEMES, SynthesizedSentence, cut, spoken
from lineside.errors import ConfigError

SEED = 0  # of the noise in consonants: the same words sound the same, and can be kept


class HibariModel:
    """One voice. For one thread at a time; it takes one: two were no faster, and the calls need the other."""

    rate = 24_000

    def __init__(self, folder: Path) -> None:
        from hibari import Hibari

        [file] = folder.glob("*.onnx")
        try:
            self._voice = Hibari(model=str(file), threads=1)
            self._voice.phonemize("hello")  # reads its dictionaries, half a second
        except Exception as cause:  # onnxruntime's errors have no common class
            raise ConfigError(f"the voice in {folder} cannot be loaded: {cause}") from cause

    def speak(self, text: str, voice: str = "", speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        """Yield sentence after sentence, each as soon as it is made. `speed` 2 is twice as fast; there is one voice."""
        plain = text.replace("](", "] (")  # between them it takes what stands there for phonemes
        sentences: list[str] = self._voice.phonemize(plain)
        pieces = ["".join(piece) for phonemes in sentences for piece in cut(list(phonemes), MAX_PHONEMES)]
        said = [piece for piece in pieces if any(letter.isalpha() for letter in piece)]
        for index, phonemes in enumerate(said):
            made = self._voice.from_phonemes(phonemes, speed=speed, seed=SEED)
            yield spoken(made, self.rate, last=index == len(said) - 1)
