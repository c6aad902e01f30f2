"""Speaking: Kokoro-82M (hexgrad, Apache-2.0) as an ONNX file, its phonemes from the espeak that Piper brings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lineside.engine_server.tts.phonemes import NUMBERS, kokoro
from lineside.engine_server.tts.piper import ESPEAK, Samples, SynthesizedSentence, cut, network, spoken
from lineside.errors import ConfigError

MAX_PHONEMES = 510  # phonemes that the model takes at once
STYLE = 256  # numbers that say how a voice sounds; a voice has them for every length of a sentence
AMERICAN, BRITISH = "en-us", "en"  # as espeak calls them


class KokoroModel:
    """One model with several voices. For one thread at a time."""

    rate = 24_000

    def __init__(self, folder: Path, threads: int = 2) -> None:
        from piper.phonemize_espeak import EspeakPhonemizer

        try:
            [file] = folder.glob("*.onnx")
            self._network = network(file, threads)
            self._styles: dict[str, Samples] = {
                voice.stem: np.fromfile(voice, "<f4").reshape(MAX_PHONEMES, 1, STYLE) for voice in folder.glob("*.bin")
            }
        except Exception as cause:  # onnxruntime's errors have no common class
            raise ConfigError(f"the voices in {folder} cannot be loaded: {cause}") from cause
        with ESPEAK:
            self._espeak = EspeakPhonemizer()

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        """Yield sentence after sentence, each as soon as it is made. `speed` 2 is twice as fast.

        Voices are named by accent (a, American; b, British), sex and name: `bf_emma`.
        """
        british = voice.startswith("b")
        with ESPEAK:
            sentences = self._espeak.phonemize(BRITISH if british else AMERICAN, text)
        said = [kokoro(phonemes, british).strip() for phonemes in sentences]
        pieces = ["".join(piece) for phonemes in said for piece in cut(list(phonemes), MAX_PHONEMES)]
        words = [piece for piece in pieces if any(letter.isalpha() for letter in piece)]
        for index, piece in enumerate(words):
            yield spoken(self._made(piece, voice, speed), self.rate, last=index == len(words) - 1)

    def _made(self, phonemes: str, voice: str, speed: float) -> Samples:
        tokens = [0, *(NUMBERS[letter] for letter in phonemes), 0]
        asked = {
            "tokens": np.array([tokens], np.int64),
            "style": self._styles[voice][len(phonemes) - 1],
            "speed": np.array([speed], np.float32),
        }
        made: Samples = self._network.run(None, asked)[0]
        return made.ravel()
