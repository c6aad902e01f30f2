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
Nothing is compared before it must be. What is played is kept as it is for as long as it may return, and the caller's
windows too while the detector's own gate is shut, for then nobody speaks, whoever it is: a line without an echo pays a
microsecond a window (bench/audio_steps.py). When the gate opens, what was kept is made up for in one go.
"""

from collections import deque

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.audio.frame import SAMPLE_BYTES, STT_RATE
from lineside.audio.input_resampler import InputResampler

STEP = 512  # samples at 16 kHz: a window of the voice detector
STEP_SECONDS = STEP / STT_RATE
LAGS = 32  # steps: the longest delay looked for, a second
KEPT = 128  # steps of what was played, four seconds: `LAGS` of the past, and what was sent ahead
LOOK_BACK = 8  # windows from before the gate opened: they tell the line's noise
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


class EchoDetector:
    """What was played on one call, and whether what is heard is that. All times are the caller's clock, in seconds."""

    def __init__(self) -> None:
        self._ring = _Ring()
        self._fresh: deque[_Played] = deque()  # what is not in the ring yet, of as many seconds as the ring holds
        self._last = -LAGS - 1  # step: nothing was played after it
        self._rate = 0
        self._runs_to = -1.0  # when the sound played last ends: what follows at once belongs to it
        self._now = 0  # the caller's step
        self._quiet: deque[bytes] = deque(maxlen=LOOK_BACK + 1)  # the caller's windows while the gate is shut
        self._before: Floats = np.zeros(STEP, np.float32)
        self._noise: Floats | None = None  # power of each band when nobody speaks
        self._sums = _Sums()
        self._lag: int | None = None  # steps; None: no echo is known
        self._share: Floats = np.zeros(BANDS, np.float32)  # of our magnitude that returns
        self._doubt = 0  # steps of sound that did not follow ours
        self._clear = False  # caution is over

    # ── what was played ────────────────────────────────────────────────────────────────────────────────────────────

    def played(self, pcm: bytes, rate: int, at: float) -> None:
        """This sound, signed 16-bit, begins to play at `at`, or directly after the sound before it."""
        afresh = rate != self._rate or at > self._runs_to + 0.1
        begins = max(0.0, at) if afresh else self._runs_to
        ends = begins + len(pcm) / SAMPLE_BYTES / rate
        self._fresh.append(_Played(pcm, rate, begins, afresh))
        self._rate, self._runs_to, self._last = rate, ends, int(ends / STEP_SECONDS)
        past = max(self._now - LAGS - SPREAD, self._last - KEPT) * STEP_SECONDS  # nobody will ask for it any more
        while self._fresh and self._fresh[0].ends < past:
            self._fresh.popleft()

    def taken_back(self, at: float) -> None:
        """What was to be played from `at` on is not."""
        first = round(at / STEP_SECONDS)
        while self._fresh and self._fresh[-1].begins >= at:
            self._fresh.pop()
        if self._fresh:
            self._fresh[-1] = self._fresh[-1].until(at)
        self._ring.forget(first)
        self._last, self._runs_to = min(self._last, first), -1.0  # what is played next begins afresh

    # ── what is heard ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def may_come(self) -> bool:
        """Whether something of ours may be in the caller's next window: while we speak, and a second longer where
        there may be an echo.
        """
        return self._now <= (self._last if self._clear and self._lag is None else self._last + LAGS)

    def passed(self, window: bytes) -> None:
        """The caller's next 512 samples at 16 kHz, in which nobody speaks, or nothing of ours can be."""
        self._now += 1
        self._quiet.append(window)

    def heard(self, window: bytes) -> bool:
        """Whether this, the caller's next 512 samples at 16 kHz, is our own voice and nothing else."""
        if not self.may_come:
            self.passed(window)
            return False
        if self._fresh:
            self._ring.take(self._fresh)
        if self._quiet:
            self._before = _samples(self._quiet.popleft())
        self._quiet.append(window)
        near, self._before = _magnitudes(b"".join(self._quiet), self._before)
        step = self._now - len(self._quiet) + 1
        self._now += 1
        self._quiet.clear()
        ours = False
        for number, magnitudes in enumerate(near):
            ours = self._step(step + number, magnitudes)
        return ours

    def _step(self, step: int, near: Floats) -> bool:
        far = self._ring.around(step)
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


class _Ring:
    """Magnitudes of what was played, for the last `KEPT` steps."""

    def __init__(self) -> None:
        self._far: Floats = np.zeros((KEPT, BANDS), np.float32)
        self._of = np.full(KEPT, -1, np.int64)  # the step each place of the ring is for
        self._resampler: InputResampler | None = None
        self._rest = b""  # less than a step, not in the ring yet
        self._next = 0  # the step that it begins
        self._before: Floats = np.zeros(STEP, np.float32)

    def around(self, step: int) -> Floats:
        """What may be heard in this step, the newest first: `LAGS` steps, and `SPREAD` more at both ends."""
        order = np.arange(step + SPREAD, step - LAGS - SPREAD, -1)
        return np.where((self._of[order % KEPT] == order)[:, None], self._far[order % KEPT], np.float32(0))

    def forget(self, first: int) -> None:
        """From this step on, nothing was played after all."""
        self._of[self._of >= first] = -1

    def take(self, fresh: "deque[_Played]") -> None:
        """Put everything that was played since into the ring."""
        while fresh:
            first = fresh.popleft()
            sound = [first.pcm]
            while fresh and not fresh[0].afresh:
                sound.append(fresh.popleft().pcm)
            if first.afresh or self._resampler is None or round(first.begins / STEP_SECONDS) > self._next + 1:
                self._resampler, self._rest = InputResampler(first.rate, STT_RATE), b""
                self._next, self._before = round(first.begins / STEP_SECONDS), np.zeros(STEP, np.float32)
            self._rest += self._resampler.feed(b"".join(sound))
            if whole := len(self._rest) // (STEP * SAMPLE_BYTES):
                self._analyse(whole)

    def _analyse(self, whole: int) -> None:
        size = whole * STEP * SAMPLE_BYTES
        magnitudes, self._before = _magnitudes(self._rest[:size], self._before)
        self._rest = self._rest[size:]
        steps = np.arange(self._next, self._next + whole)[-KEPT:]
        self._far[steps % KEPT], self._of[steps % KEPT] = magnitudes[-KEPT:], steps
        self._next += whole


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


class _Played(Struct, frozen=True):
    """Sound that was played; `afresh`: it does not follow what was played before it."""

    pcm: bytes
    rate: int
    begins: float
    afresh: bool

    @property
    def ends(self) -> float:
        """When the last of it is played."""
        return self.begins + len(self.pcm) / SAMPLE_BYTES / self.rate

    def until(self, at: float) -> "_Played":
        """Without what would be played from then on."""
        samples = max(0, round((at - self.begins) * self.rate))
        return _Played(self.pcm[: samples * SAMPLE_BYTES], self.rate, self.begins, self.afresh)


def _samples(pcm: bytes) -> Floats:
    """Full scale is 1."""
    return np.frombuffer(pcm, "<i2") * _FULL_SCALE


def _magnitudes(pcm: bytes, before: Floats) -> tuple[Floats, Floats]:
    """Magnitudes of the bands, steps × `BANDS`, of whole steps of sound that follow `before`; and the last of them."""
    joined: Floats = np.concatenate((before, _samples(pcm)))
    wide = joined.itemsize
    windows: Floats = np.ndarray((len(joined) // STEP - 1, 2 * STEP), np.float32, joined, strides=(STEP * wide, wide))
    waves = np.fft.rfft(windows * _HANN, norm="forward")[:, _FIRST:_BEYOND]
    found: Floats = np.sqrt((waves.real**2 + waves.imag**2) @ _BANDS)
    return found, joined[-STEP:]


_FIRST, _BEYOND = 20, 218  # the bins of the bands


def _bands() -> Floats:
    """Bins → bands: ten of equal ratio between 300 and 3400 Hz."""
    hertz = np.fft.rfftfreq(2 * STEP, 1 / STT_RATE)[_FIRST:_BEYOND]
    edges = np.geomspace(300.0, 3400.0, BANDS + 1)
    table = (hertz[:, None] >= edges[None, :-1]) & (hertz[:, None] < edges[None, 1:])
    scaled: Floats = (table / float(np.square(_HANN / (2 * STEP)).sum() * STEP)).astype(np.float32)
    return scaled


_FORGETS, _TINY, _FULL_SCALE = np.float32(FORGETS), np.float32(1e-12), np.float32(1 / 32768)
_HANN: Floats = (np.hanning(2 * STEP + 1)[:-1] * 2 * STEP).astype(np.float32)  # for "forward", as in `silero`
_BANDS: Floats = _bands()
