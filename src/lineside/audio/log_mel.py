"""The spectrogram that Whisper and Smart Turn hear: a frame of 80 log-mel bands every 10 ms.

Whisper's third large model has 128 bands.

As published with the model (openai/whisper, audio.py: `log_mel_spectrogram`, `mel_filters.npz`, the latter made by
librosa 0.8's `filters.mel(sr=16000, n_fft=400, n_mels=80)`): periodic Hann window of 25 ms, hop of 10 ms, reflected
edges, power spectrum, Slaney's mel scale with equal area under each triangle, log10, no more than 8 below the loudest.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

RATE = 16_000
WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
BANDS = 80

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def log_mel(samples: Floats, bands: int = BANDS) -> Floats:
    """Samples between -1 and 1 at `RATE` → `bands` × frames, one frame for every whole `HOP` samples."""
    frames = len(samples) // HOP
    reflected = np.pad(samples, WINDOW // 2, mode="reflect")
    pieces = np.lib.stride_tricks.sliding_window_view(reflected, WINDOW)[::HOP][:frames]
    waves = np.fft.rfft(pieces * HANN, axis=1)
    power = (waves.real**2 + waves.imag**2).astype(np.float32)
    loudness = np.log10(np.maximum(filters(bands) @ power.T, 1e-10))
    loudness = np.maximum(loudness, loudness.max(initial=-10.0) - 8.0)
    scaled: Floats = ((loudness + 4.0) / 4.0).astype(np.float32)
    return scaled


def _to_mel(hertz: Doubles) -> Doubles:
    """Slaney's scale (Auditory Toolbox, 1998): straight up to 1 kHz, then 27 steps to each factor of 6.4."""
    straight = hertz / (200.0 / 3.0)
    curved = 15.0 + np.log(np.maximum(hertz, 1.0) / 1000.0) * (27.0 / np.log(6.4))
    return np.where(hertz < 1000.0, straight, curved)


def _to_hertz(mel: Doubles) -> Doubles:
    return np.where(mel < 15.0, mel * (200.0 / 3.0), 1000.0 * np.exp((mel - 15.0) * (np.log(6.4) / 27.0)))


@cache
def filters(bands: int) -> Floats:
    """Triangles, `bands` × 201; the area under each, in hertz, is the same."""
    bins = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)
    corners = _to_hertz(np.linspace(0.0, float(_to_mel(np.array(RATE / 2))), bands + 2))
    widths = np.diff(corners)
    slopes = corners[:, None] - bins[None, :]
    up, down = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(up, down))
    equal: Floats = (triangles * (2.0 / (corners[2:] - corners[:-2]))[:, None]).astype(np.float32)
    return equal


HANN: Floats = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
