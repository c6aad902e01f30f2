"""Nods known by their sound: what the recogniser's encoder makes of them."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav
from lineside.engine_server.asr.backchannel import MAX_BACKCHANNEL_SECONDS, SOUND_PARTS, BackchannelDetector, pooled
from lineside.engine_server.asr.whisper import WhisperModel

AUDIO = Path(__file__).parents[4] / "shared" / "audio"
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
    nods = BackchannelDetector(np.ones(2 * SOUND_PARTS, np.float32), 0.5)
    assert nods.odds(steps(*[0.0] * 200), MAX_BACKCHANNEL_SECONDS + 0.1) is None
    assert nods.odds(steps(*[0.0] * 200), 0.0) == pytest.approx(0.5)


def test_each_model_has_its_own_weights_or_none() -> None:
    """Those of another's encoder would be noise."""
    known = BackchannelDetector.of("faster-whisper-base")
    assert known is not None
    assert known.odds(np.zeros((50, SIZE), np.float32), 1.0) is not None
    assert BackchannelDetector.of("faster-whisper-tiny.en") is None


def spoken(name: str) -> npt.NDArray[np.float32]:
    """A recording, as the recogniser is given it."""
    sound = read_wav(AUDIO / f"{name}.wav")
    resampler = InputResampler(sound.rate, STT_RATE)
    pcm = resampler.feed(sound.pcm) + resampler.end()
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


class Stutters:
    """A model that says a word over and over once it was told what was said before, as real ones do now and then."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.asked: list[list[int]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)

    def generate(self, encoded: object, prompts: list[list[int]], **rest: object) -> list[Any]:
        """What the real one makes of it, many times where it was told something."""
        self.asked += prompts
        [result] = self._model.generate(encoded, prompts, **rest)
        if len(prompts[0]) == 3:  # nothing but the language and the task
            return [result]
        return [SimpleNamespace(sequences_ids=[result.sequences_ids[0][:4] * 8], scores=[-0.1], no_speech_prob=0.4)]


@pytest.mark.models
def test_a_word_said_over_and_over_because_of_what_was_said_before_is_heard_without_that() -> None:
    """Else a caller who says "help me!" over the agent would be taken for a noise."""
    stt = WhisperModel(MODELS / "faster-whisper-base", 1)
    plain = stt.transcribe(spoken("help_me")).segments[0].text
    stt._model = model = Stutters(stt._model)
    [segment] = stt.transcribe(spoken("help_me"), prompt="Mm-hmm.").segments
    assert segment.text == plain
    assert [len(prompt) for prompt in model.asked] == [len(model.asked[0]), 3]


@pytest.mark.models
def test_a_recorded_nod_sounds_like_one_and_a_question_does_not() -> None:
    """By the real model, on people's voices that no weight was fitted on."""
    stt = WhisperModel(MODELS / "faster-whisper-base", 1)
    odds = {}
    for name in ("yes", "no", "help_me", "hello"):
        [segment] = stt.transcribe(spoken(name)).segments
        assert segment.nod is not None
        odds[name] = segment.nod
    assert odds.pop("yes") > 0 > max(odds.values())
