"""Nods known by their sound: what the recogniser's encoder makes of them."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from lineside.audio.frame import EAR_RATE
from lineside.audio.resample import Resampler
from lineside.audio.wav import read_wav
from lineside.hosts.engine_server.hear import Whisper
from lineside.hosts.engine_server.nods import LONGEST, PARTS, Nods, pooled

AUDIO = Path(__file__).parents[3] / "shared" / "audio"
MODELS = Path(os.environ.get("LINESIDE_MODELS") or "~/.cache/lineside").expanduser()
SIZE = 512  # dimensions of Whisper base


def steps(*values: float) -> npt.NDArray[np.float32]:
    """An encoder's output of two dimensions, the second one ten times the first."""
    return np.array([[value, 10 * value] for value in values], np.float32)


def test_each_third_of_the_sound_is_averaged() -> None:
    """What comes after the sound, the blank that the model is shown besides, is not."""
    found = pooled(steps(1, 3, 4, 6, 7, 9, 100, 100), 6 / 50)
    assert found.tolist() == [2, 20, 5, 50, 8, 80]


def test_what_is_too_long_for_a_nod_is_not_judged() -> None:
    """And a sound shorter than a step still is."""
    nods = Nods(np.ones(2 * PARTS, np.float32), 0.5)
    assert nods.odds(steps(*[0.0] * 200), LONGEST + 0.1) is None
    assert nods.odds(steps(*[0.0] * 200), 0.0) == pytest.approx(0.5)


def test_each_model_has_its_own_weights_or_none() -> None:
    """Those of another's encoder would be noise."""
    known = Nods.of("faster-whisper-base")
    assert known is not None
    assert known.odds(np.zeros((50, SIZE), np.float32), 1.0) is not None
    assert Nods.of("faster-whisper-tiny.en") is None


@pytest.mark.models
def test_a_recorded_nod_sounds_like_one_and_a_question_does_not() -> None:
    """By the real model, on people's voices that no weight was fitted on."""
    ears = Whisper(MODELS / "faster-whisper-base", 1)
    odds = {}
    for name in ("yes", "no", "help_me", "hello"):
        sound = read_wav(AUDIO / f"{name}.wav")
        resampler = Resampler(sound.rate, EAR_RATE)
        pcm = resampler.feed(sound.pcm) + resampler.end()
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        [segment] = ears.hear(samples).segments
        assert segment.nod is not None
        odds[name] = segment.nod
    assert odds.pop("yes") > 0 > max(odds.values())
