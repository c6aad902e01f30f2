"""What an answer gives away: that the agent does not know, or that it promises a person."""

import pytest

from lineside.agents.promises import promises_person, says_not_known


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, I don't know that.",
        "I don\u2019t know.",
        "I do not know the answer to that.",
        "I'm not sure about that.",
        "I'm afraid I can't help you with that.",
        "I don't have any information about phones.",
        "Hello! I have no idea, but ask me something else.",
        "I cannot answer that question.",
        "I can't see orders myself.",
    ],
)
def test_an_answer_that_is_none(answer: str) -> None:
    """In the words that models use for it."""
    assert says_not_known(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "We are open from nine to six.",
        "I don't know if you have heard, but we open on Saturday.",
        "You can cancel when you are not sure.",
        "If you don't know your number, it is on the bill.",
        "I can help you with that.",
        "",
    ],
)
def test_an_answer_that_is_one(answer: str) -> None:
    """Not knowing of the caller's is none of the agent's."""
    assert not says_not_known(answer)


def test_the_agents_own_words_for_not_knowing_count_in_any_language() -> None:
    """Whatever stands around them, and however they are written."""
    assert says_not_known("Tut mir leid. Das weiß ich leider nicht!", ("das weiß ich leider nicht",))
    assert not says_not_known("Wir öffnen um neun.", ("das weiß ich leider nicht", " "))


@pytest.mark.parametrize(
    "answer",
    [
        "Of course. I will transfer you to a colleague now.",
        "One moment. I'll put you through.",
        "Let me connect you with someone.",
        "I'm transferring you to our billing team.",
        "I am going to transfer your call.",
    ],
)
def test_a_promise_of_a_person(answer: str) -> None:
    """A caller who hears this waits for a person."""
    assert promises_person(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I don't know that, but I can transfer you to a colleague.",
        "Shall I transfer you?",
        "I can't transfer calls here.",
        "You can pay by bank transfer.",
        "I will transfer you?",
        "We will connect your house on Monday.",
    ],
)
def test_an_offer_is_no_promise(answer: str) -> None:
    """Nor is a question, nor another meaning of the word."""
    assert not promises_person(answer)
