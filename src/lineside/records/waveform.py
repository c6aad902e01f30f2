"""How loud each voice is over a recording, for a picture of it."""

from pathlib import Path

import numpy as np

from lineside.records.entries import Waveform

PLACES = 1200  # stretches at most: more than a screen has room for
SHORTEST = 0.02  # seconds of one stretch
BLOCK = 200  # stretches read at once


def waveform(path: Path) -> Waveform:
    """Read it once. Some milliseconds for a minute of sound: call it in a thread. Raises what libsndfile does."""
    import soundfile

    with soundfile.SoundFile(path) as sound:
        stretch = max(round(SHORTEST * sound.samplerate), -(-sound.frames // PLACES))
        loudest: list[np.ndarray[tuple[int, int], np.dtype[np.float32]]] = []
        for block in sound.blocks(stretch * BLOCK, dtype="float32", fill_value=0.0, always_2d=True):
            whole = block[: len(block) // stretch * stretch]
            loudest.append(np.abs(whole.reshape(-1, stretch, 2)).max(axis=1))
        seconds = sound.frames / sound.samplerate
    places = np.concatenate(loudest)[: -(-sound.frames // stretch)] if loudest else np.zeros((0, 2), np.float32)
    sides = np.rint(np.minimum(places, 1.0) * 100).astype(int).T.tolist()
    return Waveform(round(seconds, 3), tuple(sides[0]), tuple(sides[1]))
