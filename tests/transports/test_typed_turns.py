"""Turns that a caller types: some a second, the rest joined, and never more than a bounded number of characters."""

from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.errors import TransportError
from lineside.protocol import ClientMessage, Dtmf, HangUp, Text
from lineside.transports.typed_turns import AT_ONCE, LONGEST_TEXT, PER_SECOND, TypedTurns


def test_a_caller_who_types_is_heard_at_once() -> None:
    """Ten keys in a row are ten turns, and so is a sentence every second for as long as they like."""
    typed = TypedTurns()
    for key in "0123456789":
        assert list(typed.offer(Dtmf(key), 1.0)) == [Dtmf(key)]
    for second in range(10, 100):
        assert list(typed.offer(Text("hello"), float(second))) == [Text("hello")]
    assert typed.due_in(100.0) is None


def test_what_is_typed_too_fast_waits_and_is_told_as_one() -> None:
    """In its order; keys with keys, words with words."""
    typed = TypedTurns()
    for _ in range(int(AT_ONCE)):
        list(typed.offer(Text("quick"), 5.0))
    late: tuple[ClientMessage, ...] = (Text("one"), Text("two"), Dtmf("1"), Dtmf("2"), Text("three"))
    assert [told for turn in late for told in typed.offer(turn, 5.0)] == []
    assert typed.due_in(5.0) == pytest.approx(1 / PER_SECOND)
    assert list(typed.due(5.4)) == [Text("one two")]
    assert list(typed.due(7.0)) == [Dtmf("12"), Text("three")]
    assert typed.due_in(7.0) is None


def test_hanging_up_does_not_wait() -> None:
    """And what waits is not told any more."""
    typed = TypedTurns()
    for _ in range(int(AT_ONCE) + 3):
        list(typed.offer(Text("quick"), 5.0))
    assert list(typed.offer(HangUp(), 5.0)) == [HangUp()]
    assert typed.due_in(5.0) is None


def pressed(typed: TypedTurns, turns: Iterable[ClientMessage]) -> None:
    """All of them at once."""
    for turn in turns:
        list(typed.offer(turn, 5.0))


@pytest.mark.parametrize(
    "turns",
    [[Text("x" * 3000)] * 13, [Text("x"), Dtmf("1")] * 20, [Dtmf("1" * 32)] * 13],
)
def test_more_than_can_wait_is_refused(turns: list[ClientMessage]) -> None:
    """By a name that a program can act on."""
    with pytest.raises(TransportError) as refused:
        pressed(TypedTurns(), turns)
    assert refused.value.code == "too_many_turns"


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 50)), max_size=200))
def test_turns_never_come_faster_than_the_budget(typing: list[tuple[float, int]]) -> None:
    """However they are typed: at any moment no more than so many since the call began; what is told is not too long."""
    typed, now, told = TypedTurns(), 0.0, list[ClientMessage]()
    for pause, size in typing:
        now += pause
        told += typed.due(now)
        with suppress(TransportError):
            told += typed.offer(Text("x" * size), now)
        assert len(told) <= AT_ONCE + PER_SECOND * now + 1e-6
    assert all(len(turn.text) <= LONGEST_TEXT for turn in told if isinstance(turn, Text))
