"""Resampling: the right number of samples, the right ones, however the stream is cut, and at once."""

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.input_resampler import BLOCK, InputResampler, _filters

PAIRS = [
    (8000, 16000),
    (16000, 8000),
    (24000, 16000),
    (32000, 16000),
    (48000, 16000),
    (48000, 8000),
    (11025, 16000),
    (22050, 8000),
    (22050, 16000),
    (22050, 48000),
    (44100, 16000),
    (12345, 16000),
    (22050, 12345),
    (47999, 16000),
    (16000, 48000),
]

Sound = npt.NDArray[np.float64]


def resample(samples: Sound, from_rate: int, to_rate: int, frame: int) -> Sound:
    """A whole sound in frames of so many samples."""
    pcm = np.rint(samples).astype("<i2").tobytes()
    resampler = InputResampler(from_rate, to_rate)
    out = b"".join(resampler.feed(pcm[i : i + 2 * frame]) for i in range(0, len(pcm), 2 * frame)) + resampler.end()
    return np.frombuffer(out, "<i2").astype(np.float64)


def decibels(signal: Sound, error: Sound) -> float:
    """Signal over error."""
    return float(10 * np.log10(np.mean(signal**2) / np.mean(error**2)))


def fit(sound: Sound, hertz: float, rate: int) -> Sound:
    """The sine of that frequency that is nearest to the sound."""
    time = np.arange(len(sound)) / rate
    waves = np.stack([np.sin(2 * np.pi * hertz * time), np.cos(2 * np.pi * hertz * time)], axis=1)
    return np.asarray(waves @ np.linalg.lstsq(waves, sound, rcond=None)[0])


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.85])
def test_a_tone_in_the_band_stays_a_pure_tone(from_rate: int, to_rate: int, part: float) -> None:
    """Up to 3400 Hz of telephone sound: at most 0.2 dB down, and everything else 60 dB under it."""
    hertz = part * min(from_rate, to_rate) / 2
    tone = 16000 * np.sin(2 * np.pi * hertz * np.arange(from_rate) / from_rate)
    heard = resample(tone, from_rate, to_rate, from_rate // 50)[to_rate // 10 : -to_rate // 10]
    sine = fit(heard, hertz, to_rate)

    assert decibels(sine, heard - sine) > 60
    assert abs(20 * np.log10(np.sqrt(2 * np.mean(sine**2)) / 16000)) < 0.2


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_it_agrees_with_a_reference(from_rate: int, to_rate: int) -> None:
    """Noise in three quarters of the band is, sample by sample and in step, what soxr makes of it at its best."""
    rng = np.random.default_rng(7)
    spectrum = np.fft.rfft(rng.standard_normal(from_rate))  # one hertz a bin
    spectrum[int(0.75 * min(from_rate, to_rate) / 2) :] = 0
    noise = np.fft.irfft(spectrum, from_rate)
    noise = np.rint(noise * 4000 / noise.std())
    reference = np.asarray(soxr.resample(noise, from_rate, to_rate, quality="VHQ"))
    ours = resample(noise, from_rate, to_rate, 128)
    middle = slice(to_rate // 10, to_rate * 9 // 10)

    assert decibels(reference[middle], ours[middle] - reference[middle]) > 60


@pytest.mark.parametrize(
    ("from_rate", "to_rate", "hertz"), [(48000, 16000, 9000), (16000, 8000, 4500), (44100, 16000, 15000)]
)
def test_what_is_too_high_for_the_new_rate_is_gone(from_rate: int, to_rate: int, hertz: int) -> None:
    """A tone over the new band does not come back as another tone."""
    tone = 16000 * np.sin(2 * np.pi * hertz * np.arange(from_rate) / from_rate)
    heard = resample(tone, from_rate, to_rate, 333)[to_rate // 10 : -to_rate // 10]

    assert decibels(tone, heard) > 65


def test_a_loud_square_does_not_wrap_around() -> None:
    """What overshoots the range stays at its edge; wrapped around it would be a bang."""
    square = np.where(np.arange(8000) // 40 % 2, 32767.0, -32768.0)
    heard = resample(square, 8000, 16000, 160)

    assert (np.sign(heard.reshape(-1, 80)[:, 20:60]).std(axis=1) == 0).all()


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_a_constant_stays_what_it_is(from_rate: int, to_rate: int) -> None:
    """No gain, no offset, no rounding to one side."""
    for level in (-1000.0, 1.0, 12345.0):
        heard = resample(np.full(from_rate // 10, level), from_rate, to_rate, 100)
        assert set(heard[to_rate // 50 : -to_rate // 50]) == {level}


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_nothing_is_held_back_longer_than_half_the_filter(from_rate: int, to_rate: int) -> None:
    """What has been fed is out again after 16 samples of the lower rate, and a few that are made together."""
    resampler = InputResampler(from_rate, to_rate)
    fed = given = 0
    for _ in range(200):
        given += len(resampler.feed(b"\0\0" * 37)) // 2
        fed += 37

    assert fed / from_rate - given / to_rate < 17 / min(from_rate, to_rate) + BLOCK[-1] / to_rate


def test_equal_rates_change_nothing() -> None:
    """16 kHz callers are heard as they are."""
    resampler = InputResampler(16000, 16000)

    assert resampler.feed(b"\1\2\3\4") == b"\1\2\3\4"
    assert resampler.end() == b""


rates = st.one_of(st.integers(8000, 48000), st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 48000]))


@settings(deadline=None, max_examples=60)
@given(from_rate=rates, to_rate=rates, seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 700), max_size=30))
def test_the_cuts_are_not_heard(from_rate: int, to_rate: int, seed: int, cuts: list[int]) -> None:
    """Frames of any size, empty ones too, give the same samples, and exactly as many as the time they last."""
    pcm = np.random.default_rng(seed).integers(-32768, 32768, sum(cuts) + 5).astype("<i2").tobytes()
    whole, cut = InputResampler(from_rate, to_rate), InputResampler(from_rate, to_rate)
    expected = whole.feed(pcm) + whole.end()
    out, at = b"", 0
    for samples in [*cuts, 1, 1, 1, 1, 1]:
        out += cut.feed(pcm[at : at + 2 * samples])
        at += 2 * samples
    out += cut.end()

    assert out == expected
    assert len(out) // 2 == -(-(sum(cuts) + 5) * to_rate // from_rate)


def test_nothing_at_all_gives_nothing() -> None:
    """A line that ends before it says anything."""
    assert InputResampler(8000, 16000).end() == b""


@pytest.mark.parametrize(("from_rate", "to_rate"), [(8000, 16000), (44100, 16000), (12345, 16000)])
def test_a_long_call_takes_no_more_memory_than_a_short_one(from_rate: int, to_rate: int) -> None:
    """Nothing is kept of what has been given out."""
    resampler = InputResampler(from_rate, to_rate)
    frame = b"\1\2" * (from_rate // 50)
    tracemalloc.start()
    try:
        for _ in range(100):
            resampler.feed(frame)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3000):
            resampler.feed(frame)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert grown < 4096


def test_a_table_takes_little_more_memory_to_make_than_to_keep() -> None:
    """An odd rate's table is made in parts; the tables of many rates together are bounded."""
    _filters.cache_clear()
    tracemalloc.start()
    try:
        kept = InputResampler(47_999, 16000)
        most = tracemalloc.get_traced_memory()[1]
        assert most < 4 * kept._filters.nbytes
        for rate in range(47_000, 47_040):
            InputResampler(rate, 16000)
        assert tracemalloc.get_traced_memory()[0] < 24 * kept._filters.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rate", [0, -8000, 3999, 10_000_000])
def test_a_rate_that_nobody_means_is_refused(rate: int) -> None:
    """Instead of a table without end."""
    with pytest.raises(ValueError, match="rates are 4000 to 192000"):
        InputResampler(rate, 16000)
    with pytest.raises(ValueError, match="rates are 4000 to 192000"):
        InputResampler(16000, rate)
