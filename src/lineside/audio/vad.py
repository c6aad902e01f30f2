"""Is that a voice? A cheap gate on loudness in front, Silero's network behind it. 16 kHz, windows of 32 ms.

Silero VAD (MIT, github.com/snakers4/silero-vad) takes 512 samples, the 64 before them and its own memory of the call.
It costs ten times as much as all other steps of a frame together, so it is only asked while there is something to hear.
"""

import math
import warnings
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lineside.audio.frame import EAR_RATE, SAMPLE_BYTES
from lineside.errors import ConfigError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # see g711.py
    import audioop

WINDOW = 512  # samples
CONTEXT = 64  # samples of the window before, heard again
MEMORY = 128  # numbers in each of the network's two layers of memory

Floats = npt.NDArray[np.float32]


class Voice:
    """The voice detector of one call: the gate, and the network while the gate is open."""

    def __init__(self, model: "VoiceModel") -> None:
        self._gate = EnergyGate()
        self._detector = VoiceDetector(model)
        # What was heard just before the gate opened: the soft beginning of a word is in there.
        self._before: deque[bytes] = deque(maxlen=LOOK_BACK)
        self._was_open = False

    def feed(self, window: bytes) -> float:
        """Probability of speech in a window of 512 samples, 0 to 1; 0 while the gate is closed."""
        opened = self._gate.feed(window)
        if not opened:
            self._was_open = False
            self._before.append(window)
            return 0.0
        if not self._was_open:
            self._was_open = True
            self._detector.reset()
            for earlier in self._before:
                self._detector.probability(earlier)
            self._before.clear()
        return self._detector.probability(window)


class LoudnessVoice:
    """Every loud window is a voice: for tests of the ear, which need no model."""

    def __init__(self, threshold: int = 500) -> None:
        self._threshold = threshold  # root mean square, of 32768

    def feed(self, window: bytes) -> float:
        """1 for a loud window, 0 for a quiet one."""
        return float(audioop.rms(window, SAMPLE_BYTES) > self._threshold)


LOOK_BACK = 2  # windows
OPEN_ABOVE = 4.0  # dB over the floor
LOUD_ENOUGH = -65.0  # dBFS; under it nothing is heard, whatever the floor
FLOOR_MIN, FLOOR_MAX = -75.0, -30.0  # dBFS
FALL = 0.5  # of the way, each window
RISE = 0.1  # dB a window: 3 dB a second
HANGOVER = 16  # windows: half a second, longer than the quiet inside a word


class EnergyGate:
    """Open while the line is louder than its own noise."""

    def __init__(self) -> None:
        self.floor = FLOOR_MIN  # dBFS
        self._left = 0  # windows to stay open

    def feed(self, window: bytes) -> bool:
        """Whether there is something to hear in this window."""
        level = 20 * math.log10(max(1, audioop.rms(window, SAMPLE_BYTES)) / 32768)
        step = FALL * (level - self.floor) if level < self.floor else RISE
        self.floor = min(FLOOR_MAX, max(FLOOR_MIN, min(self.floor + step, max(level, self.floor))))
        if level >= LOUD_ENOUGH and level >= self.floor + OPEN_ABOVE:
            self._left = HANGOVER
        elif self._left:
            self._left -= 1
        return self._left > 0


class VoiceState:
    """What the network remembers of one call."""

    __slots__ = ("context", "memory")

    def __init__(self) -> None:
        self.context: Floats = np.zeros(CONTEXT, np.float32)
        self.memory: Floats = np.zeros((2, MEMORY), np.float32)

    def reset(self) -> None:
        """Forget the call."""
        self.context.fill(0)
        self.memory.fill(0)


class VoiceDetector:
    """The network alone, for one call."""

    def __init__(self, model: "VoiceModel") -> None:
        self._model = model
        self._state = [VoiceState()]

    def probability(self, window: bytes) -> float:
        """Probability of speech in a window of 512 samples, 0 to 1."""
        return self._model.probabilities([window], self._state)[0]

    def reset(self) -> None:
        """Forget what was heard."""
        self._state[0].reset()


class VoiceModel:
    """Silero's network, loaded once a process and shared by all its calls. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigError(f"the voice detector's model is missing: {path}; fetch it with `lineside models pull`")
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(EAR_RATE, np.int64)

    def probabilities(self, windows: Sequence[bytes], states: Sequence[VoiceState]) -> list[float]:
        """One window of each of several calls at once; their states go on to the next window."""
        sound = np.empty((len(windows), CONTEXT + WINDOW), np.float32)
        for row, window, state in zip(sound, windows, states, strict=True):
            row[:CONTEXT] = state.context
            np.multiply(np.frombuffer(window, np.int16), np.float32(1 / 32768), out=row[CONTEXT:])
            state.context[:] = row[-CONTEXT:]
        memory = np.stack([state.memory for state in states], axis=1)
        given, memory = self._session.run(None, {"input": sound, "state": memory, "sr": self._rate})
        for index, state in enumerate(states):
            state.memory[:] = memory[:, index]
        return [float(probability) for probability in given[:, 0]]
