"""What is played, at the line's own rate."""

import numpy as np
import pytest

from lineside.audio.output_resampler import OutputResampler


@pytest.mark.parametrize(("from_rate", "to_rate"), [(22_050, 8000), (22_050, 16_000), (24_000, 48_000), (16_000, 8000)])
@pytest.mark.parametrize("piece", [0.02, 0.1, 3.0])
def test_a_tone_comes_out_as_long_and_as_it_went_in(from_rate: int, to_rate: int, piece: float) -> None:
    """Three seconds of 440 Hz, in pieces of any length: 60 dB of signal to noise, and not a sample more or less."""
    tone = (12_000 * np.sin(2 * np.pi * 440 * np.arange(3 * from_rate) / from_rate)).astype("<i2").tobytes()
    converter, size = OutputResampler(from_rate, to_rate), 2 * round(piece * from_rate)
    out = b"".join(converter.feed(tone[at : at + size]) for at in range(0, len(tone), size)) + converter.end()
    heard = np.frombuffer(out, "<i2").astype(float)
    meant = 12_000 * np.sin(2 * np.pi * 440 * np.arange(3 * to_rate) / to_rate)
    inner = slice(to_rate // 10, -to_rate // 10)  # a tone that begins at once is no tone at its edges

    assert len(heard) == 3 * to_rate
    noise = np.square(heard - meant)[inner].mean()
    assert 10 * np.log10(np.square(meant[inner]).mean() / noise) > 60


def test_what_has_the_right_rate_is_left_alone() -> None:
    """Nothing is held back, nothing is touched."""
    converter = OutputResampler(16_000, 16_000)
    assert converter.feed(b"\x01\x02") == b"\x01\x02"
    assert converter.end() == b""
