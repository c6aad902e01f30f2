"""Hears the tone after which an answering machine records. Pure: arrays in, an answer out.

A machine's beep is one steady sine of 400 to 2100 Hz for 0.2 s and more. Speech has harmonics and moves; ringing and
busy tones are two sines; keys are two. So a block counts whose energy is nearly all in one narrow peak, and a beep is a
run of such blocks at one frequency. The energy at the peak is that of its bin and the two beside it, which is what a
Goertzel filter of that width would give for each bin at once.
"""

import numpy as np
import numpy.typing as npt

BLOCK, HOP = 0.096, 0.032  # seconds of one look, and between two: long enough to tell 440 and 480 Hz from one tone
LOWEST, HIGHEST = 390.0, 2100.0  # Hz
PURE = 0.85  # share of the block's energy in its peak
QUIETEST = 200.0  # root mean square of 16-bit samples: -44 dBFS
LONG_ENOUGH = 4  # looks: 0.19 s
EVEN = 0.9  # loudness from one look to the next: where a tone begins or ends it is another
STEADY = 1  # bins that the peak may move between two looks


class BeepDetector:
    """Listens to one call."""

    def __init__(self, rate: int) -> None:
        """`rate`: samples a second."""
        self._size, self._hop = round(rate * BLOCK), round(rate * HOP)
        self._window = np.hanning(self._size)
        self._low, self._high = int(LOWEST * BLOCK), int(np.ceil(HIGHEST * BLOCK))
        self._waiting = np.empty(0, np.int16)
        self._run, self._at, self._level = 0, 0, 1.0  # looks at one tone so far, the bin of its peak, its loudness

    @property
    def sounding(self) -> bool:
        """Whether a tone that is long enough sounds now."""
        return self._run >= LONG_ENOUGH

    def feed(self, pcm: bytes) -> bool:
        """The call's next sound, signed 16-bit; whether a tone became long enough in it."""
        self._waiting = np.concatenate((self._waiting, np.frombuffer(pcm, np.int16)))
        heard = False
        while len(self._waiting) >= self._size:
            heard = self._look(self._waiting[: self._size]) or heard
            self._waiting = self._waiting[self._hop :]
        return heard

    def _look(self, block: npt.NDArray[np.int16]) -> bool:
        samples = block.astype(np.float64)
        level = float(np.sqrt(np.mean(samples * samples)))
        power = np.abs(np.fft.rfft(samples * self._window)) ** 2
        peak = self._low + int(np.argmax(power[self._low : self._high + 1]))
        if level < QUIETEST or power[max(0, peak - 2) : peak + 3].sum() < PURE * power.sum():
            self._run = 0
            return False
        same = abs(peak - self._at) <= STEADY and EVEN < level / self._level < 1 / EVEN
        self._run = self._run + 1 if self._run and same else 1
        self._at, self._level = peak, level
        return self._run == LONG_ENOUGH
