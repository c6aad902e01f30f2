"""Is that a voice? A cheap gate on loudness in front, Silero's network behind it. 16 kHz, windows of 32 ms.

Silero VAD (MIT, github.com/snakers4/silero-vad) takes 512 samples, the 64 before them and its own memory of the call.
It costs more than all other steps of a frame together, so it is asked only while there is something to hear, and in a
gateway for all calls together (`vad_batcher`).
"""

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from lineside.audio.frame import SAMPLE_BYTES
from lineside.audio.silero import CONTEXT, MEMORY, WINDOW, Floats, SileroNetwork

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # see g711.py
    import audioop

FULL_SCALE = np.float32(1 / 32768)

LOOK_BACK = 8  # windows from before the gate opened: the beginning of a word, and the network's run-up to it
OPEN_ABOVE = 3.0  # dB over the line's own noise; white noise strays by 0.3 dB from window to window
LOUD_ENOUGH = -65.0  # dBFS; under it nothing is heard, whatever the noise
HANGOVER = 16  # windows the gate stays open, half a second; a whole one misses as many (tests/audio/test_vad.py)
FLOOR_MIN, FLOOR_MAX = -75.0, -30.0  # dBFS; over a noise of -30 the gate opens for all that is louder than -27
FIRST_FLOOR = -50.0  # dBFS at the most: a call may begin with a word
TOGETHER = 64  # windows whose sound is gone through in one run: more do not fit into the processor's cache
MORE = 16  # rows of memory made at once, or as many as there are
FALL = 0.5  # of the way down, each window: every gap between words tells the noise
RISE = 0.05  # dB up, each window: 1.6 dB a second, so that a long word is not taken for noise

OnProbability = Callable[[float], None]  # for detectors that answer later; those here answer at once


class VoiceDetector(Protocol):
    """Says how likely a window of sound is speech: the VAD of one call, as those who feed it see it."""

    def feed(self, window: bytes, on_probability: OnProbability) -> float | None:
        """Judge the next window.

        Args:
            window: 512 samples at 16 kHz, signed 16-bit.
            tell: hears the probability later, in the order of the windows, where it is not known at once.

        Returns:
            The probability of speech, 0 to 1; None: `on_probability` will hear it.
        """
        ...


class LoudnessVad:
    """Every loud window is a voice: for tests of the ear, which need no model."""

    def __init__(self, threshold: int = 500) -> None:
        self._threshold = threshold  # root mean square, of 32768

    def feed(self, window: bytes, on_probability: OnProbability | None = None) -> float:
        """1 for a loud window, 0 for a quiet one."""
        return float(audioop.rms(window, SAMPLE_BYTES) > self._threshold)


class EnergyGate:
    """Open while the line is louder than its own noise, and for `HANGOVER` after. Counts windows, not time."""

    def __init__(self) -> None:
        self.floor: float | None = None  # the line's own noise, dBFS; None before the first window
        self._open_for = HANGOVER  # the network first hears what the line sounds like when nobody speaks

    def feed(self, window: bytes) -> bool:
        """Whether there may be something to hear in this window."""
        level = 20 * math.log10((audioop.rms(window, SAMPLE_BYTES) or 1) / 32768)
        floor = min(level, FIRST_FLOOR) if self.floor is None else self.floor
        up = level - floor
        floor += FALL * up if up < 0 else RISE if up > RISE else up
        self.floor = floor = FLOOR_MIN if floor < FLOOR_MIN else FLOOR_MAX if floor > FLOOR_MAX else floor
        if level >= LOUD_ENOUGH and level >= floor + OPEN_ABOVE:
            self._open_for = HANGOVER
        elif self._open_for:
            self._open_for -= 1
        return self._open_for > 0


class VadMemories:
    """What the network remembers of all calls, a row for each: the end of the last window, two layers of memory.

    In one array, because to gather and to scatter those of many calls one by one costs as much as a convolution.
    """

    def __init__(self) -> None:
        self.context: Floats = np.zeros((0, CONTEXT), np.float32)
        self.memory: Floats = np.zeros((0, 2, MEMORY), np.float32)
        self._free: list[int] = []

    def take(self) -> int:
        """A row of nothing."""
        if not self._free:
            have = len(self.context)
            more = max(MORE, have)
            self.context = np.concatenate([self.context, np.zeros((more, CONTEXT), np.float32)])
            self.memory = np.concatenate([self.memory, np.zeros((more, 2, MEMORY), np.float32)])
            self._free = list(range(have + more - 1, have - 1, -1))
        row = self._free.pop()
        self.context[row], self.memory[row] = 0, 0
        return row

    def give_back(self, row: int) -> None:
        """Nobody needs it any more."""
        self._free.append(row)


class VadState:
    """The network's memory of one call; its row goes back by itself."""

    __slots__ = ("_memories", "row")

    def __init__(self, memories: VadMemories) -> None:
        self._memories, self.row = memories, memories.take()

    def __del__(self) -> None:
        self._memories.give_back(self.row)


class VadModel:
    """Silero's network, loaded once a process and shared by all its calls. For one thread."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError` if the file is missing, damaged or another model."""
        self._network = SileroNetwork(path)
        self.memories = VadMemories()

    def probabilities(self, windows: Sequence[bytes], states: Sequence[VadState]) -> list[float]:
        """Windows of 512 samples of several calls at once, those of one call in order; their states go on with them.

        Sixteen at once cost a quarter of what they cost one after the other (docs/measured/performance.md).
        """
        of_calls = [state.row for state in states]
        rows = np.array(of_calls, np.intp)
        context, memory = self.memories.context, self.memories.memory
        sound: Floats = np.empty((len(windows), CONTEXT + WINDOW), np.float32)
        heard = np.frombuffer(b"".join(windows), "<i2").reshape(-1, WINDOW)
        np.multiply(heard, FULL_SCALE, out=sound[:, CONTEXT:])
        turns = _rounds(of_calls)
        for turn in turns:
            sound[turn, :CONTEXT] = context[rows[turn]]
            context[rows[turn]] = sound[turn, -CONTEXT:]
        features = self._features(sound)
        speech: Floats = np.empty(len(windows), np.float32)
        for turn in turns:
            speech[turn], memory[rows[turn]] = self._network.probabilities(features[turn], memory[rows[turn]])
        found: list[float] = speech.tolist()
        return found

    def _features(self, sound: Floats) -> Floats:
        if len(sound) <= TOGETHER:
            return self._network.features(sound)
        some = [self._network.features(sound[begin : begin + TOGETHER]) for begin in range(0, len(sound), TOGETHER)]
        return np.concatenate(some)


def _rounds(rows: list[int]) -> "list[list[int]] | list[slice]":
    """Where the first windows of all calls are, then their second ones, and so on. Nearly always there are no second
    ones.
    """
    if len(set(rows)) == len(rows):
        return [_ALL]
    rounds: list[list[int]] = []
    seen: dict[int, int] = {}
    for index, row in enumerate(rows):
        number = seen.get(row, 0)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(index)
        seen[row] = number + 1
    return rounds


_ALL = slice(None)
