"""Resampling of a stream: a polyphase FIR with its state kept between frames.

Our own, because it lies in the ear's path: a soxr stream, the usual choice, works in blocks and holds back 37 ms
(48 to 16 kHz) to 115 ms (8 to 16 kHz) of sound at its HQ setting, all of which the caller would wait for. This filter
holds back two milliseconds. Windowed-sinc design: Oppenheim and Schafer, Discrete-Time Signal Processing, 7.6 (Kaiser).
"""

from functools import lru_cache
from math import gcd

import numpy as np
import numpy.typing as npt

CROSSINGS = 32  # taps, in samples of the lower rate; half of them is the delay: 2 ms at 8 kHz
BETA = 6.76  # Kaiser window for 70 dB of stop band
CUTOFF = 0.95  # of the lower rate's Nyquist frequency, the middle of the transition band
FEW_PHASES = 4  # up to so many, every phase is one plain correlation

Samples = npt.NDArray[np.float32]


class Resampler:
    """One direction of one call. Signed 16-bit mono in and out; frames of any whole number of samples."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        common = gcd(from_rate, to_rate)
        self._up, self._down = to_rate // common, from_rate // common
        self._same = from_rate == to_rate
        self._taps = 2 * round(CROSSINGS / 2 * max(1.0, from_rate / to_rate))
        self._table = _phases(self._up, self._down, self._taps)
        # The first output sample stands at the first input sample: half the filter looks at the quiet before it.
        self._buffer: Samples = np.zeros(self._taps // 2 - 1, np.float32)
        self._start = -len(self._buffer)  # input index of the buffer's first sample
        self._received = 0
        self._next = 0  # output index

    def feed(self, pcm: bytes) -> bytes:
        """Take a frame, give what is ready; over the stream all frames give the same, however it is cut."""
        if self._same:
            return pcm
        samples = np.frombuffer(pcm, np.int16)
        self._received += len(samples)
        return self._take(samples.astype(np.float32))

    def end(self) -> bytes:
        """The rest: with it, n samples in have given exactly ceil(n · to / from) out."""
        if self._same:
            return b""
        whole = -(-self._received * self._up // self._down)
        rest = self._take(np.zeros(self._taps, np.float32))
        surplus = self._next - whole
        return rest[: len(rest) - 2 * surplus] if surplus > 0 else rest

    def _take(self, samples: Samples) -> bytes:
        buffer = self._buffer = np.concatenate((self._buffer, samples))
        reach = self._start + len(buffer) - self._taps // 2  # an output at input time t needs the samples to t + taps/2
        stop = max(self._next, -(-reach * self._up // self._down))
        if stop == self._next:
            return b""
        out = self._few(stop) if self._up <= FEW_PHASES else self._many(stop)
        self._next = stop
        used = stop * self._down // self._up - self._taps // 2 + 1 - self._start
        self._buffer = buffer[used:]
        self._start += used
        return np.clip(np.rint(out), -32768, 32767).astype(np.int16).tobytes()

    def _few(self, stop: int) -> Samples:
        """Few phases: each one is the same filter on every so many-th input."""
        out = np.empty(stop - self._next, np.float32)
        for first in range(self._next, min(self._next + self._up, stop)):
            base, phase = divmod(first * self._down, self._up)
            count = -(-(stop - first) // self._up)
            begin = base - self._taps // 2 + 1 - self._start
            span = self._buffer[begin : begin + (count - 1) * self._down + self._taps]
            # Correlating in full costs less than gathering every third window, up to sixfold decimation.
            out[first - self._next :: self._up] = np.correlate(span, self._table[phase])[:: self._down]
        return out

    def _many(self, stop: int) -> Samples:
        """Many phases: every output sample has its own filter."""
        base, phase = np.divmod(np.arange(self._next, stop, dtype=np.int64) * self._down, self._up)
        windows = np.lib.stride_tricks.sliding_window_view(self._buffer, self._taps)
        begin = base - self._taps // 2 + 1 - self._start
        out: Samples = np.einsum("ij,ij->i", windows[begin], self._table[phase])
        return out


@lru_cache(maxsize=64)  # pairs of rates; a table is 2 MB at the most, and shared by all calls
def _phases(up: int, down: int, taps: int) -> Samples:
    """One filter for every phase that an output sample can have between two input samples: up × taps."""
    offset = np.arange(taps) - (taps // 2 - 1)  # of the input samples, from the one before the output sample
    time = offset[None, :] - np.arange(up)[:, None] / up
    cutoff = CUTOFF * min(1.0, up / down)  # of the input's Nyquist frequency
    inside = np.clip(1.0 - (2.0 * time / taps) ** 2, 0.0, None)
    table = cutoff * np.sinc(cutoff * time) * np.i0(BETA * np.sqrt(inside)) / np.i0(BETA)
    table /= table.sum(axis=1, keepdims=True)  # every phase passes a constant unchanged
    return table.astype(np.float32)
