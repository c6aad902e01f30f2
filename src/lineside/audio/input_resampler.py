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
ROWS = 128  # filters that are computed at once: with all of them, a table of half a megabyte takes twenty to make
FEW = 4  # output samples in a cycle, up to which some cycles together are one small matrix
BLOCK = range(4, 9)  # output samples that are made by one small matrix: half a millisecond at 16 kHz
RATES = range(4000, 192_001)  # Hz; beyond it nobody means it, and the tables would grow without end
LOWEST, HIGHEST = np.array(-32768, np.float32), np.array(32767, np.float32)  # arrays: numbers are made one each time
PCM = np.dtype("<i2")

Samples = npt.NDArray[np.float32]


class InputResampler:
    """One direction of one call. Signed 16-bit mono in and out; frames of any whole number of samples."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Whole rates in hertz, 4000 to 192000. Raises `ValueError` beyond."""
        if from_rate not in RATES or to_rate not in RATES:
            raise ValueError(f"cannot resample from {from_rate} to {to_rate} Hz: rates are {RATES[0]} to {RATES[-1]}")
        common = gcd(from_rate, to_rate)
        self._up, self._down = to_rate // common, from_rate // common
        self._taps = 2 * round(CROSSINGS / 2 * max(1.0, from_rate / to_rate))
        self._filters = _filters(self._up, self._down, self._taps)
        self._block = _block(self._up)
        self._step = self._block // self._up * self._down  # input samples from a block of whole cycles to the next
        self._in_matrices = self._up > FEW and self._block > 1
        if self._in_matrices:
            self._places, self._blocks = _blocks(self._up, self._down, self._taps, self._block)
        # The first output sample stands at the first input sample: half the filter looks at the quiet before it.
        self._buffer: Samples = np.zeros(self._taps // 2 - 1, np.float32)
        self._start = 0  # input samples that have left the buffer
        self._received = 0
        self._next = 0  # output sample

    @property
    def held_back(self) -> int:
        """Input samples that have to follow before one has come out, at the least."""
        return 0 if self._up == self._down else self._taps // 2 - -(-self._down // self._up)

    def feed(self, pcm: bytes) -> bytes:
        """Take a frame, give what is ready; over the stream all frames give the same, however it is cut."""
        if self._up == self._down:
            return pcm
        samples = np.frombuffer(pcm, PCM)
        self._received += len(samples)
        return self._take(samples)

    def end(self) -> bytes:
        """The rest; nothing may be fed after it. In all, n samples have given ceil(n · to / from), exactly."""
        if self._up == self._down:
            return b""
        whole = -(-self._received * self._up // self._down)
        due = whole - self._next
        # Enough for the last cycle or block, and some to cut off.
        quiet = np.zeros(self._taps + max(self._down, self._step) + 2 * BLOCK[-1], PCM)
        return self._take(quiet)[: due * SAMPLE_BYTES]

    def _take(self, samples: npt.NDArray[np.int16]) -> bytes:
        """All output samples whose filter lies inside of what has come."""
        self._buffer = np.concatenate((self._buffer, samples), dtype=np.float32)
        ready = self._start + len(self._buffer) - self._taps + 1
        if self._in_matrices:
            ready -= 1  # some blocks look one sample further than others; all matrices are as wide as the widest
        stop = max(self._next, -(-ready * self._up // self._down))
        stop -= stop % self._block
        if stop == self._next:
            return b""
        if self._up <= FEW:
            out = self._cycles(stop)
        elif self._in_matrices:
            out = self._in_blocks(stop)
        else:
            out = self._singly(stop)
        self._next = stop
        used = stop * self._down // self._up - self._start
        self._buffer = self._buffer[used:]
        self._start += used
        np.rint(out, out=out)
        np.minimum(np.maximum(out, LOWEST, out=out), HIGHEST, out=out)  # np.clip takes four microseconds for it
        return out.astype(PCM).tobytes()

    def _cycles(self, stop: int) -> Samples:
        """Few output samples in a cycle: the same small matrix on every so many-th input."""
        count, size = (stop - self._next) // self._block, self._buffer.itemsize
        # The windows overlap and stay where they are, and each is multiplied alone. One product for all would copy
        # them, and round differently with the number of them.
        windows: Samples = np.ndarray(
            (count, 1, len(self._filters)), np.float32, self._buffer, strides=(self._step * size, 0, size)
        )
        out: Samples = np.matmul(windows, self._filters)
        return out.ravel()

    def _in_blocks(self, stop: int) -> Samples:
        """Neighbours in a cycle look at nearly the same input: each block of them is one small matrix."""
        first, last = self._next // self._block, stop // self._block
        in_cycle = len(self._places)
        width, step = self._blocks.shape[1], self._buffer.itemsize
        windows: Samples = np.ndarray(
            (len(self._buffer) - width + 1, width), np.float32, self._buffer, strides=(step, step)
        )
        out: Samples = np.empty((last - first, 1, self._block), np.float32)
        at = first
        while at < last:  # cycle by cycle, so that the matrices are used where they lie
            cycle, begin = divmod(at, in_cycle)
            end = min(in_cycle, begin + last - at)
            seen = windows[self._places[begin:end] + (cycle * self._down - self._start)]
            # One row a product: with more, it would round differently with the number of them.
            np.matmul(seen[:, None], self._blocks[begin:end], out=out[at - first : at - first + end - begin])
            at += end - begin
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


def _block(up: int) -> int:
    """Output samples that are made together: cycles of few, or the largest part of one that divides it."""
    if up <= FEW:
        return BLOCK[-1] // up * up
    return next((size for size in reversed(BLOCK) if up % size == 0), 1) if up <= PHASES else 1


@lru_cache(maxsize=16)  # as above
def _blocks(up: int, down: int, taps: int, block: int) -> tuple[npt.NDArray[np.int64], Samples]:
    """Where each block of a cycle begins to look, and its matrix: blocks × input samples × output samples."""
    filters = _filters(up, down, taps)
    place, phase = np.divmod(np.arange(up) * down, up)
    places = place[::block]
    width = taps + max(int(place[at + block - 1] - place[at]) for at in range(0, up, block))
    matrices = np.zeros((len(places), width, block), np.float32)
    for output in range(up):
        number, column = divmod(output, block)
        begin = int(place[output] - places[number])
        matrices[number, begin : begin + taps, column] = filters[phase[output]]
    return places, matrices


@lru_cache(maxsize=16)  # pairs of rates, at most 2 MB each, shared by all calls; the least used one is made anew
def _filters(up: int, down: int, taps: int) -> Samples:
    """The filters: one a phase, phases × taps; where there are few, those of a block: input × output samples."""
    phases = min(up, PHASES)
    parts = [_rows(range(at, min(at + ROWS, phases)), phases, taps, up / down) for at in range(0, phases, ROWS)]
    table = np.concatenate(parts)
    if up > FEW:
        return table
    place, phase = np.divmod(np.arange(_block(up)) * down, up)
    matrix = np.zeros((taps + int(place[-1]), _block(up)), np.float32)
    for output, (begin, which) in enumerate(zip(place, phase, strict=True)):
        matrix[begin : begin + taps, output] = table[which]
    return matrix


def _rows(which: range, phases: int, taps: int, ratio: float) -> Samples:
    """Some of the filters: a windowed sinc for each of these phases. `ratio` is the new rate over the old one."""
    offset = np.arange(taps) - (taps // 2 - 1)  # of the input samples, from the one before the output sample
    time = offset[None, :] - np.asarray(which)[:, None] / phases
    cutoff = CUTOFF * min(1.0, ratio)  # of the input's Nyquist frequency
    inside = np.clip(1.0 - (2.0 * time / taps) ** 2, 0.0, None)
    table = cutoff * np.sinc(cutoff * time) * np.i0(BETA * np.sqrt(inside)) / np.i0(BETA)
    table /= table.sum(axis=1, keepdims=True)  # every phase passes a constant unchanged
    return table.astype(np.float32)
