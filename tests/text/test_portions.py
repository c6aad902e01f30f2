"""What a voice is given at once: so much that every voice says it to its end, and every word of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.text.alignment import MOST_SAID, Alignment
from lineside.text.normalize import said, spoken

LONG = (
    "your reference is 4711 0815 2342 1234 and the meter at number 99887766 shows 1234567 units while the other one at "
    "55443322 shows 7654321 units of the 20000000 that 365 days of 24 hours with 60 minutes would allow us to count at"
).ljust(219, "9")[:219]


def portions(text: str) -> list[str]:
    return Alignment(spoken(text)).portions()


def test_219_characters_without_marks_half_of_them_digits_are_all_said() -> None:
    """In portions that no voice cuts short; joined they are what is said."""
    assert len(LONG) == 219
    assert len(said(LONG)) > MOST_SAID
    parts = portions(LONG)
    assert " ".join(parts) == said(LONG)
    assert all(len(part) <= MOST_SAID for part in parts)


@pytest.mark.parametrize("whole", ["1234567", "$1,234,567.89", "0800 123 456", "12:45", "3.14159", "99%"])
def test_a_number_or_an_amount_is_never_parted(whole: str) -> None:
    """Wherever the limit falls."""
    words = said(whole)
    for before in range(150, 250, 3):
        text = ("word " * 60)[:before].rsplit(" ", 1)[0] + f" {whole} word" + " word" * 60
        parts = portions(text)
        assert " ".join(parts) == said(text)
        assert any(words in part for part in parts), (before, parts)


def test_a_mark_is_the_better_place_to_part() -> None:
    """The sentence sounds as it is written."""
    clause = "we come to you on the day that suits you best, "
    parts = portions(clause * 9)
    assert len(parts) > 1
    assert all(part.endswith("best,") for part in parts)


@given(st.text(alphabet="ab1 ,.$%é-\n", max_size=900))
def test_no_word_is_lost_whatever_the_text(text: str) -> None:
    """Nor said twice, and no portion is too long."""
    alignment = Alignment(spoken(text))
    parts = alignment.portions()
    assert "".join("".join(parts).split()) == "".join(alignment.said.split())
    assert all(0 < len(part) <= MOST_SAID for part in parts)


def test_an_ordinary_sentence_is_one_portion() -> None:
    """As it was."""
    assert portions("We are open from nine to five.") == ["We are open from nine to five."]
    assert portions("") == []
