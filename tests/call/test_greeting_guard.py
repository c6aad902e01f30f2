"""An answer that is the greeting again does not reach the caller; any other answer does, token by token."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.call.greeting_guard import GreetedAgain, GreetingGuard
from lineside.engines.protocols import Token

GREETING = "Hello, this is Harbour Broadband. How can I help you?"


def passed(text: str, cuts: list[int], greeting: str = GREETING) -> list[str]:
    guard, places = GreetingGuard(greeting), sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [Token(text[a:b]) for a, b in itertools.pairwise(places)]
    return [token.text for piece in pieces for token in guard.feed(piece)] + [token.text for token in guard.end()]


@given(st.lists(st.integers(1, 60)))
def test_the_greeting_is_caught_wherever_it_is_cut(cuts: list[int]) -> None:
    """Also without its marks and capitals."""
    for said in (GREETING, "hello this is harbour broadband", "Hello, this is Harbour Broadband! We open at nine."):
        with pytest.raises(GreetedAgain):
            passed(said, cuts)


@given(
    st.sampled_from(
        ["We open at nine.", "Hello.", "Hello, this line is free.", "Hello, this", "", "Hello! How are you?"]
    ),
    st.lists(st.integers(1, 30)),
)
def test_every_other_answer_passes_whole(said: str, cuts: list[int]) -> None:
    """Whatever its first words share with the greeting."""
    assert "".join(passed(said, cuts)) == said


def test_an_answer_that_begins_otherwise_waits_for_nothing() -> None:
    """Its first token goes on at once."""
    assert GreetingGuard(GREETING).feed(Token("We")) == [Token("We")]


def test_a_short_greeting_is_an_ordinary_answer() -> None:
    """ "Hello." may be said twice."""
    assert passed("Hello there.", [], greeting="Hello there.") == ["Hello there."]
