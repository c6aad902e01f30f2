"""A voice falls silent at the end of a sentence: its full stop adds no noise."""

import numpy as np
import numpy.typing as npt
import pytest

from lineside.engine_server.tts.piper import PiperModel
from lineside.models.store import locate
from lineside.settings import load_settings

pytestmark = pytest.mark.models

SENTENCES = ("This is a test", "We open at nine", "Your bill comes on the first of the month", "You can pay by card")
FRAME = 0.01  # seconds
QUIET = -60.0  # dB below full scale; a line's own noise is louder
SPEECH = 20.0  # dB below the loudest frame: above it a vowel still sounds


def levels(pcm: bytes, rate: int) -> npt.NDArray[np.float64]:
    """Decibels below full scale of each frame."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64) / 32768
    size = round(rate * FRAME)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    return np.asarray(20 * np.log10(np.sqrt((frames * frames).mean(axis=1)) + 1e-9))


def after_the_last_vowel(pcm: bytes, rate: int) -> float:
    """The level 50 to 400 ms after the last frame that is nearly as loud as the loudest; silence where it has ended."""
    level = levels(pcm, rate)
    last = int(np.flatnonzero(level > level.max() - SPEECH)[-1])
    tail = level[last + 5 : last + 40]
    return float(10 * np.log10((10 ** (tail / 10)).mean())) if len(tail) else -180.0


def test_a_full_stop_adds_no_noise() -> None:
    """The stretch behind the last vowel is as loud with it as without, to 6 dB, or too soft to be heard."""
    voice = PiperModel(locate("en_US-joe-medium", load_settings().models_dir), 1)
    for sentence in SENTENCES:
        ends = [
            after_the_last_vowel(b"".join(part.pcm for part in voice.speak(text, "en_US-joe-medium")), voice.rate)
            for text in (sentence, f"{sentence}.")
        ]
        assert ends[1] < max(QUIET, ends[0] + 6.0), (sentence, ends)
