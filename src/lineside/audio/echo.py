"""Is that the caller, or our own voice coming back? Compares loudness by bands with what was played.

On a telephone, or beside a loudspeaker, the agent's words return some 100 to 400 ms later and 15 dB weaker, and to a
voice detector they are a voice. We know what we play, so we can tell. In steps of 32 ms both sounds become magnitudes
of ten bands from 300 to 3400 Hz. Running correlations over all delays up to a second find the one at which the caller's
sound follows ours; from then on each band has a share of ours that returns, and what is not much louder than that,
or than the line's own noise, is echo. A caller who talks over the echo is louder than it in some band, and is heard.

Until the delay is found, sound is taken for echo if it is well under what was played (`GUARD`): the first words of the
first reply would otherwise interrupt themselves. A second of such sound that does not follow ours ends that caution.

Bands rather than samples: jitter, codecs and two clocks that disagree move samples about, and loudness hardly
(Avendano 2001, "Acoustic echo suppression in the STFT domain"; here only the decision is taken, no sound is changed).
A window of 32 ms costs about as much as the detector's network, 110 µs on a busy core, while there may be an echo, and
under 1 µs otherwise; a frame played costs 40 (bench/audio_steps.py).
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lineside.audio.frame import EAR_RATE, SAMPLE_BYTES
from lineside.audio.resample import Resampler

STEP = 512  # samples at 16 kHz: a window of the voice detector
STEP_SECONDS = STEP / EAR_RATE
LAGS = 32  # steps: the longest delay looked for, a second
KEPT = 128  # steps of what was played, four seconds: `LAGS` of the past, and what was sent ahead
BANDS = 10
SPREAD = 1  # steps that an echo may be early or late: a room's reverberation, jitter at the beginning of a reply
FORGETS = 0.97  # a step: the correlations remember about a second
FOLLOWS = 0.72  # correlation from which the caller's sound follows ours: an echo has 0.9, another speaker 0.3 to 0.6 …
LOST = 0.45  # … and under which it no longer does
ENOUGH = 12  # steps of sound, 0.4 s, before a correlation counts: in shorter ones two speakers agree by chance
LOOKS = 3  # steps between two looks at all delays: it is the dearest part
MARGIN = 5.0  # in power: 7 dB louder than the echo that is expected is no echo
NOISE_MARGIN = 4.0
UNEXPLAINED = 0.4  # of a window's power may stand out, and it is echo all the same
GUARD = 0.16  # in power, 8 dB under the loudest of the last second: what may be echo before anything is known
DOUBT = 31  # steps of sound, a second, that do not follow ours: then there is no echo, or it is another one now
FLOOR = 1e-8  # power of a band, full scale is 1: about -80 dBFS, less is nothing

Floats = npt.NDArray[np.float32]


class VoiceDetector(Protocol):
    """As `ear.VoiceDetector`."""

    def feed(self, window: bytes, tell: Callable[[float], None]) -> float | None:
        """Probability of speech, 0 to 1, or None: `tell` will hear it."""
        ...


class EchoGate:
    """A voice detector to which our own voice is none."""

    def __init__(self, voice: VoiceDetector, echo: "Echo") -> None:
        self._voice, self._echo = voice, echo

    def feed(self, window: bytes, tell: Callable[[float], None]) -> float | None:
        """See `ear.VoiceDetector`. The detector hears all, for it remembers; what is echo counts for nothing."""
        if not self._echo.heard(window):
            return self._voice.feed(window, tell)
        now = self._voice.feed(window, lambda probability: tell(0.0))
        return None if now is None else 0.0


class Echo:
    """What was played on one call, and whether what is heard is that. All times are the caller's clock, in seconds."""

    def __init__(self) -> None:
        self._far: Floats = np.zeros((KEPT, BANDS), np.float32)  # magnitudes of what was played, a ring
        self._of = np.full(KEPT, -1, np.int64)  # the step each place of the ring is for
        self._last = -LAGS - 1  # step: nothing was played after it
        self._resampler: Resampler | None = None
        self._rate = 0
        self._rest = b""  # played, shorter than a step
        self._next = 0  # the step that it begins
        self._runs_to = -1.0  # when the sound played last ends: what follows at once belongs to it
        self._now = 0  # the caller's step
        self._before: Floats = np.zeros(STEP, np.float32)
        self._far_before: Floats = np.zeros(STEP, np.float32)
        self._noise: Floats | None = None  # power of each band when nobody speaks
        self._sums = _Sums()
        self._lag: int | None = None  # steps; None: no echo is known
        self._share: Floats = np.zeros(BANDS, np.float32)  # of our magnitude that returns
        self._doubt = 0  # steps of sound that did not follow ours
        self._clear = False  # caution is over

    # ── what was played ────────────────────────────────────────────────────────────────────────────────────────────

    def played(self, pcm: bytes, rate: int, at: float) -> None:
        """This sound, signed 16-bit, begins to play at `at`, or directly after the sound before it."""
        if self._resampler is None or rate != self._rate or at > self._runs_to + 0.1:
            self._resampler, self._rate, self._rest = Resampler(rate, EAR_RATE), rate, b""
            self._next, self._runs_to = max(0, round(at / STEP_SECONDS)), at
            self._far_before = np.zeros(STEP, np.float32)
        self._runs_to += len(pcm) / SAMPLE_BYTES / rate
        self._rest += self._resampler.feed(pcm)
        whole = len(self._rest) // (STEP * SAMPLE_BYTES)
        if not whole:
            return
        size = whole * STEP * SAMPLE_BYTES
        magnitudes, self._far_before = _magnitudes(self._rest[:size], self._far_before)
        self._rest = self._rest[size:]
        steps = np.arange(self._next, self._next + whole)[-KEPT:]
        self._far[steps % KEPT], self._of[steps % KEPT] = magnitudes[-KEPT:], steps
        self._next += whole
        self._last = self._next - 1

    def taken_back(self, at: float) -> None:
        """What was to be played from `at` on is not."""
        first = round(at / STEP_SECONDS)
        self._of[self._of >= first] = -1
        self._last = min(self._last, first - 1)
        self._resampler, self._rest, self._runs_to = None, b"", -1.0

    # ── what is heard ──────────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, window: bytes) -> bool:
        """Whether this, the caller's next 512 samples at 16 kHz, is our own voice and nothing else."""
        step, self._now = self._now, self._now + 1
        if step > self._last + LAGS:  # nothing of ours can come back any more
            return False
        [near], self._before = _magnitudes(window, self._before)
        return self._step(step, near)

    def _step(self, step: int, near: Floats) -> bool:
        order = np.arange(step + SPREAD, step - LAGS - SPREAD, -1)  # the newest first
        far = np.where((self._of[order % KEPT] == order)[:, None], self._far[order % KEPT], np.float32(0))
        power = near * near
        self._noise = power if self._noise is None else np.minimum(power, self._noise * np.float32(1.02))
        noise = np.maximum(self._noise, FLOOR)
        sounding = bool(power.sum() > NOISE_MARGIN * noise.sum())
        ours = not sounding or self._ours(power, noise, far)  # noise alone, while we speak, is nobody
        if ours or self._lag is None:  # a caller who talks over the echo says nothing of how strong it is
            self._sums.add(near, far[SPREAD : SPREAD + LAGS], sounding=sounding)
        if sounding:
            self._follow(ours=ours)
        return ours

    def _ours(self, power: Floats, noise: Floats, far: Floats) -> bool:
        if self._lag is None:
            loudest = float((far * far).sum(axis=1).max())
            return not self._clear and float(power.sum()) < GUARD * loudest
        nearby = far[self._lag : self._lag + 2 * SPREAD + 1].max(axis=0)
        expected = MARGIN * np.square(self._share * nearby) + NOISE_MARGIN * noise
        return bool(np.maximum(0.0, power - expected).sum() < UNEXPLAINED * power.sum())

    def _follow(self, *, ours: bool) -> None:
        """Look for the delay at which the caller's sound follows ours, and for whether it still does."""
        if self._lag is not None and not ours:
            self._doubt += 1
            if self._doubt >= DOUBT:
                self._lag, self._sums, self._doubt = None, _Sums(), 0
            return
        if self._sums.steps < ENOUGH or self._now % LOOKS:
            return
        lag, follows = self._sums.best()
        if follows >= FOLLOWS:
            self._lag, self._share, self._doubt = lag, self._sums.share(lag), 0
        elif follows < LOST or self._lag is None:
            self._lag = None
            self._doubt += LOOKS
            self._clear = self._clear or self._doubt >= DOUBT


class _Sums:
    """Running sums of a regression of the caller's magnitudes on ours, for each delay and band."""

    def __init__(self) -> None:
        self.steps = 0  # with sound
        self._weight = np.float32(0)
        self._near: Floats = np.zeros((2, BANDS), np.float32)  # theirs, its square
        self._far: Floats = np.zeros((3, LAGS, BANDS), np.float32)  # ours, its square, ours times theirs
        self._new: Floats = np.zeros((3, LAGS, BANDS), np.float32)

    def add(self, near: Floats, far: Floats, *, sounding: bool) -> None:
        """One step: `near` of so many bands, `far` of the last `LAGS` steps, the newest first."""
        self.steps += sounding
        self._weight = self._weight * _FORGETS + np.float32(1)
        self._near *= _FORGETS
        self._near[0] += near
        self._near[1] += near * near
        self._new[0] = far
        np.multiply(far, far, out=self._new[1])
        np.multiply(far, near, out=self._new[2])
        self._far *= _FORGETS
        self._far += self._new

    def best(self) -> tuple[int, float]:
        """The delay, in steps, with the highest correlation, on average over the bands, and that."""
        (n, nn), (f, ff, nf) = self._near, self._far
        both = nf - f * (n / self._weight)
        ours = np.maximum(ff - f * f / self._weight, _TINY)
        theirs = np.maximum(nn - n * n / self._weight, _TINY)
        follows = (both / np.sqrt(ours * theirs)).mean(axis=1)
        lag = int(follows.argmax())
        return lag, float(follows[lag])

    def share(self, lag: int) -> Floats:
        """How much of our magnitude returns, band by band."""
        _, ff, nf = self._far
        share: Floats = nf[lag] / np.maximum(ff[lag], 1e-9)
        return share


def _magnitudes(pcm: bytes, before: Floats) -> tuple[Floats, Floats]:
    """Magnitudes of the bands, steps × `BANDS`, of sound that follows `before`; and its own last step."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) * np.float32(1 / 32768)
    joined = np.concatenate((before, samples))
    windows = np.lib.stride_tricks.sliding_window_view(joined, 2 * STEP)[::STEP]
    waves = np.fft.rfft(windows * _HANN, axis=1)
    power = (waves.real**2 + waves.imag**2).astype(np.float32) @ _BANDS
    found: Floats = np.sqrt(power)
    return found, samples[-STEP:]


def _bands() -> Floats:
    """Bins → bands: ten of equal ratio between 300 and 3400 Hz."""
    hertz = np.fft.rfftfreq(2 * STEP, 1 / EAR_RATE)
    edges = np.geomspace(300.0, 3400.0, BANDS + 1)
    table = (hertz[:, None] >= edges[None, :-1]) & (hertz[:, None] < edges[None, 1:])
    scaled: Floats = (table / float(np.square(_HANN).sum() * STEP)).astype(np.float32)
    return scaled


_FORGETS, _TINY = np.float32(FORGETS), np.float32(1e-12)  # floats of Python would cost a conversion each
_HANN: Floats = np.hanning(2 * STEP + 1)[:-1].astype(np.float32)
_BANDS: Floats = _bands()
