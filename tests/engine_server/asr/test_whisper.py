"""The rules around the recogniser: where sound is cut, which text is dropped. No model is needed."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.log_mel import RATE
from lineside.engine_server.asr.whisper import BLANK, MAX_WINDOW_SECONDS, QUIET, cut, last_sound, until_the_end, window

TIMES = 1000  # the first timestamp token in these tests


def at(seconds: float) -> int:
    return TIMES + round(seconds / 0.02)


def heard(tokens: list[int], sounding: float) -> tuple[list[int], float]:
    words, end = until_the_end(tokens, TIMES, sounding)
    return words, round(end, 2)


def noise(seconds: float, level: float) -> npt.NDArray[np.float32]:
    return np.random.default_rng(7).normal(0, level, round(seconds * RATE)).astype(np.float32)


def test_words_after_the_end_of_the_sound_are_dropped() -> None:
    """Two seconds of sound: a second copy that begins after the first one ended there is made up."""
    tokens = [at(0), 1, 2, 3, at(1.9), at(1.9), 1, 2, 3, at(3.8)]
    assert heard(tokens, 2.0) == ([1, 2, 3], 1.9)


def test_words_after_a_pause_in_the_sound_are_kept() -> None:
    """A timestamp well before the end is a pause, not the end."""
    tokens = [at(0), 1, 2, at(1.0), at(1.6), 3, 4, at(2.8)]
    assert heard(tokens, 3.0) == ([1, 2, 3, 4], 2.8)


def test_the_first_timestamp_ends_nothing() -> None:
    """A sound of a fifth of a second: the opening timestamp lies near its end too, but no word is before it."""
    assert heard([at(0), 1, at(1.0)], 0.2) == ([1], 1.0)


def test_without_a_closing_timestamp_all_words_are_kept() -> None:
    """The model ran into its limit: the words stand, and the gates judge them."""
    assert heard([at(0), 1, 2, 3], 2.0) == ([1, 2, 3], 2.0)


def test_the_last_sound_is_found_before_the_quiet_behind_it() -> None:
    """A second of voice and a second of room: the sound ends after one second."""
    assert last_sound(np.concatenate([noise(1.0, 0.1), noise(1.0, 0.001)])) == pytest.approx(1.0, abs=0.03)
    assert last_sound(np.concatenate([noise(1.0, 0.1), np.zeros(RATE, np.float32)])) == pytest.approx(1.0, abs=0.03)


def test_in_even_noise_the_sound_goes_on_to_the_end() -> None:
    """Where nothing stands out, nothing may be cut."""
    assert last_sound(noise(2.0, 0.05)) == pytest.approx(2.0, abs=0.05)


def test_long_sound_is_cut_where_it_is_quiet_and_loses_nothing() -> None:
    """Thirty-five seconds with a pause at 23: the cut falls into the pause."""
    sound = noise(35.0, 0.1)
    sound[int(22.9 * RATE) : int(23.1 * RATE)] = 0
    pieces = cut(sound)
    assert [len(piece) / RATE for piece in pieces] == [pytest.approx(23.0, abs=0.1), pytest.approx(12.0, abs=0.1)]
    assert np.array_equal(np.concatenate(pieces), sound)


@settings(deadline=None)
@given(st.floats(0, 120))
def test_every_piece_fits_the_window(seconds: float) -> None:
    """Whatever the length: each piece has room for what comes behind it, and together they are the whole."""
    pieces = cut(np.zeros(round(seconds * RATE), np.float32))
    assert max(len(piece) for piece in pieces) <= MAX_WINDOW_SECONDS * RATE
    assert sum(len(piece) for piece in pieces) == round(seconds * RATE)


@settings(deadline=None)  # other work on the machine is no fault
@given(st.integers(0, int(MAX_WINDOW_SECONDS * RATE)))
def test_the_window_is_even_and_as_short_as_the_sound(samples: int) -> None:
    """The encoder halves the frames and takes 3000 at the most: the sound, the quiet and the blank."""
    frames = window(np.zeros(samples, np.float32)).shape[2]
    assert frames % 2 == 0
    assert frames <= 3000
    assert frames == pytest.approx(100 * (samples / RATE + QUIET + BLANK), abs=2)


def test_a_faint_caller_is_brought_to_the_same_loudness() -> None:
    """The model sees the same whether the line is loud or faint."""
    sound = noise(1.0, 0.1)
    assert np.allclose(window(sound), window(sound * np.float32(0.1)), atol=0.02)
