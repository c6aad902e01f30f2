"""Whether an utterance is a backchannel such as "mm-hm", told from Whisper's encoder before the decoder writes words.

Recognisers mishear backchannels more often than anything else: they write "what's up?" for "uh-huh". The encoder's
output still tells them apart. It is averaged over each third of the sound and weighed by a logistic regression whose
weights are in `data/nods.toml`; `training/barge_in` fits them on voices that are not measured
(docs/measured/turn-taking.md). The weights belong to one model's encoder and say nothing about another's.
"""

from importlib.resources import files
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

STEPS = 50  # of the encoder, a second
SOUND_PARTS = 3
MAX_BACKCHANNEL_SECONDS = 3.0  # seconds; nobody nods for longer
SHORTEST = 4  # steps

Floats = npt.NDArray[np.float32]


class _StoredWeights(Struct, frozen=True):
    """`data/nods.toml`."""

    model: str  # the name of its folder
    always: float
    weights: list[float]


class BackchannelDetector:
    """The weights for one model."""

    def __init__(self, weights: Floats, always: float) -> None:
        self._weights, self._always = weights, always

    @classmethod
    def of(cls, model: str) -> Self | None:
        """Those for the model of this name, if there are any."""
        stored = msgspec.toml.decode(
            (files("lineside.engine_server.asr") / "data" / "nods.toml").read_bytes(), type=_StoredWeights
        )
        return cls(np.array(stored.weights, np.float32), stored.always) if model == stored.model else None

    def odds(self, encoded: Floats, seconds: float) -> float | None:
        """Log odds that so many seconds of sound are but a nod; None if they are too long for one.

        `encoded`: steps × dimensions, with whatever comes after the sound.
        """
        if seconds > MAX_BACKCHANNEL_SECONDS:
            return None
        return float(pooled(encoded, seconds) @ self._weights) + self._always


def pooled(encoded: Floats, seconds: float) -> Floats:
    """The averages of each third of the sound, one after the other."""
    sound = encoded[: max(SHORTEST, int(seconds * STEPS))]
    averages: Floats = np.concatenate([part.mean(axis=0) for part in np.array_split(sound, SOUND_PARTS)])
    return averages
