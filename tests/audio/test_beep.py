"""The tone after which an answering machine records, and what is none."""

import numpy as np
import pytest

from lineside.audio import g711
from lineside.audio.beep import BeepDetector

RATE = 8000


def tone(*frequencies: float, seconds: float = 0.4, level: float = 6000.0, rate: int = RATE) -> bytes:
    at = np.arange(round(seconds * rate)) / rate
    wave_form = sum(np.sin(2 * np.pi * f * at) for f in frequencies) * (level / len(frequencies))
    return np.asarray(wave_form, np.int16).tobytes()


def heard(sound: bytes, rate: int = RATE) -> bool:
    """Through G.711 where it is a telephone's, in frames of 20 ms."""
    if rate == RATE:
        sound = g711.decode(g711.encode(sound, "g711_ulaw"), "g711_ulaw")
    detector, size = BeepDetector(rate), round(rate * 0.02) * 2
    return sum(detector.feed(sound[at : at + size]) for at in range(0, len(sound), size)) > 0


@pytest.mark.parametrize("frequency", [400, 425, 440, 800, 850, 1000, 1004, 1400, 2000])
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_a_tone_is_a_beep_after_a_fifth_of_a_second(frequency: float, rate: int) -> None:
    """At the frequencies that networks and machines use, loud and soft; a shorter one is none."""
    quiet = bytes(rate)
    assert heard(quiet + tone(frequency, rate=rate) + quiet, rate)
    assert heard(tone(frequency, level=600.0, rate=rate), rate)
    assert not heard(quiet + tone(frequency, seconds=0.12, rate=rate) + quiet, rate)


@pytest.mark.parametrize(
    "frequencies",
    [(440, 480), (480, 620), (350, 440), (697, 1209), (941, 1477), (200,), (2800,)],
    ids=["ringing", "busy", "dial tone", "key 1", "key #", "hum", "whistle"],
)
def test_tones_of_the_network_are_no_beeps(frequencies: tuple[float, ...]) -> None:
    """Two sines at once, or a frequency that no machine uses."""
    assert not heard(tone(*frequencies, seconds=1.0))


def test_noise_and_sliding_tones_are_no_beeps() -> None:
    """A siren moves; noise is everywhere."""
    rng = np.random.default_rng(7)
    assert not heard(np.asarray(rng.normal(0, 3000, RATE), np.int16).tobytes())
    at = np.arange(RATE) / RATE
    assert not heard(np.asarray(6000 * np.sin(2 * np.pi * (500 * at + 700 * at * at)), np.int16).tobytes())
