"""Is that the caller? What a voice detector takes for a voice, and is none of theirs: keys, coughs, people behind them.

Asked only about windows that the detector calls a voice while no turn is open, some ten for every turn, so that a frame
costs no more than before. Three rules, each from something that can be heard:

- **Keys** are two tones of ITU-T Q.23 and nothing else. Of 16354 windows of speech not one has nine tenths of its power
  in such a pair; the detector's doubt about keys falls into the moments after them, so that four windows are looked at.
- **Pitch**: words have vowels, and a vowel repeats itself 70 to 400 times a second. Breath and blows do not. A sound
  without pitch needs twice the voiced time to begin a turn, so that whoever whispers is heard, a moment later.
- **Loudness**: who never comes within 12 dB of the caller is behind them. What is known of their loudness fades, so
  that a caller who goes away from the telephone is heard again: 20 dB softer, a quarter of a minute later.
"""

import math
import warnings

import numpy as np
import numpy.typing as npt

from lineside.audio.frame import SAMPLE_BYTES, STT_RATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # see g711.py
    import audioop

STEP = 512  # samples: a window of the voice detector
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)  # Hz, ITU-T Q.23
NEAR = 45.0  # Hz: what a window of 32 ms smears a tone over, to both sides
PURE = 0.9  # of a window's power, in one row and one column: then it is a key
TWIST = 10.0  # in power, between the two; ITU-T Q.24 has 4 to 8 dB
LATELY = 4  # windows: a key is 40 to 100 ms long, and so is what the detector still thinks of it afterwards
FAINT = 1e-3  # of full scale, root mean square: softer keys are none that a telephone makes

SPAN = 1024  # samples in which pitch is looked for: four periods of a low voice
COARSE = 4  # samples made one for that: up to 2 kHz is enough, and a third of the cost
LAGS = slice(STT_RATE // COARSE // 400, STT_RATE // COARSE // 70)
REPEATS = 0.5  # correlation with itself a period later: vowels have 0.7 and more, breath 0.1 to 0.4
PITCHED_SHARE = 0.4  # of the voiced time that begins a turn has pitch; else …
UNPITCHED = 2.0  # … so many times as much is needed

BEHIND = 12.0  # dB under the caller, in their loudest moment: who is so soft is not they
LATELY_LOUD = 6  # windows: a fifth of a second, in which one shout of theirs is not taken for the caller
FADES = 0.4  # dB a second, of what is known of their loudness
KNOWN = 0.5  # seconds of voice in a turn that tell their loudness

Floats = npt.NDArray[np.float32]


class NearEndLevel:
    """What is known of one caller, and of the sound that is now. Counts in seconds of their audio."""

    def __init__(self) -> None:
        self._level: float | None = None  # dBFS, root mean square of their voiced windows
        self._since = 0.0  # when that was
        self._squares = 0.0  # of the open turn's voiced windows, means added up
        self._windows = 0
        self._near = False  # the sound that is now has been as loud as the caller
        self._pitched = 0  # windows of it
        self._looked = 0  # windows up to which keys were looked for …
        self._key = -LATELY  # … and the last one with a key

    def may_be(self, before: bytearray, at: float) -> bool:
        """Whether the last window of this, which the detector calls a voice, may be of the caller.

        `before`: the caller's last sound at 16 kHz, 0.2 s of it where there is so much.
        """
        if not (self._near or self._loud_enough(before, at)):
            return False
        self._near = True
        now = round(at * STT_RATE / STEP)
        fresh = min(LATELY, now - self._looked)
        self._looked = now
        if key_pressed(before[-fresh * STEP * SAMPLE_BYTES :]):
            self._key = now
        return now - self._key >= LATELY

    def enough(self, voiced: float, bar: float, before: bytearray) -> bool:
        """Whether so many seconds of voice are a turn; `before` as above. Asked once for each voiced window."""
        wanted = PITCHED_SHARE * bar
        seconds = STEP / STT_RATE
        if self._pitched * seconds < wanted and pitched(before[-SPAN * SAMPLE_BYTES :]):
            self._pitched += 1
        return voiced >= (bar if self._pitched * seconds >= wanted else UNPITCHED * bar)

    def forget_sound(self) -> None:
        """Take the sound as over; the next one begins anew."""
        self._near, self._pitched = False, 0

    def speaks(self, window: bytes) -> None:
        """A voiced window of a turn of theirs."""
        self._squares += audioop.rms(window, SAMPLE_BYTES) ** 2
        self._windows += 1

    def spoke(self, at: float) -> None:
        """Their turn is over. Their loudness is that of the loudest of their turns, as far as it is not long ago."""
        if self._windows * STEP / STT_RATE >= KNOWN:
            level = _decibels(self._squares / self._windows)
            faded = -math.inf if self._level is None else self._level - FADES * (at - self._since)
            self._level, self._since = max(level, faded), at
        self._squares, self._windows = 0.0, 0

    def _loud_enough(self, before: bytearray, at: float) -> bool:
        if self._level is None:
            return True
        lately = audioop.rms(before[-LATELY_LOUD * STEP * SAMPLE_BYTES :], SAMPLE_BYTES)
        return _decibels(lately**2) >= self._level - FADES * (at - self._since) - BEHIND


def key_pressed(pcm: bytes | bytearray) -> bool:
    """Whether a key sounds in any whole window of these samples (16 kHz)."""
    whole = len(pcm) // (STEP * SAMPLE_BYTES)
    if not whole:
        return False
    windows = np.frombuffer(pcm[-whole * STEP * SAMPLE_BYTES :], "<i2").reshape(whole, STEP) * _HANN
    waves = np.fft.rfft(windows, norm="forward")
    power = waves.real**2 + waves.imag**2
    every, rows, columns = power.sum(axis=1), (power @ _ROWS).max(axis=1), (power @ _COLUMNS).max(axis=1)
    pure = (rows + columns > PURE * every) & (every > _FAINT)
    return bool(np.any(pure & (rows < TWIST * columns) & (columns < TWIST * rows)))


def pitched(pcm: bytes | bytearray) -> bool:
    """Whether these `SPAN` samples (16 kHz) repeat themselves at the pace of a voice; no, where there are fewer."""
    if len(pcm) < SPAN * SAMPLE_BYTES:
        return False
    samples = np.frombuffer(pcm[-SPAN * SAMPLE_BYTES :], "<i2").astype(np.float32)
    sound = samples.reshape(-1, COARSE) @ _ONES
    sound -= sound.mean()
    waves = np.fft.rfft(sound, 2 * len(sound))
    likeness = np.fft.irfft(waves.real**2 + waves.imag**2)[LAGS]
    energy = np.cumsum(sound * sound)
    early, late = energy[len(sound) - 1 - _LAGS], energy[-1] - energy[_LAGS - 1]  # of what overlaps
    return bool(np.any(likeness > REPEATS * np.sqrt(early * late + 1.0)))


def _decibels(square: float) -> float:
    return 10 * math.log10(max(1.0, square)) - 90.3  # of 32768


def _near(tones: tuple[int, ...]) -> Floats:
    hertz = np.fft.rfftfreq(STEP, 1 / STT_RATE)
    table: Floats = (np.abs(hertz[:, None] - np.array(tones)[None, :]) < NEAR).astype(np.float32)
    return table


_HANN: Floats = (np.hanning(STEP) * STEP).astype(np.float32)  # for "forward", as in `silero`
_ROWS, _COLUMNS = _near(ROWS), _near(COLUMNS)
_LAGS = np.arange(LAGS.start, LAGS.stop)
_ONES: Floats = np.ones(COARSE, np.float32)
_FAINT = float((FAINT * 32768) ** 2 * STEP * np.square(_HANN / STEP).sum() / 2)  # by Parseval, one side of the spectrum
