"""G.711, the telephone's own codec: eight bits a sample, mu-law in America and Japan, A-law elsewhere (ITU-T G.711)."""

import warnings
from typing import Literal

with warnings.catch_warnings():
    # The standard library deprecates it; from 3.13 on the package audioop-lts brings it back under the same name.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Law = Literal["g711_ulaw", "g711_alaw"]

# Silence is not zero bytes: 0x00 is the loudest sample of mu-law (-32124) and -5504 in A-law (G.711, tables 1 and 2).
SILENCE = {"g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}


def encode(pcm: bytes, law: Law) -> bytes:
    """Signed 16-bit samples → one byte a sample."""
    return audioop.lin2ulaw(pcm, 2) if law == "g711_ulaw" else audioop.lin2alaw(pcm, 2)


def decode(payload: bytes, law: Law) -> bytes:
    """One byte a sample → signed 16-bit samples."""
    return audioop.ulaw2lin(payload, 2) if law == "g711_ulaw" else audioop.alaw2lin(payload, 2)


def rms(pcm: bytes) -> int:
    """The level of signed 16-bit samples, root mean square. Here because the codec's module has it, and fast."""
    return audioop.rms(pcm, 2)
