"""Voice detection: Silero, a small neural network, behind a gate that costs next to nothing.

Windows are 512 samples at 16 kHz, 32 ms. Only windows are counted; there is no clock. Silero VAD: github.com/snakers4/
silero-vad (MIT); it takes a window with the 64 samples before it, and carries a state of 2 x 1 x 128 numbers.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from lineside.audio.frame import EAR_RATE
from lineside.audio.g711 import rms

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64

# Levels in decibels below full scale, of a window's RMS.
QUIETEST_SPEECH = -55.0  # a window under this never opens the gate: on any line it is noise
ABOVE_FLOOR = 6.0  # dB above the noise that opens it; speech in noise that loud is hardly understood
FLOOR_START, FLOOR_LOWEST, FLOOR_HIGHEST = -60.0, -90.0, -30.0
FALL, RISE = 0.3, 0.01  # how fast the floor follows: at once when it gets quieter, over seconds when louder
HANGOVER = 12  # windows (0.4 s) that the gate stays open: soft ends of words
BEFORE = 2  # windows fed to Silero when the gate opens: the onset lies before it


class VoiceModel:
    """The network, loaded once and shared by all calls of the process. It keeps nothing between windows."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(EAR_RATE, np.int64)

    def probabilities(
        self, windows: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Probabilities of n windows (n x 576, context first) and their new state (2 x n x 128)."""
        result: tuple[Any, Any] = self._session.run(None, {"input": windows, "state": state, "sr": self._rate})
        return result[0][:, 0], result[1]


class EnergyGate:
    """Opens when a window stands out of the line's own noise."""

    def __init__(self) -> None:
        self.floor = FLOOR_START
        self._open_for = 0

    def feed(self, window: bytes) -> bool:
        """Whether this window may be speech."""
        level = _decibels(window)
        if level > max(QUIETEST_SPEECH, self.floor + ABOVE_FLOOR):
            self._open_for = HANGOVER
        else:
            self._open_for -= self._open_for > 0
        follow = FALL if level < self.floor else RISE
        self.floor += follow * (max(FLOOR_LOWEST, min(FLOOR_HIGHEST, level)) - self.floor)
        return self._open_for > 0


class Voice:
    """The detector of one call: the gate, and Silero while it is open."""

    def __init__(self, model: VoiceModel) -> None:
        self._model = model
        self._gate = EnergyGate()
        self._before: list[bytes] = []  # the last windows, at most BEFORE
        self._was_open = False
        self._input = np.zeros((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    def feed(self, window: bytes) -> float:
        """Probability that this window of 512 samples is speech; 0 while the gate is closed."""
        is_open, was_open = self._gate.feed(window), self._was_open
        self._was_open = is_open
        if not is_open:
            self._before = [*self._before[1 - BEFORE :], window]
            return 0.0
        if not was_open:
            self._input[:] = 0.0
            self._state[:] = 0.0
            for earlier in self._before:
                self._probability(earlier)
            self._before = []
        return self._probability(window)

    def _probability(self, window: bytes) -> float:
        self._input[0, :CONTEXT_SAMPLES] = self._input[0, WINDOW_SAMPLES:]
        self._input[0, CONTEXT_SAMPLES:] = np.frombuffer(window, np.int16)
        self._input[0, CONTEXT_SAMPLES:] *= 1 / 32768
        probability, self._state = self._model.probabilities(self._input, self._state)
        return float(probability[0])


class LoudnessVoice:
    """Takes every loud window for speech. For tests and load, where callers are tones."""

    def __init__(self, louder_than: float = -40.0) -> None:
        self._louder_than = louder_than

    def feed(self, window: bytes) -> float:
        """1 when the window is loud, else 0."""
        return float(_decibels(window) > self._louder_than)


def _decibels(window: bytes) -> float:
    return 20 * math.log10(max(rms(window), 1) / 32768)
