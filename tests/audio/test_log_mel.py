"""The spectrogram against its published definition."""

import numpy as np
import numpy.typing as npt
import pytest

from lineside.audio.log_mel import BANDS, HANN, HOP, RATE, WINDOW, filters, log_mel

Floats = npt.NDArray[np.float32]


def tone(hertz: float, seconds: float = 1.0, level: float = 0.5) -> Floats:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def centre(band: int, bands: int = BANDS) -> float:
    """The peak of a band's triangle, by Slaney's formulas in their textbook form."""
    mel = (band + 1) * (15.0 + 27.0 * np.log(8.0) / np.log(6.4)) / (bands + 1)
    return float(mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27))


def test_a_second_has_a_hundred_frames_of_eighty_bands() -> None:
    """One frame for every whole hop; what is left over makes none."""
    assert log_mel(tone(440)).shape == (80, 100)
    assert log_mel(tone(440)[: 10 * HOP + HOP - 1]).shape == (80, 10)


@pytest.mark.parametrize("band", [5, 20, 40, 60, 79])
def test_a_tone_is_loudest_in_its_own_band(band: int) -> None:
    """A sine in the middle of a band has its maximum there, or next door where bands are narrower than a bin."""
    loudest = log_mel(tone(centre(band))).mean(axis=1).argmax()
    assert abs(int(loudest) - band) <= (1 if centre(band) < 1000 else 0)


@pytest.mark.parametrize("band", [60, 90, 127])
def test_the_large_models_hear_finer_bands(band: int) -> None:
    """Of 128 bands too, a tone is loudest in its own."""
    mel = log_mel(tone(centre(band, 128)), 128)
    assert mel.shape == (128, 100)
    assert int(mel.mean(axis=1).argmax()) == band


def test_known_values_of_the_published_filters() -> None:
    """Entries of `mel_filters.npz` as openai/whisper ships it (librosa's slaney scale and norm)."""
    triangles = filters(80)
    assert triangles.shape == (80, 201)
    assert triangles[0, 1] == pytest.approx(0.02486259, abs=1e-7)
    assert triangles[1, 1] == pytest.approx(0.00199082, abs=1e-7)
    assert triangles[1, 2] == pytest.approx(0.02287177, abs=1e-7)
    assert triangles[79, 200] == 0.0


def test_every_band_has_the_same_area() -> None:
    """Slaney's norm: wide bands are no louder than narrow ones. Below, the bins are too coarse to show it."""
    assert np.allclose(filters(128)[96:].sum(axis=1) * RATE / WINDOW, 1.0, atol=0.05)
    assert np.allclose(filters(80)[60:].sum(axis=1) * RATE / WINDOW, 1.0, atol=0.02)


def test_the_window_is_the_periodic_hann() -> None:
    """As torch.hann_window has it: the zero at its beginning is not repeated at its end."""
    assert HANN[0] == 0.0
    assert HANN[200] == 1.0
    assert HANN[1] == pytest.approx(HANN[399], abs=1e-7)


def test_nothing_is_more_than_eight_powers_of_ten_below_the_loudest() -> None:
    """The scaled values of a recording span two at the most; the loudest frame of half-scale noise lies near one."""
    mel = log_mel(np.concatenate([tone(1000), np.zeros(RATE, np.float32)]))
    assert float(mel.max() - mel.min()) == pytest.approx(2.0, abs=1e-5)


def test_silence_is_all_one_value() -> None:
    """Digital silence: log10 of 1e-10, scaled, everywhere."""
    assert np.allclose(log_mel(np.zeros(RATE, np.float32)), (-10 + 4) / 4)


def test_a_factor_of_ten_in_power_is_a_quarter() -> None:
    """The scale is log10 of the power, plus four, over four."""
    loud, soft = log_mel(tone(1000, level=0.5)), log_mel(tone(1000, level=0.05))
    assert float(loud.max() - soft.max()) == pytest.approx(0.5, abs=1e-3)
