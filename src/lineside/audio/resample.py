"""Resampling of a stream: a polyphase FIR whose state is kept between frames.

Our own, because it lies in the ear's path. A soxr stream, the usual choice, works in blocks: at HQ it holds back
21 ms (48 to 16 kHz) to 63 ms (8 to 16 kHz) on average and nearly twice that at worst, and the caller waits for all of
it, after every turn and before every barge-in. This filter holds back 1 to 2 ms, for some 10 µs more a frame of 20 ms
(40 more at rates with no small ratio; bench/audio_steps.py measures both).

Design: windowed sinc, Kaiser (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5).
"""

from functools import lru_cache
from math import gcd

import numpy as np
import numpy.typing as npt

from lineside.audio.frame import SAMPLE_BYTES

CROSSINGS = 32  # taps, in samples of the lower rate; half of them is the delay: 2 ms at 8 kHz
BETA = 6.76  # Kaiser window for 70 dB of stop band, 13 % of the lower rate for the transition
CUTOFF = 0.95  # of the lower rate's Nyquist frequency, the middle of the transition: 3400 of 4000 Hz pass at -0.2 dB
PHASES = 2048  # filters at the most; odd pairs of rates take the one before theirs (62 dB at the band's edge)
FEW = 4  # output samples in a cycle, up to which a cycle is one small matrix
RATES = range(4000, 192_001)  # Hz; beyond it nobody means it, and the tables would grow without end
LOWEST, HIGHEST = np.float32(-32768), np.float32(32767)

Samples = npt.NDArray[np.float32]


class Resampler:
    """One direction of one call. Signed 16-bit mono in and out; frames of any whole number of samples."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Whole rates in hertz, 4000 to 192000. Raises `ValueError` beyond."""
        if from_rate not in RATES or to_rate not in RATES:
            raise ValueError(f"cannot resample from {from_rate} to {to_rate} Hz: rates are {RATES[0]} to {RATES[-1]}")
        common = gcd(from_rate, to_rate)
        self._up, self._down = to_rate // common, from_rate // common
        self._taps = 2 * round(CROSSINGS / 2 * max(1.0, from_rate / to_rate))
        self._filters = _filters(self._up, self._down, self._taps)
        # The first output sample stands at the first input sample: half the filter looks at the quiet before it.
        self._buffer: Samples = np.zeros(self._taps // 2 - 1, np.float32)
        self._start = 0  # input samples that have left the buffer
        self._received = 0
        self._next = 0  # output sample

    def feed(self, pcm: bytes) -> bytes:
        """Take a frame, give what is ready; over the stream all frames give the same, however it is cut."""
        if self._up == self._down:
            return pcm
        samples = np.frombuffer(pcm, "<i2")
        self._received += len(samples)
        return self._take(samples.astype(np.float32))

    def end(self) -> bytes:
        """The rest; nothing may be fed after it. In all, n samples have given ceil(n · to / from), exactly."""
        if self._up == self._down:
            return b""
        whole = -(-self._received * self._up // self._down)
        due = whole - self._next
        quiet = np.zeros(self._taps + self._down, np.float32)  # enough for the last cycle, and some to cut off
        return self._take(quiet)[: due * SAMPLE_BYTES]

    def _take(self, samples: Samples) -> bytes:
        """All output samples whose filter lies inside of what has come."""
        self._buffer = np.concatenate((self._buffer, samples))
        ready = self._start + len(self._buffer) - self._taps + 1
        stop = max(self._next, -(-ready * self._up // self._down))
        if self._up <= FEW:
            stop -= stop % self._up
        if stop == self._next:
            return b""
        out = self._cycles(stop) if self._up <= FEW else self._singly(stop)
        self._next = stop
        used = stop * self._down // self._up - self._start
        self._buffer = self._buffer[used:]
        self._start += used
        np.rint(out, out=out)
        np.minimum(np.maximum(out, LOWEST, out=out), HIGHEST, out=out)  # np.clip takes four microseconds for it
        return out.astype("<i2").tobytes()

    def _cycles(self, stop: int) -> Samples:
        """Few output samples in a cycle: the same small matrix on every so many-th input."""
        count = (stop - self._next) // self._up
        step = self._buffer.itemsize
        # The windows overlap and stay where they are, and each is multiplied alone. A matrix product would copy them,
        # and round differently with the number of them.
        windows: Samples = np.ndarray(
            (count, 1, self._filters.shape[1]), np.float32, self._buffer, strides=(self._down * step, 0, step)
        )
        out: Samples = np.vecdot(windows, self._filters)
        return out.ravel()

    def _singly(self, stop: int) -> Samples:
        """Many output samples in a cycle: each has its own filter and its own place."""
        cycle = self._next // self._up
        order = np.arange(self._next - cycle * self._up, stop - cycle * self._up, dtype=np.int64)
        place, phase = np.divmod(order * self._down, self._up)
        place += cycle * self._down - self._start
        step = self._buffer.itemsize
        windows: Samples = np.ndarray(
            (len(self._buffer) - self._taps + 1, self._taps), np.float32, self._buffer, strides=(step, step)
        )
        out: Samples = np.vecdot(windows[place], self._filters[phase * len(self._filters) // self._up])
        return out


@lru_cache(maxsize=16)  # pairs of rates, at most 2 MB each, shared by all calls; the least used one is made anew
def _filters(up: int, down: int, taps: int) -> Samples:
    """The filters: one a phase, phases × taps; where there are few, one an output sample of a cycle, at its place."""
    phases = min(up, PHASES)
    offset = np.arange(taps) - (taps // 2 - 1)  # of the input samples, from the one before the output sample
    time = offset[None, :] - np.arange(phases)[:, None] / phases
    cutoff = CUTOFF * min(1.0, up / down)  # of the input's Nyquist frequency
    inside = np.clip(1.0 - (2.0 * time / taps) ** 2, 0.0, None)
    table = cutoff * np.sinc(cutoff * time) * np.i0(BETA * np.sqrt(inside)) / np.i0(BETA)
    table /= table.sum(axis=1, keepdims=True)  # every phase passes a constant unchanged
    if up > FEW:
        return table.astype(np.float32)
    place, phase = np.divmod(np.arange(up) * down, up)
    matrix = np.zeros((up, taps + int(place[-1])), np.float32)
    for row, begin, which in zip(matrix, place, phase, strict=True):
        row[begin : begin + taps] = table[which]
    return matrix
