"""Rates converted where nobody waits for the result: what is played has been ready for longer than a filter holds it.

soxr's streams cost a third of `resample.Resampler` (bench/audio_steps.py) and hold back 20 to 70 ms. In the ear's path
the caller would wait for those after every turn; on the way out the next piece of a sentence is there already.
"""

import numpy as np
import soxr

from lineside.audio.frame import SAMPLE_BYTES, SpokenAudio

QUALITY = "HQ"  # soxr's own default: 20 bits, a pass band of 91 %


class OutputResampler:
    """One direction of one reply. Signed 16-bit mono in and out; pieces of any whole number of samples."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Convert from one whole rate in hertz to another."""
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


class WordResampler:
    """An `OutputResampler` for sound with words. A word comes out with the sample it ends at, not before."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Convert from one whole rate in hertz to another."""
        self.from_rate, self._to_rate = from_rate, to_rate
        self._resampler = OutputResampler(from_rate, to_rate)
        self._waiting: list[tuple[int, str]] = []  # words, and the samples that come out before they end
        self._in, self._out = 0, 0  # samples so far

    def feed(self, audio: SpokenAudio) -> SpokenAudio:
        """Take a stretch of the first rate, give what is ready at the other: the filter holds some of it back."""
        if audio.words:
            begins, up, down = self._in, self._to_rate, self.from_rate
            self._waiting += [(round((begins + at) * up / down), word) for at, word in audio.words]
        self._in += audio.samples
        return self._ready(self._resampler.feed(audio.pcm) if audio.pcm else b"", last=False)

    def end(self) -> SpokenAudio:
        """The rest; nothing may be fed after it."""
        return self._ready(self._resampler.end(), last=True)

    def _ready(self, pcm: bytes, *, last: bool) -> SpokenAudio:
        before = self._out
        self._out += len(pcm) // SAMPLE_BYTES
        if not self._waiting:
            return SpokenAudio(pcm, self._to_rate)
        ready = [(at, word) for at, word in self._waiting if last or at <= self._out]
        del self._waiting[: len(ready)]
        words = [(max(0, min(at, self._out) - before), word) for at, word in ready]
        return SpokenAudio(pcm, self._to_rate, tuple(words))
