"""Sound in place of a lost packet: the last pitch period again, fading, silent after 60 ms (as G.711 appendix I)."""

import numpy as np
import numpy.typing as npt

HISTORY_SECONDS = 0.05
SHORTEST_PITCH, LONGEST_PITCH = 0.005, 0.015  # seconds: 200 and 66 Hz
STEADY_SECONDS, FADE_A_SECOND, SILENT_AFTER = 0.01, 20.0, 0.06  # a fifth less each 10 ms


def conceal(history: bytes, rate: int, samples: int, already: float = 0.0) -> bytes:
    """Samples that sound like those before.

    Args:
        history: the samples before the loss, signed 16-bit; the last `HISTORY_SECONDS` of them are used.
        rate: samples a second.
        samples: how many are missing.
        already: seconds of this loss that have been concealed before.

    Returns:
        As many samples, signed 16-bit.
    """
    sound = np.frombuffer(history, "<i2")[-round(HISTORY_SECONDS * rate) :].astype(np.float32)
    longest = round(LONGEST_PITCH * rate)
    if len(sound) < 2 * longest or already >= SILENT_AFTER or samples <= 0:
        return bytes(2 * max(0, samples))
    period = _period(sound, rate)
    phase = round(already * rate) % period
    repeated = np.resize(sound[-period:], samples + phase)[phase:]
    at = already + np.arange(samples, dtype=np.float32) / rate
    gain = np.clip(1.0 - (at - STEADY_SECONDS) * FADE_A_SECOND, 0.0, 1.0)
    gain[at >= SILENT_AFTER] = 0.0
    return np.asarray(repeated * gain, "<i2").tobytes()


def _period(sound: npt.NDArray[np.float32], rate: int) -> int:
    """Samples of the pitch period that the end of the sound repeats best."""
    shortest, longest = round(SHORTEST_PITCH * rate), round(LONGEST_PITCH * rate)
    piece = sound[-longest:]
    best, score = shortest, -1.0
    energy = float(piece @ piece) + 1.0
    for lag in range(shortest, longest + 1, max(1, rate // 8000)):
        before = sound[-longest - lag : -lag]
        like = float(piece @ before) / np.sqrt(energy * (float(before @ before) + 1.0))
        if like > score:
            best, score = lag, like
    return best
