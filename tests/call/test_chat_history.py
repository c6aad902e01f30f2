"""What the language model is told of the conversation so far: the latest of it, and never more than so much."""

from hypothesis import given
from hypothesis import strategies as st

from lineside.call.chat_history import KEPT, LONGEST, ChatHistory
from lineside.engines.protocols import Message

OPENING = (Message("system", "You answer."),)


def test_two_turns_without_an_answer_are_one_message() -> None:
    """And each side's words stand in their order."""
    history = ChatHistory(OPENING)
    for say in (history.caller, history.caller, history.agent):
        say("hello")
    assert [(m.role, m.content) for m in history.said] == [("user", "hello hello"), ("assistant", "hello")]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3 * KEPT)), max_size=40))
def test_the_conversation_stays_bounded_and_ends_with_the_latest_words(turns: list[tuple[bool, int]]) -> None:
    """A caller who types without waiting for answers makes one message; it is cut, and its end is kept."""
    history, last = ChatHistory(OPENING), ""
    for number, (caller, size) in enumerate(turns):
        last = "x" * size + f" {number}"
        (history.caller if caller else history.agent)(last)
        assert sum(len(message.content) for message in history.said) <= KEPT + LONGEST
        assert all(len(message.content) <= LONGEST for message in history.said)
        assert history.said[-1].content.endswith(str(number))
    asked = history.messages(asking="y" * 4000)
    assert asked[-1].content.endswith("y" * 4000)
    assert sum(len(message.content) for message in asked) <= 2 * LONGEST + KEPT
