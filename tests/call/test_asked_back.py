"""Where it is not plain what a caller asks, they are asked back, and no model guesses."""

from typing import Any

import pytest
from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.knowledge.index import Passage
from lineside.agents.knowledge.knowledge import Answer, DidYouMean, LikelyAnswer, NotKnown, Verbatim
from lineside.agents.tasks.steps import OFFER
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.protocol import Dtmf, Text, TransferRequested, Unanswered
from lineside.transports.scripted import CallerSends, CallerSilent, Doing
from tests.call.fixtures import FinishedCall, run_call

SUNDAY = Passage("opening hours on Sunday", "On Sunday we are closed.", ("are you open on Sunday",), verbatim=True)
PARKING = Passage("parking", "The car park is free.", verbatim=True)
BACK = "Did you mean: are you open on Sunday?"
NEXT = "Is your question about parking?"
DESK = Agent(name="Desk", prompt="You answer.", unknown="I don't know that.", farewell="Goodbye.")


class Known:
    """Knows what the test says, by the caller's words; nothing of anything else."""

    def __init__(self, **known: Answer) -> None:
        self._known = known

    async def answer(self, question: str, *, before: str = "", asked: str = "") -> Answer:
        return next((answer for word, answer in self._known.items() if word in question.lower()), NotKnown())


UNSURE = Known(
    lord=DidYouMean((LikelyAnswer(SUNDAY, "are you open on Sunday"), LikelyAnswer(PARKING))),
    price=Verbatim(Passage("price", "It costs 5 dollars.", verbatim=True)),
)


def asked(*said: str | Dtmf, agent: Agent = DESK, **given: Any) -> FinishedCall:
    script: list[Doing] = []
    for one in said:
        script += [CallerSends(Text(one) if isinstance(one, str) else one), CallerSilent(5.0)]
    llm = ScriptedLLM(answers=["We open at noon."])
    return run_call(*script, agent=agent, llm=llm, knowledge=given.pop("knowledge", UNSURE), **given)


def answers(call: FinishedCall) -> list[str]:
    return [text for role, text in call.conversation if role == "assistant"]


@pytest.mark.parametrize("yes", ["Yes.", "Yeah, exactly.", "That's right, that's what I meant."])
def test_a_yes_brings_the_answer_as_it_stands(yes: str) -> None:
    """Without a model."""
    call = asked("Anybody there on the Lord's day?", yes)
    assert answers(call) == [BACK, "On Sunday we are closed."]
    assert call.llm.asked == []


@pytest.mark.parametrize("no", ["No.", "Nope, that's not it.", "Not exactly.", "No, that's not what I meant."])
def test_a_no_brings_the_next_best_once_and_then_that_it_is_not_known(no: str) -> None:
    """Nothing is invented on the way."""
    call = asked("Anybody there on the Lord's day?", no, no)
    assert answers(call) == [BACK, NEXT, "I don't know that."]
    assert call.llm.asked == []
    assert answers(asked("Anybody there on the Lord's day?", no, "Yes, please.")) == [BACK, NEXT, PARKING.says]


def test_keys_answer_too() -> None:
    """One is yes, two is no."""
    assert answers(asked("The Lord's day?", Dtmf("1"))) == [BACK, SUNDAY.says]
    assert answers(asked("The Lord's day?", Dtmf("2"))) == [BACK, NEXT]


@pytest.mark.parametrize("other", ["What's the price?", "No, I wanted to know the price today."])
def test_another_question_is_answered_instead(other: str) -> None:
    """Whoever is asked back is not held to it."""
    assert answers(asked("The Lord's day?", other)) == [BACK, "It costs 5 dollars."]


def test_a_goodbye_is_one() -> None:
    """And a person is one, whatever was asked."""
    assert answers(asked("The Lord's day?", "Bye.")) == [BACK, "Goodbye."]
    assert answers(asked("The Lord's day?", "Let me speak to a person.")) == [BACK, DESK.no_transfer]


def test_what_was_asked_back_is_said_again() -> None:
    """To whoever did not hear it."""
    assert answers(asked("The Lord's day?", "Pardon?", "Yes.")) == [BACK, BACK, SUNDAY.says]


@pytest.mark.parametrize("then", [("No.", "No."), ("What's the price?",), ("Bye.",), ()])
def test_a_question_that_was_asked_back_in_vain_is_kept_for_who_improves_the_agent(then: tuple[str, ...]) -> None:
    """In its own words, whether the caller says no, asks something else or hangs up; their "no" is not one more."""
    call = asked("The Lord's day?", *then)
    assert [(event.turn, event.reply, event.why) for event in call.all(Unanswered)] == [(1, 1, "not_known")]


@pytest.mark.parametrize("then", [("Yes.",), ("No.", "Yes."), ("Pardon?", "Yes.")])
def test_a_question_that_was_answered_after_it_was_asked_back_has_an_answer(then: tuple[str, ...]) -> None:
    """And the next one that is asked back in vain has none."""
    assert asked("The Lord's day?", *then).all(Unanswered) == []
    again = asked("The Lord's day?", *then, "The Lord's day?", "No.", "No.").all(Unanswered)
    assert [event.turn for event in again] == [len(then) + 2]


def test_where_the_line_can_transfer_a_person_is_offered_for_what_is_not_known() -> None:
    """After the last no, and at once where nothing is like it; on other lines nobody is promised."""
    desk = replace(DESK, no_transfer="")
    offered = f"I don't know that. {OFFER}"
    call = asked("The Lord's day?", "No.", "No.", "Yes, please.", agent=desk)
    assert answers(call) == [BACK, NEXT, offered, desk.transfer]
    assert len(call.all(TransferRequested)) == 1
    assert answers(asked("Do you sell dogs?", "No.", agent=desk)) == [offered, "All right. Is there anything else?"]


def test_without_a_line_for_it_the_model_answers_after_the_last_no() -> None:
    """It has been asked for nothing before."""
    call = asked("The Lord's day?", "No.", "No.", agent=replace(DESK, unknown=""))
    assert answers(call) == [BACK, NEXT, "We open at noon."]
    assert len(call.llm.asked) == 1
