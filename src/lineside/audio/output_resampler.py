"""Rates converted where nobody waits for the result: what is played has been ready for longer than a filter holds it.

soxr's streams cost a third of `resample.Resampler` (bench/audio_steps.py) and hold back 20 to 70 ms. In the ear's path
the caller would wait for those after every turn; on the way out the next piece of a sentence is there already.
"""

import numpy as np
import soxr

QUALITY = "HQ"  # soxr's own default: 20 bits, a pass band of 91 %


class OutputResampler:
    """One direction of one reply. Signed 16-bit mono in and out; pieces of any whole number of samples."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Whole rates in hertz."""
        same = from_rate == to_rate
        self._stream = None if same else soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality=QUALITY)

    def feed(self, pcm: bytes) -> bytes:
        """Take a piece, give what is ready."""
        if self._stream is None:
            return pcm
        out: bytes = self._stream.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes()
        return out

    def end(self) -> bytes:
        """The rest; nothing may be fed after it."""
        if self._stream is None:
            return b""
        out: bytes = self._stream.resample_chunk(np.zeros(0, np.int16), last=True).tobytes()
        return out
