"""How loud each voice is over a recording, for a picture of it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lineside.records.entries import Waveform
from lineside.records.recording_file import opened_sound, read_sound

PLACES = 1200  # stretches at most: more than a screen has room for
SHORTEST = 0.02  # seconds of one stretch

Loudness = npt.NDArray[np.float32]  # stretches × 2, 0 to 1


def waveform(path: Path) -> Waveform:
    """Read a recording once: some milliseconds for a minute of sound, so call this in a thread.

    The length is counted while reading: the header of a file that was never closed does not know it. Raises what
    libsndfile does when the file is no sound at all.
    """
    with opened_sound(path) as (sound, at_once):
        stretch, samples = max(1, round(SHORTEST * sound.samplerate)), 0
        blocks: list[Loudness] = []
        rest: Loudness = np.zeros((0, 2), np.float32)  # the beginning of a stretch that the next block goes on with
        while len(block := read_sound(sound, at_once, "float32")):
            samples += len(block)
            rest = np.concatenate((rest, np.abs(block)))
            whole = len(rest) // stretch * stretch
            blocks.append(_loudest(rest[:whole], stretch))
            rest = rest[whole:]
        blocks.append(_loudest(rest, stretch))
        seconds = samples / sound.samplerate
    loudest = np.concatenate(blocks)
    if len(loudest) > PLACES:
        loudest = _loudest(loudest, -(-len(loudest) // PLACES))
    sides = np.rint(np.minimum(loudest, 1.0) * 100).astype(int).T.tolist()
    return Waveform(round(seconds, 3), tuple(sides[0]), tuple(sides[1]))


def _loudest(samples: Loudness, stretch: int) -> Loudness:
    """The loudest of each stretch of samples × 2; the last stretch may be shorter."""
    missing = -len(samples) % stretch
    found: Loudness = np.pad(samples, ((0, missing), (0, 0))).reshape(-1, stretch, 2).max(axis=1)
    return found
