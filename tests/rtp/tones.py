"""Tones of tests."""

import numpy as np


def tone(seconds: float, rate: int, hertz: float = 400.0, loudness: float = 6000.0) -> bytes:
    """Signed 16-bit samples."""
    return (loudness * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype("<i2").tobytes()
