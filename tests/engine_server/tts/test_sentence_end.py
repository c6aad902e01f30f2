"""A voice falls silent at the end of a sentence: its full stop adds no noise."""

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from lineside.engine_server.tts.piper import PiperModel
from lineside.models.store import locate
from lineside.settings import load_settings

pytestmark = pytest.mark.models

SENTENCES = ("This is a test", "We open at nine", "Your bill comes on the first of the month", "You can pay by card")
FRAME = 0.01  # seconds
QUIET = -60.0  # dB below full scale; a line's own noise is louder
TIMES = 5  # each is said; the voice draws its noise anew every time, and its ends differ by 10 dB
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
    onnxruntime.set_seed(1)  # for the networks that are loaded from now on: the same draws in every run
    voice = PiperModel(locate("en_US-joe-medium", load_settings().models_dir), 1)

    def end(text: str) -> float:
        said = (b"".join(part.pcm for part in voice.speak(text, "en_US-joe-medium")) for _ in range(TIMES))
        return float(np.median([after_the_last_vowel(pcm, voice.rate) for pcm in said]))

    for sentence in SENTENCES:
        without, stopped = end(sentence), end(f"{sentence}.")
        assert stopped < max(QUIET, without + 6.0), (sentence, without, stopped)
