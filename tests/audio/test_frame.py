"""Sound with its words, cut into stretches."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import SpokenAudio

SAMPLES = 1000


@given(st.lists(st.integers(0, SAMPLES), max_size=12), st.lists(st.integers(1, SAMPLES - 1), max_size=8))
def test_stretches_in_a_row_hold_every_sample_and_every_word_once(ends: list[int], places: list[int]) -> None:
    """Wherever the sound is cut, a word ends at the same sample of the whole."""
    words = tuple((at, f"word {number}") for number, at in enumerate(sorted(ends)))
    whole = SpokenAudio(bytes(range(200)) * 10, 8000, words)
    marks = sorted({0, SAMPLES, *places})
    parts = [(begin, whole.between(begin, end)) for begin, end in pairwise(marks)]
    assert b"".join(part.pcm for _, part in parts) == whole.pcm
    assert tuple((begin + at, word) for begin, part in parts for at, word in part.words) == words
    assert all(0 <= at <= part.samples for _, part in parts for at, _ in part.words)


def test_a_stretch_without_samples_keeps_its_words() -> None:
    """It says what is left when all sound has been heard."""
    rest = SpokenAudio(b"", 8000, ((0, "thing."),))
    assert rest.between(0, 0) == rest
    assert (rest.samples, rest.seconds) == (0, 0.0)
