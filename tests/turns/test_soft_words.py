"""A short, soft answer on a telephone is a turn: "No." of 150 ms, 12 dB softer than what was said before."""

import numpy as np
import pytest

from lineside.audio.g711 import encode
from lineside.audio.input_resampler import InputResampler
from lineside.audio.vad import EnergyGate, VadModel, VadState
from lineside.audio.wav import read_wav
from lineside.models.store import locate
from lineside.turns.floor_events import VoiceActivity
from lineside.turns.open_turn import SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter
from tests.call.fixtures import settings
from tests.turns.test_speech_segmenter import AUDIO

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not AUDIO.is_dir(), reason=f"the recordings are not at {AUDIO}"),
]

RATE = 8000


class Silero:
    """The network as a call has it, one window at a time."""

    def __init__(self, model: VadModel) -> None:
        self._model, self._state, self._gate = model, VadState(model.memories), EnergyGate()

    def feed(self, window: bytes, on_probability: object = None) -> float:
        return self._model.probabilities([window], [self._state])[0] if self._gate.feed(window) else 0.0


def samples(name: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """A recording at a telephone's rate."""
    recorded = read_wav(AUDIO / f"{name}.wav")
    resampler = InputResampler(recorded.rate, RATE)
    return np.frombuffer(resampler.feed(recorded.pcm) + resampler.end(), "<i2").astype(np.float64)


def loudest(sound: "np.ndarray[tuple[int], np.dtype[np.float64]]", milliseconds: int) -> "np.ndarray":
    """So much of a word, faded at both ends."""
    size = RATE // 1000 * milliseconds
    begin = int(np.convolve(sound * sound, np.ones(size), "valid").argmax())
    word = sound[begin : begin + size].copy()
    fade = np.linspace(0, 1, 80)
    word[:80] *= fade
    word[-80:] *= fade[::-1]
    return word


@pytest.mark.parametrize("word", ["no", "yes"])
@pytest.mark.parametrize("milliseconds", [150, 180, 200, 250, 300])
@pytest.mark.parametrize("decibels", [0, -12])
def test_a_short_soft_word_begins_a_turn(word: str, milliseconds: int, decibels: int) -> None:
    """In mu-law, with a little noise on the line, two seconds after the caller's "Hello"."""
    model = VadModel(locate("silero-vad", settings().models_dir) / "silero_vad.onnx")
    said = loudest(samples(word), milliseconds) * 10 ** (decibels / 20)
    before = samples("hello")
    sound = np.concatenate([np.zeros(RATE), before, np.zeros(2 * RATE), said, np.zeros(RATE)])
    sound += np.random.default_rng(1).normal(0, 6, len(sound))
    payload = encode(np.clip(sound, -32768, 32767).astype("<i2").tobytes(), "g711_ulaw")
    segmenter = SpeechSegmenter("g711_ulaw", RATE, Silero(model), SegmenterRules(min_speech=0.5))
    heard = [event for at in range(0, len(payload), 160) for event in segmenter.hear(payload[at : at + 160])]
    spoken_at = 1 + len(before) / RATE + 2
    assert any(isinstance(event, VoiceActivity) and event.at > spoken_at - 0.1 for event in heard)
