"""What the question that was asked says of the answer: how many digits the recogniser listens for."""

from datetime import date

import msgspec
import pytest

from lineside.agents.agent import Agent
from lineside.agents.slots.extract import Place, Said
from lineside.agents.tasks.state import Desk, Question, Say, SlotValue, TaskState, ToPerson, expects
from lineside.agents.tasks.turn import GO_ON, next_turn

AGENT = msgspec.toml.decode(
    b"""
name = "Test"
prompt = "You answer."
locale = "en-US"
[slots.number]
kind = "digits"
length = 5
asks = "What is the number?"
[slots.any]
kind = "digits"
asks = "What is the code?"
[slots.phone]
kind = "phone"
asks = "Which number can we call?"
again = ["With its area code, please."]
[slots.pin]
kind = "digits"
length = 4
secret = true
asks = "What is the PIN?"
[slots.day]
kind = "date"
asks = "Which day?"
[tasks.call]
when = ["call me back"]
needs = ["phone"]
[tasks.code]
when = ["read my code"]
needs = ["number"]
""",
    type=Agent,
)


def listened_for(kind: str, slot: str, partial: str = "", locale: str = "en-US") -> int | None:
    """So many digits are listened for; None: words."""
    state = TaskState("call", slots={slot: SlotValue("1")}, partial=partial, asked=Question(kind, "?", slot))  # type: ignore[arg-type]
    expected = expects(state, msgspec.structs.replace(AGENT, locale=locale))
    assert expected is not None
    return expected.listen


@pytest.mark.parametrize(
    ("locale", "digits"),
    [("en-US", 10), ("en-CA", 10), ("fr-FR", 10), ("en-AU", 10), ("en-GB", 0), ("de-DE", 0), ("en-IN", 0), ("en", 0)],
)
def test_a_telephone_number_is_listened_for_with_the_digits_that_it_has_there(locale: str, digits: int) -> None:
    """As people say it: with the 0 before the area code, without North America's 1; where that differs, any number."""
    assert listened_for("slot", "phone", locale=locale) == digits
    assert listened_for("check", "phone", locale=locale) == digits


def test_what_is_still_to_come_is_listened_for() -> None:
    """Of a number that was begun; a number of any length stays one; a secret and a day are no digits to listen for."""
    assert listened_for("slot", "number") == 5
    assert listened_for("slot", "number", "12") == 3
    assert listened_for("slot", "phone", "555010") == 4
    assert listened_for("slot", "any") == 0
    assert listened_for("check", "number") == 5
    assert listened_for("check", "any") == 0
    assert listened_for("slot", "pin") is None
    assert listened_for("slot", "day") is None


def held(*said: str) -> tuple[TaskState, list[str]]:
    """The state after these turns, and what the caller heard."""
    state, heard = TaskState(), [""]
    for words in said:
        state, move = next_turn(state, Desk(AGENT, Place(date(2026, 12, 1), region="US"), 0.0, heard[-1]), Said(words))
        heard.append(move.text if isinstance(move, Say | ToPerson) else "")
    return state, heard[1:]


def test_a_number_that_is_misheard_too_long_is_asked_for_again_and_not_gone_on_with() -> None:
    """Nothing makes a number of twelve digits whole; after three times somebody else has to help."""
    state, heard = held("call me back", *["555 050 561 018", "5550505 61018"] * 2)
    assert heard[1] == "With its area code, please."
    assert GO_ON not in heard
    assert not state.task


def test_a_beginning_that_does_not_grow_is_asked_for_again() -> None:
    """ "Go on, please." for ever helps nobody whose digits are misheard in two ways by turns."""
    state, heard = held("read my code", *["one two three four", "five six seven eight"] * 3)
    assert heard[1:3] == [GO_ON, "Sorry, I didn't get that. What is the number?"]
    assert not state.task
