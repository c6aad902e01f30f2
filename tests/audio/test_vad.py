"""The voice detector: the gate in front of it by rule, the network itself on recorded speech and noise."""

import math
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.silero import WINDOW
from lineside.audio.vad import (
    FLOOR_MAX,
    FLOOR_MIN,
    HANGOVER,
    LOOK_BACK,
    TOGETHER,
    EnergyGate,
    LoudnessVad,
    VadMemories,
    VadModel,
    VadState,
)
from lineside.errors import ConfigError
from lineside.models.store import locate
from lineside.settings import load_settings
from tests.audio.single_vad import SileroVad, SingleVad

RATE = 16000
RECORDINGS = Path(__file__).parents[3] / "shared" / "audio"
RECORDED = sorted(RECORDINGS.glob("*.wav"))
SPEECH = [path for path in RECORDED if not path.name.startswith("noise")]

Samples = npt.NDArray[np.float64]


def windows(sound: Samples) -> list[bytes]:
    """A sound as the detector takes it."""
    pcm = np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
    return [pcm[at : at + 2 * WINDOW] for at in range(0, len(pcm) - 2 * WINDOW + 1, 2 * WINDOW)]


def white(seconds: float, dbfs: float, seed: int = 0) -> Samples:
    """White noise of a level."""
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 32768 * 10 ** (dbfs / 20)


def tones(seconds: float, *hertz: float, amplitude: float = 5000) -> Samples:
    """Several sines at once."""
    time = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(amplitude * np.sum([np.sin(2 * np.pi * each * time) for each in hertz], axis=0))


def recording(path: Path, dbfs: float | None = None) -> Samples:
    """A recording, as it is or with its loud windows brought to a level."""
    with wave.open(str(path)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    return sound if dbfs is None else sound * 32768 * 10 ** (dbfs / 20) / np.sqrt(np.mean(loudness(sound) ** 2))


def loudness(sound: Samples) -> Samples:
    """The root mean squares of the windows within 20 dB of the loudest."""
    squares = np.mean(sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW) ** 2, axis=1)
    return np.asarray(np.sqrt(squares[squares > squares.max() / 100]))


def opened(gate: EnergyGate, sound: Samples) -> list[bool]:
    """What the gate says to each window."""
    return [gate.feed(window) for window in windows(sound)]


# The gate


def test_the_gate_is_open_when_a_call_begins() -> None:
    """The network hears what the line sounds like before anybody speaks."""
    assert opened(EnergyGate(), np.zeros(RATE * 2))[: HANGOVER - 1] == [True] * (HANGOVER - 1)


@pytest.mark.parametrize("noise", [-90, -60, -45])
def test_steady_noise_closes_the_gate_and_a_word_opens_it_at_once(noise: float) -> None:
    """A word 6 dB over the noise is heard from its first window, and for the hangover beyond its last one."""
    gate = EnergyGate()
    word = max(noise, -60) + 6
    before = opened(gate, white(10, noise))
    during = opened(gate, white(0.32, word, seed=1))
    after = opened(gate, white(3, noise, seed=2))

    assert not any(before[len(before) // 2 :])
    assert all(during)
    assert after.index(False) == HANGOVER - 1
    assert not any(after[HANGOVER:])


def test_a_word_at_the_very_beginning_is_no_noise() -> None:
    """A call that begins with "Hello?" does not take hello for the line's own noise."""
    gate = EnergyGate()
    assert all(opened(gate, np.concatenate([white(1.5, -35), white(0.3, -70), white(1, -35)])))


def test_the_gate_closes_on_a_noise_that_comes_to_stay_and_opens_over_it() -> None:
    """The floor goes up 1.6 dB a second, and a gap in the noise brings it down within a quarter of one."""
    gate = EnergyGate()
    opened(gate, white(2, -70))
    noisy = opened(gate, white(20, -50))

    assert all(noisy[: 10 * RATE // WINDOW])
    assert not noisy[-1]
    assert gate.floor == pytest.approx(-50, abs=1)
    opened(gate, white(0.256, -70))
    assert gate.floor == pytest.approx(-70, abs=1)


@pytest.mark.parametrize("level", [-68, -80])
def test_what_is_too_soft_to_be_anybody_opens_nothing(level: float) -> None:
    """Under -65 dBFS there is nothing to hear, however quiet the line was before."""
    gate = EnergyGate()
    opened(gate, np.zeros(RATE * 2))

    assert not any(opened(gate, white(1, level)))


def test_no_noise_is_so_loud_that_nobody_can_be_heard_over_it() -> None:
    """The floor stops at -30 dBFS."""
    gate = EnergyGate()
    opened(gate, white(60, -20))

    assert gate.floor == FLOOR_MAX
    assert all(opened(gate, white(2, -20)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 32767), min_size=1, max_size=200))
def test_the_floor_stays_in_its_bounds_and_under_what_is_heard(levels: list[int]) -> None:
    """Whatever is fed; and two gates that hear the same say the same."""
    one, other = EnergyGate(), EnergyGate()
    for level in levels:
        window = np.full(WINDOW, level, "<i2").tobytes()
        before = FLOOR_MIN if one.floor is None else one.floor
        assert one.feed(window) == other.feed(window)
        assert one.floor is not None
        assert FLOOR_MIN <= one.floor <= FLOOR_MAX
        assert one.floor <= max(before, 20 * math.log10(max(1, level) / 32768)) + 0.001


# The gate and the network together


class Listener:
    """Stands for the network, and remembers what it was given."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.memories = VadMemories()

    def probabilities(self, given: Sequence[bytes], states: Sequence[VadState]) -> list[float]:
        """Sure of everything."""
        self.heard += given
        return [0.75] * len(states)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 80)), max_size=8))
def test_the_network_hears_the_windows_before_the_gate_opened(stretches: list[tuple[bool, int]]) -> None:
    """All windows of an open gate and the eight before it, in order and once each; and none while it is closed."""
    listener, gate = Listener(), EnergyGate()
    voice = SingleVad(cast(VadModel, listener))
    expected: list[bytes] = []
    waiting: list[bytes] = []
    number = 0
    for loud, count in stretches:
        for _ in range(count):
            number += 1
            window = np.full(WINDOW, 5000 if loud else 3, "<i2")
            window[0] = number  # tells them apart
            fed = window.tobytes()
            waiting.append(fed)
            is_open = gate.feed(fed)
            assert voice.feed(fed) == (0.75 if is_open else 0.0)
            if is_open:
                expected += waiting[-1 - LOOK_BACK :]
                waiting.clear()

    assert listener.heard == expected


def test_loudness_alone_is_enough_for_tests_of_the_ear() -> None:
    """The stand-in says yes to loud windows and no to quiet ones."""
    voice = LoudnessVad()

    assert voice.feed(windows(white(0.04, -20))[0]) == 1.0
    assert voice.feed(windows(white(0.04, -50))[0]) == 0.0


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_a_model_that_is_missing_or_damaged_is_named(tmp_path: Path, content: bytes | None) -> None:
    """And the command that mends it."""
    path = tmp_path / "silero_vad.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"silero_vad\.onnx.*lineside models pull"):
        VadModel(path)


def field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer that holds less than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def test_another_model_is_refused(tmp_path: Path) -> None:
    """A network, but another one."""
    floats = field(1, bytes([1 << 3, 1]))  # a tensor of floats
    node = field(1, b"wave") + field(2, b"same") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"g") + field(11, field(1, b"wave") + field(2, floats))
    graph += field(12, field(1, b"same") + field(2, floats))
    path = tmp_path / "silero_vad.onnx"
    path.write_bytes(bytes([1 << 3, 8]) + field(7, graph) + field(8, bytes([2 << 3, 13])))

    with pytest.raises(ConfigError, match="is not Silero VAD 5 or 6, it has no"):
        VadModel(path)


# The network on real sound


def model_file() -> Path:
    """Where it lies."""
    return locate("silero-vad", load_settings().models_dir) / "silero_vad.onnx"


@pytest.fixture(scope="module")
def model() -> VadModel:
    """The network, loaded once."""
    return VadModel(model_file())


def ungated(model: VadModel, sound: list[bytes]) -> npt.NDArray[np.float64]:
    """The network's word on every window."""
    detector = SileroVad(model)
    return np.array([detector.probability(window) for window in sound])


def gated(model: VadModel, sound: list[bytes]) -> npt.NDArray[np.float64]:
    """The same behind the gate."""
    voice = SingleVad(model)
    return np.array([voice.feed(window) for window in sound])


@pytest.mark.models
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_network_says_what_its_makers_hear(model: VadModel, path: Path) -> None:
    """Its file in onnxruntime, each window after the last 64 samples of the one before, as Silero's own does."""
    sound = recording(path)
    padded = np.concatenate([np.zeros(64), sound]) / 32768
    session = ort.InferenceSession(str(model_file()), providers=["CPUExecutionProvider"])
    state, expected = np.zeros((2, 1, 128), np.float32), []
    for at in range(0, len(sound) - WINDOW + 1, WINDOW):
        heard = padded[None, at : at + 64 + WINDOW].astype(np.float32)
        speech, state = session.run(None, {"input": heard, "state": state, "sr": np.array(RATE)})
        expected.append(float(speech[0, 0]))

    assert ungated(model, windows(sound)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.models
@pytest.mark.parametrize("path", SPEECH, ids=lambda path: path.stem)
def test_most_of_what_is_loud_in_speech_is_a_voice(model: VadModel, path: Path) -> None:
    """Every recording of somebody speaking."""
    sound = recording(path)
    squares = np.mean(sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW) ** 2, axis=1)

    assert np.mean(gated(model, windows(sound))[squares > squares.max() / 100] > 0.5) > 0.65


DIGITS = [tones(0.3, low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477)]
GAP = np.zeros(RATE // 5)
NOISES = {
    "silence": np.zeros(RATE * 5),
    "faint white noise": white(5, -60),
    "loud white noise": white(5, -25),
    "clicks": np.where(np.arange(RATE * 5) % 7001 == 0, 20000.0, 0.0),
    "knocks": white(5, -12) * (np.arange(RATE * 5) % 8000 < 160),
    "dialling": np.concatenate([part for digit in DIGITS for part in (digit, GAP)]),
    "dial tone": tones(5, 425),
    "European ringing": tones(10, 425) * (np.arange(RATE * 10) % (5 * RATE) < RATE),
    "American ringing": tones(12, 440, 480) * (np.arange(RATE * 12) % (6 * RATE) < 2 * RATE),
    "mains hum": tones(5, 50, 100, 150),
}


@pytest.mark.models
@pytest.mark.parametrize("kind", NOISES)
def test_the_noises_of_a_line_are_no_voice(model: VadModel, kind: str) -> None:
    """Not one window in fifty."""
    assert np.mean(ungated(model, windows(NOISES[kind])) > 0.5) < 0.02
    assert np.mean(gated(model, windows(NOISES[kind])) > 0.5) < 0.02


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "most"), [("noise_dog_bark", 0.02), ("noise_ringing_phone", 0.02), ("noise_people_talking", 0.15)]
)
def test_recorded_noise_is_mostly_no_voice(model: VadModel, name: str, most: float) -> None:
    """Babble is made of voices: a window in fourteen is taken for one, in runs too short for a turn or nearly so."""
    assert np.mean(gated(model, windows(recording(RECORDINGS / f"{name}.wav"))) > 0.5) < most


@pytest.mark.models
@pytest.mark.parametrize("level", [-35, -25, -15])
@pytest.mark.parametrize("noise", [None, -50])
def test_the_gate_costs_no_word(model: VadModel, level: float, noise: float | None) -> None:
    """Soft or loud, over a quiet or a noisy line: no voice begins more than one window later than without the gate."""
    voiced = lost = 0
    for number, path in enumerate(SPEECH):
        speech = recording(path, level)
        pause = np.zeros(2 * RATE + number * 100)  # the gate is closed by then, and every word begins elsewhere
        sound = np.concatenate([pause, speech, pause, speech, pause])
        if noise is not None:
            sound += white(len(sound) / RATE, noise, seed=number)[: len(sound)]
        fed = windows(sound)
        without = ungated(model, fed) > 0.5
        missing = without & (gated(model, fed) <= 0.45)  # 0.46 after 0.51 is no loss, but the network's own doubt
        begins = without & ~np.roll(without, 1)

        assert not np.any(begins[:-1] & missing[:-1] & missing[1:] & without[1:]), path.name
        voiced += int(without.sum())
        lost += int(missing.sum())

    assert voiced > 1000
    assert lost <= voiced / 400


@pytest.mark.models
def test_the_gate_spares_the_network_most_of_a_silent_line(model: VadModel) -> None:
    """A caller who listens for a minute over a line with noise is asked about for two seconds of it."""
    assert np.mean(gated(model, windows(white(60, -55))) > 0) < 0.05


@pytest.mark.models
def test_several_calls_at_once_hear_what_each_hears_alone(model: VadModel) -> None:
    """Batched windows give the same probabilities, and calls may join and leave between them."""
    calls = [windows(recording(path))[:30] for path in SPEECH if path.stem not in ("yes", "no", "hello")]
    alone = [ungated(model, sound) for sound in calls]
    states = [VadState(model.memories) for _ in calls]
    for number in range(30):
        here = [index for index in range(len(calls)) if number < 10 or index % 2 == 0 or number >= 20]
        if number == 10:
            for index in range(1, len(calls), 2):  # the others go on one by one
                for later in range(10, 20):
                    got = model.probabilities([calls[index][later]], [states[index]])
                    assert got[0] == pytest.approx(alone[index][later], abs=1e-4)
        together = model.probabilities([calls[index][number] for index in here], [states[index] for index in here])
        assert together == pytest.approx([alone[index][number] for index in here], abs=1e-4)


@pytest.mark.models
def test_a_burst_of_calls_hears_what_each_hears_window_by_window(model: VadModel) -> None:
    """Those of one call come in order, as many of each as there are: more than are gone through in one run."""
    calls = [windows(recording(path))[: 40 + number] for number, path in enumerate(SPEECH)]
    alone = [ungated(model, sound) for sound in calls]
    states = [VadState(model.memories) for _ in calls]
    flat = [(window, state) for sound, state in zip(calls, states, strict=True) for window in sound]
    assert len(flat) > 3 * TOGETHER
    got = model.probabilities([window for window, _ in flat], [state for _, state in flat])
    assert got == pytest.approx(np.concatenate(alone), abs=1e-4)


@pytest.mark.models
def test_a_call_that_is_over_leaves_nothing_to_the_next(model: VadModel) -> None:
    """Its row in the memory is another's then, and blank; and a hundred calls one after the other need no more rows."""
    sound = windows(recording(SPEECH[0]))
    alone = ungated(model, sound)
    rows = len(model.memories.context)
    kept = [VadState(model.memories) for _ in range(rows + 1)]  # more than there are rows for
    assert len(model.memories.context) > rows
    rows = len(model.memories.context)
    for _ in range(3 * rows):
        detector = SileroVad(model)
        assert [detector.probability(window) for window in sound[:2]] == pytest.approx(alone[:2], abs=1e-4)
    del kept
    assert len(model.memories.context) == rows


@pytest.mark.models
def test_one_call_is_not_heard_in_another(model: VadModel) -> None:
    """Two detectors on one model, window by window in turn, and one that has been reset, know nothing of each other."""
    sound, other = windows(recording(SPEECH[0])), windows(white(5, -20))
    alone = ungated(model, sound)
    first, second = SileroVad(model), SileroVad(model)
    for probability, window, noise in zip(alone, sound, other, strict=False):
        assert first.probability(window) == probability
        second.probability(noise)

    second.reset()
    assert [second.probability(window) for window in sound] == alone.tolist()
