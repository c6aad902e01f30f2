"""Which words of a question count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.knowledge.words import content_words


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("How much is the Basic plan?", ("basic", "plan")),
        ("What's the price of Pro?", ("price", "pro")),
        ("How many megabits for twenty-five dollars?", ("megabits", "25", "dollars")),
        ("two hundred and fifty megabits", ("250", "megabits")),
        ("It costs 1,000 dollars.", ("costs", "1000", "dollars")),
        ("nineteen ninety", ("19", "90")),
        ("one thousand two hundred", ("1200",)),
        ("Which one of you?", ()),
        ("Hello? Can you hear me?", ()),
        ("", ()),
        ("two and a half", ("2", "half")),
        ("I don’t know", ()),
    ],
)
def test_the_words_that_carry_a_question(said: str, counts: tuple[str, ...]) -> None:
    """Words that stand in any question do not count; numbers are figures."""
    assert content_words(said) == counts


@given(st.text(max_size=200))
def test_any_text_has_words(said: str) -> None:
    """No text breaks it; words hold neither spaces nor quotation marks."""
    words = content_words(said)
    assert all(word and not set(word) & set(' "\n') for word in words)
    assert len(set(words)) == len(words)
