"""The turn model: its features by rule, the network itself on whole and broken-off sentences."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.smart_turn import FRAMES, MOST_AT_ONCE, SAMPLES, SmartTurn, features
from lineside.audio.wav import read_wav
from lineside.errors import ConfigError
from lineside.models.store import locate
from lineside.settings import load_settings

RECORDINGS = Path(__file__).parents[3] / "shared" / "audio"
QUIET = bytes(round(0.2 * STT_RATE) * 2)  # what the model was trained to hear behind the last word


def noise(seconds: float, level: float = 3000.0, seed: int = 0) -> bytes:
    """White noise."""
    sound = np.random.default_rng(seed).standard_normal(round(seconds * STT_RATE)) * level
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


def test_a_short_turn_stands_at_the_end_of_the_eight_seconds() -> None:
    """What is before it is even; it is not stretched, and not put in front."""
    shown = features(noise(1.0))
    assert shown.shape == (80, FRAMES)
    assert np.ptp(shown[:, : FRAMES - 110], axis=1).max() < 1e-6
    assert np.ptp(shown[:, -90:]) > 0.5


def test_of_a_long_turn_the_last_eight_seconds_count() -> None:
    """What was said before them changes nothing."""
    end = noise(8.0, seed=1)
    np.testing.assert_array_equal(features(noise(5.0, seed=2) + end), features(end))


def test_a_faint_caller_looks_like_a_loud_one() -> None:
    """The sound is brought to one loudness."""
    loud = np.frombuffer(noise(2.0, level=6000.0), "<i2")
    np.testing.assert_allclose(features((loud // 8).astype("<i2").tobytes()), features(loud.tobytes()), atol=0.08)


@given(st.binary(max_size=4000).map(lambda raw: raw[: len(raw) // 2 * 2]))
@settings(max_examples=25, deadline=None)
def test_every_sound_has_features(pcm: bytes) -> None:
    """Also none at all, and one sample: numbers, none of them infinite."""
    shown = features(pcm)
    assert shown.shape == (80, FRAMES)
    assert bool(np.isfinite(shown).all())


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    """The error says which file, and how to mend it."""
    damaged = tmp_path / "turn.onnx"
    damaged.write_bytes(b"not a model")
    with pytest.raises(ConfigError, match=r"turn\.onnx: fetch it again with `lineside models pull smart-turn-v3\.2`"):
        SmartTurn(damaged)


@pytest.fixture(scope="module")
def model() -> SmartTurn:
    """The network; says what is missing if it was not fetched."""
    try:
        return SmartTurn(locate("smart-turn-v3.2", load_settings().models_dir) / "smart-turn-v3.2-cpu.onnx")
    except ConfigError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def voice_model_path() -> Path:
    """Another network than the turn model."""
    try:
        return locate("silero-vad", load_settings().models_dir) / "silero_vad.onnx"
    except ConfigError as missing:
        pytest.skip(str(missing))


def speech(name: str, *, until: float | None = None) -> bytes:
    """A recording up to its last sound, or so many seconds of it, and the quiet behind."""
    sound = read_wav(RECORDINGS / name)
    resampler = InputResampler(sound.rate, STT_RATE)
    samples: npt.NDArray[np.int16] = np.frombuffer(resampler.feed(sound.pcm) + resampler.end(), "<i2")
    end = int(np.flatnonzero(np.abs(samples) > 600)[-1]) + 1 if until is None else round(until * STT_RATE)
    return samples[:end].tobytes() + QUIET


@pytest.mark.models
def test_another_model_is_refused(voice_model_path: Path) -> None:
    """A voice detector in the turn model's place is found at the start, not in a call."""
    with pytest.raises(ConfigError, match="is not Smart Turn 3, it takes"):
        SmartTurn(voice_model_path)


@pytest.mark.models
@pytest.mark.parametrize("name", ["austen_0870.wav", "austen_0890.wav", "order_status.wav", "help_me.wav"])
def test_a_whole_sentence_sounds_finished(model: SmartTurn, name: str) -> None:
    """Nothing more is coming."""
    assert model.probability(speech(name)) > 0.6  # 0.71 to 0.95, by the processor: the network is 8-bit


@pytest.mark.models
@pytest.mark.parametrize(("name", "until"), [("jfk.wav", 5.5), ("check_order_12345.wav", 3.0)])
def test_half_a_sentence_sounds_unfinished(model: SmartTurn, name: str, until: float) -> None:
    """The voice stays up: more is coming."""
    assert model.probability(speech(name, until=until)) < 0.2


@pytest.mark.models
def test_several_turns_at_once_are_judged_as_each_alone(model: SmartTurn) -> None:
    """A call does not hear the others, and more than fit into one run are all answered, in order."""
    names = ["austen_0870.wav", "jfk.wav", "yes.wav"]
    alone = [model.probability(speech(name)) for name in names]
    many = [speech(name) for name in names] * (MOST_AT_ONCE // len(names) + 1)
    assert model.probabilities(many) == pytest.approx(alone * (MOST_AT_ONCE // len(names) + 1), abs=0.02)
    assert model.probabilities([]) == []
    assert SAMPLES == 8 * STT_RATE
