"""The rules around the recogniser: where sound is cut, which text is dropped. No model is needed."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.log_mel import RATE
from lineside.engine_server.asr.hallucination import PACKED, believable, compression, find_loop
from lineside.engine_server.asr.whisper import BLANK, LONGEST, QUIET, cut, last_sound, until_the_end, window

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
    assert max(len(piece) for piece in pieces) <= LONGEST * RATE
    assert sum(len(piece) for piece in pieces) == round(seconds * RATE)


@settings(deadline=None)  # other work on the machine is no fault
@given(st.integers(0, int(LONGEST * RATE)))
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


def test_a_phrase_repeated_faster_than_anybody_speaks_is_kept_once() -> None:
    """Nine words in one second: the model said it again, the caller did not."""
    assert believable("Thank you very much. Thank you very much. Thank", 1.1, 0.02, -0.4) == "Thank you very much."
    assert believable("One moment please. One moment please.", 1.0, 0.05, -0.3) == "One moment please."


def test_a_phrase_repeated_at_the_pace_of_speech_is_the_callers() -> None:
    """Callers repeat themselves, and read out numbers with the same digit many times."""
    assert believable("No, no, no, no.", 1.6, 0.1, -0.5) == "No, no, no, no."
    digits = "It is 4 4 4 4 7 7."
    assert believable(digits, 3.0, 0.05, -0.3) == digits
    sentence = (
        "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
    )
    assert compression(f"{sentence} {sentence}") > PACKED, "what packs like a loop"
    assert believable(f"{sentence} {sentence}", 23.0, 0.09, -0.37) == f"{sentence} {sentence}"
    assert believable(" ".join([sentence] * 4), 30.0, 0.09, -0.37) == "", "faster than anybody speaks, and packed"


@pytest.mark.parametrize(
    ("said", "seconds", "no_speech", "avg_logprob"),
    [
        ("you", 1.0, 0.68, -1.74),  # digital silence
        ("You", 4.0, 0.63, -1.14),  # more of it
        ("I'm sorry.", 2.0, 0.30, -1.90),  # a telephone bell
        ("Oh", 2.0, 0.35, -1.24),  # a bark
        ("I'm going to use the airbrush.", 2.0, 0.53, -1.93),  # white noise
        ("Thank you.", 3.0, 0.68, -1.36),  # ringback
        ("I'm sorry, I'm sorry, I'm sorry.", 4.0, 0.32, -0.67),  # babble
        ("I'm going to put it on the side. " * 5, 5.0, 0.62, -0.65),  # white noise, long
        ("R" * 37, 1.5, 0.18, -0.75),  # a breath
    ],
)
def test_what_was_measured_on_noise_is_not_believed(
    said: str, seconds: float, no_speech: float, avg_logprob: float
) -> None:
    """Each of these came from a sound in which nobody speaks."""
    assert believable(said, seconds, no_speech, avg_logprob) == ""


@pytest.mark.parametrize(
    ("said", "seconds", "no_speech", "avg_logprob"),
    [
        ("Yes.", 0.56, 0.11, -0.93),
        ("No.", 0.88, 0.22, -1.10),
        ("Hello.", 0.72, 0.02, -1.17),
        ("Can you help me with something?", 1.2, 0.11, -0.39),
        ("Can you check the status of my order number 1, 2, 3, 4, 5?", 3.6, 0.01, -0.3),
    ],
)
def test_what_was_measured_on_speech_is_believed(
    said: str, seconds: float, no_speech: float, avg_logprob: float
) -> None:
    """Each of these was said, some in noise."""
    assert believable(said, seconds, no_speech, avg_logprob) == said


@settings(deadline=None)
@given(st.text(max_size=300), st.floats(0, 60), st.floats(0, 1), st.floats(-5, 0))
def test_the_gates_add_nothing(said: str, seconds: float, no_speech: float, avg_logprob: float) -> None:
    """Whatever comes in, what goes out are words of it in their order, and the gates end."""
    words = iter(said.split())
    assert all(word in words for word in believable(said, seconds, no_speech, avg_logprob).split())


def test_loops_are_found_with_their_broken_last_copy() -> None:
    """Four words, said twice and a half."""
    loop = find_loop(["so", "thank", "you", "very", "much", "thank", "you", "very", "much", "thank", "you"])
    assert loop is not None
    assert (loop.start, loop.size, loop.end, loop.copies) == (1, 4, 11, 2)
    assert find_loop(["no", "two", "words", "here", "are", "the", "same"]) is None


def test_compression_tells_loops_from_speech() -> None:
    """The bound between them is 2.4."""
    assert compression("He was not an ill-disposed young man.") < 1.8
    assert compression("I'm sorry, " * 10) > 2.4
    assert compression("") == 0.0
