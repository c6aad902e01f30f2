"""Does it sound as if the caller had finished? Smart Turn's network, which hears melody, pace and trailing off.

Smart Turn v3.2 (BSD-2-Clause, github.com/pipecat-ai/smart-turn): a Whisper Tiny encoder with a head that gives one
probability. It hears the last eight seconds of a turn at 16 kHz, best with 200 ms of the silence behind it, as it was
trained. The recipe of its features is the publisher's (pipecat, `local_smart_turn_v3.py`): zeros in front up to eight
seconds, all of it brought to mean 0 and variance 1, then Whisper's spectrogram of 80 log-mel bands.

One run takes 50 to 100 ms of one core, longer than a frame: call it in an executor of its own, never on a media loop,
and do without it when it is late (`lineside.turns.endpointing` can).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lineside.audio.frame import SAMPLE_BYTES, STT_RATE
from lineside.audio.log_mel import BANDS, HOP, log_mel
from lineside.errors import ConfigError

SECONDS = 8
SAMPLES = SECONDS * STT_RATE
FRAMES = SAMPLES // HOP
PAUSE_STEPS = 14  # of 10 ms at the end of a turn: the silence, without the decay of the last word
LATELY = 4 * STT_RATE * SAMPLE_BYTES  # bytes of a turn that tell how clear its voice is: 0.3 ms of one core
MOST_AT_ONCE = 8  # turns in one run: 0.3 MB of spectrogram each; more are run after one another

Floats = npt.NDArray[np.float32]
_MEND = "fetch it again with `lineside models pull smart-turn-v3.2`"


class SmartTurn:
    """The network, loaded once a process. Its methods block; onnxruntime lets several threads run it at once."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError` if the file is missing, damaged or another model."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        # One thread, and it never spins: the other cores have calls to carry.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as cause:  # onnxruntime has a dozen kinds, none of them public
            raise ConfigError(f"cannot load the turn model from {path}: {_MEND} ({cause})") from None
        takes = [(given.name, list(given.shape[1:])) for given in self._session.get_inputs()]
        if takes != [("input_features", [BANDS, FRAMES])]:
            raise ConfigError(f"{path} is not Smart Turn 3, it takes {takes}: {_MEND}")

    def probability(self, pcm: bytes) -> float:
        """How likely the turn is over, 0 to 1. `pcm`: the turn so far, signed 16-bit at 16 kHz, of any length."""
        return self.probabilities([pcm])[0]

    def probabilities(self, turns: Sequence[bytes]) -> list[float]:
        """The same for the turns of several calls."""
        found: list[float] = []
        for at in range(0, len(turns), MOST_AT_ONCE):
            heard = np.stack([features(pcm) for pcm in turns[at : at + MOST_AT_ONCE]])
            [over] = self._session.run(None, {"input_features": heard})  # a probability: the sigmoid is in the network
            found += [float(each) for each in over[:, 0]]
        return found


def features(pcm: bytes) -> Floats:
    """What the network is shown of a turn: `BANDS` × `FRAMES`."""
    turn = np.frombuffer(pcm[-SAMPLES * SAMPLE_BYTES :], "<i2").astype(np.float32) / np.float32(32768)
    sound = np.zeros(SAMPLES, np.float32)
    sound[SAMPLES - len(turn) :] = turn
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + np.float32(1e-7))
    return log_mel(sound)


def clearness(pcm: bytes) -> float:
    """How far the caller's voice stands out from the line's noise, in decibels, 0 to 60; measured in the pause.

    `pcm`: a turn as above, with 0.2 s of the silence behind it. The network's word is weighed apart in noise
    (`lineside.turns.endpointing`).
    """
    turn = np.frombuffer(pcm[-LATELY:], "<i2").astype(np.float32)
    steps = turn[len(turn) % HOP :].reshape(-1, HOP)
    levels = 10 * np.log10(np.einsum("ij,ij->i", steps, steps) / HOP + 1.0)
    if len(levels) <= PAUSE_STEPS:
        return 0.0
    apart = np.quantile(levels[:-PAUSE_STEPS], 0.9) - np.median(levels[-PAUSE_STEPS:])
    return float(min(60.0, max(0.0, apart)))
