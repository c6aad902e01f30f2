"""What is done to the voice's sound and text. No model is needed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.engine_server.tts.piper import FADE, LEAD, MAX_PHONEMES, TAIL, cut, trim

RATE = 22_050


def test_silence_at_both_ends_is_cut() -> None:
    """Half a second before and after a word: twenty milliseconds stay before it, a hundred and twenty after."""
    word = np.full(RATE, 0.3, np.float32)
    quiet = np.zeros(RATE // 2, np.float32)
    kept = trim(np.concatenate([quiet, word, quiet]), RATE)
    assert len(kept) == len(word) + round(LEAD * RATE) + round(TAIL * RATE)
    assert np.array_equal(kept[round(LEAD * RATE) : round(LEAD * RATE) + len(word)], word)


def test_a_cut_does_not_click() -> None:
    """A sound that begins and ends at full strength is faded in and out within four milliseconds."""
    kept = trim(np.full(RATE, 0.5, np.float32), RATE)
    assert kept[0] == kept[-1] == 0.0
    assert float(np.abs(np.diff(kept)).max()) < 0.5 / (FADE * RATE) * 1.1


def test_nothing_but_silence_is_nothing() -> None:
    """No sound at all gives no samples."""
    assert len(trim(np.zeros(RATE, np.float32), RATE)) == 0


@settings(deadline=None)  # other work on the machine is no fault
@given(st.lists(st.sampled_from(["a", "b", " "]), max_size=3 * MAX_PHONEMES))
def test_long_text_is_made_in_pieces_and_loses_nothing(phonemes: list[str]) -> None:
    """However long: each piece is bounded, and together they are the whole."""
    pieces = cut(phonemes, MAX_PHONEMES)
    assert [phoneme for piece in pieces for phoneme in piece] == phonemes
    assert all(0 < len(piece) <= MAX_PHONEMES for piece in pieces)


def test_it_is_cut_between_words() -> None:
    """Words of ten phonemes: no piece begins or ends within one."""
    pieces = cut((["x"] * 10 + [" "]) * 100, MAX_PHONEMES)
    assert len(pieces) > 1
    assert all(len("".join(piece).strip()) % 11 == 10 for piece in pieces)
    assert max(len(piece) for piece in pieces) == pytest.approx(MAX_PHONEMES, abs=11)
