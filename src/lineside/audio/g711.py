"""G.711, the telephone's own codec: eight bits a sample, μ-law in America and Japan, A-law elsewhere (ITU-T G.711)."""

import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt

from lineside.audio.frame import SAMPLE_BYTES

with warnings.catch_warnings():
    # The standard library deprecates it; from 3.13 on the package audioop-lts brings it back under the same name.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Law = Literal["g711_ulaw", "g711_alaw"]

# Silence is not zero bytes: 0x00 is the loudest sample of μ-law (-32124) and -5504 in A-law (G.711, tables 1 and 2).
SILENCE = {"g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}


def encode(pcm: bytes, law: Law) -> bytes:
    """Signed 16-bit little-endian samples → one byte a sample, bit for bit as ITU-T's own software (G.191) does it.

    Raises `ValueError` for half a sample.
    """
    if len(pcm) % SAMPLE_BYTES:
        raise ValueError(f"{len(pcm)} bytes are not a whole number of samples")
    if law == "g711_ulaw":
        return _ULAW.take(np.frombuffer(pcm, "<u2")).tobytes()
    return audioop.lin2alaw(pcm, SAMPLE_BYTES)


def decode(payload: bytes, law: Law) -> bytes:
    """One byte a sample → signed 16-bit little-endian samples. Every byte is a sample; nothing can be wrong with it."""
    return audioop.ulaw2lin(payload, SAMPLE_BYTES) if law == "g711_ulaw" else audioop.alaw2lin(payload, SAMPLE_BYTES)


def _ulaw_codes() -> npt.NDArray[np.uint8]:
    """The code of every 16-bit sample, by its two's complement.

    audioop drops the two lowest bits of a negative sample before it takes the magnitude, so it is one step off at 508
    of 65536 samples, -1 among them. ITU-T takes the one's complement first: a negative sample has the code of its
    complement with the sign bit cleared. The table costs a microsecond a frame more (bench/audio_steps.py).
    """
    positive = audioop.lin2ulaw(np.arange(32768, dtype="<i2").tobytes(), SAMPLE_BYTES)
    negative = bytes(code & 0x7F for code in reversed(positive))
    return np.frombuffer(positive + negative, np.uint8)


_ULAW = _ulaw_codes()
