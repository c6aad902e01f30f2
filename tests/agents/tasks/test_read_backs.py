"""A value that is in doubt is read back as people say it, and what they answer is understood, by voice and by keys."""

from datetime import date

import msgspec
import pytest

from lineside.agents.agent import Agent
from lineside.agents.slots.extract import Place, Said
from lineside.agents.tasks.state import Desk, Do, Move, Question, Say, SlotValue, TaskState, ToPerson
from lineside.agents.tasks.steps import OFFER
from lineside.agents.tasks.turn import next_turn

KINDS = {
    "digits": "12345",
    "phone": "212 555 0199",
    "amount": "35 dollars",
    "date": "next Tuesday",
    "time": "half past two",
    "choice": "in the morning",
    "name": "Jane Smith",
    "text": "The router is broken.",
    "email": "jane dot smith at gmail dot com",
    "number": "three",
    "spelled": "A, 1, B",
    "yes_no": "Yes, I have.",
}
AGENT = msgspec.toml.decode(
    """
name = "Test"
prompt = "You answer."
[tools.book]
about = "Books it."
http = "POST https://erp.internal/visits"
takes = { day = {}, part = {} }
confirm = "On {day}, in the {part}. Shall I book it?"
[slots.day]
kind = "date"
asks = "Which day?"
[slots.part]
kind = "choice"
asks = "When?"
options = { morning = [], afternoon = [] }
[tasks.visit]
when = ["book an engineer"]
needs = ["day", "part"]
does = "book"
"""
    + "".join(
        f"""
[slots.a_{kind}]
kind = "{kind}"
asks = "Have you restarted it?"
confirm = "always"
tries = 2
{"options = { morning = [], afternoon = [] }" if kind == "choice" else ""}
[tasks.a_{kind}]
when = ["task of {kind}"]
needs = ["a_{kind}"]
"""
        for kind in KINDS
    ),
    type=Agent,
)


def told(*said: Said) -> tuple[TaskState, Move]:
    """The state after these turns, and the last move. The caller hears all that is said."""
    state, heard = TaskState(), ""
    move: Move = Say("")
    for one in said:
        state, move = next_turn(state, Desk(AGENT, Place(date(2026, 12, 1), region="US"), 0.0, heard), one)
        heard = move.text if isinstance(move, Say) else ""
    return state, move


def words(*said: str) -> list[Said]:
    """Turns that are spoken."""
    return [Said(one) for one in said]


@pytest.mark.parametrize(
    ("kind", "read_back"),
    [
        ("digits", "I have 1 2 3, 4 5. Is that right?"),
        ("phone", "I have 2 1 2, 5 5 5, 0 1 9 9. Is that right?"),
        ("amount", "I have 35. Is that right?"),
        ("date", "I have Tuesday, December 8. Is that right?"),
        ("time", "I have 2:30 PM. Is that right?"),
        ("choice", "I have morning. Is that right?"),
        ("name", "I have Jane Smith. Is that right?"),
        ("text", "I have noted: The router is broken. Is that right?"),
        ("email", "I have jane.smith@gmail.com. Is that right?"),
        ("number", "I have 3. Is that right?"),
        ("spelled", "I have A, 1, B. Is that right?"),
        ("yes_no", "Let me make sure. Have you restarted it?"),
    ],
)
def test_each_kind_of_value_is_read_back_in_english(kind: str, read_back: str) -> None:
    """A yes alone says nothing of what was meant: its question is asked once more."""
    _, move = told(*words(f"task of {kind}", KINDS[kind]))
    assert move == Say(read_back)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "yes_no"])
def test_on_the_keypad_one_is_yes_to_a_read_back_and_two_is_no(kind: str) -> None:
    """Whatever is read back: the key is no value of its own."""
    asked = words(f"task of {kind}", KINDS[kind])
    state, _ = told(*asked, Said("1", keys=True))
    assert not state.task
    assert state.slots[f"a_{kind}"].sure
    state, move = told(*asked, Said("2", keys=True))
    assert f"a_{kind}" not in state.slots
    assert isinstance(move, Say)
    assert move.text.endswith("Have you restarted it?")


@pytest.mark.parametrize(
    ("again", "value"),
    [
        (Said("Yes."), "yes"),
        (Said("Yes, I have."), "yes"),
        (Said("No, I haven't."), "no"),
        (Said("1", keys=True), "yes"),
        (Said("2", keys=True), "no"),
    ],
)
def test_the_second_answer_to_a_yes_or_no_question_counts(again: Said, value: str) -> None:
    """It is an answer to the question, and not to whether the first was understood."""
    state, _ = told(*words("task of yes_no", "Yes, I have."), again)
    assert state.slots["a_yes_no"].value == value
    assert state.slots["a_yes_no"].sure
    _, move = told(*words("task of yes_no", "Yes, I have.", "Blue."))
    assert move == Say("Sorry, I didn't get that. Let me make sure. Have you restarted it?")


def test_a_yes_is_not_doubted_for_the_sound_of_it() -> None:
    """Nor is the yes that a write waits for; a day that was hardly understood is."""
    slots = AGENT.slots | {
        "a_yes_no": msgspec.structs.replace(AGENT.slots["a_yes_no"], confirm="unsure"),
        "a_date": msgspec.structs.replace(AGENT.slots["a_date"], confirm="unsure"),
    }
    desk = Desk(msgspec.structs.replace(AGENT, slots=slots), Place(date(2026, 12, 1)), 0.0)
    for kind, sure in (("yes_no", True), ("date", False)):
        state, _ = next_turn(TaskState(), desk, Said(f"task of {kind}"))
        state, _ = next_turn(state, desk, Said(KINDS[kind], sure=0.4))
        assert state.slots[f"a_{kind}"].sure is sure


READ_BACK = (*words("I want to book an engineer", "Friday"), Said("morning", sure=0.4))


def test_what_was_read_back_and_confirmed_is_in_doubt_no_longer() -> None:
    """The record says so: nothing of what was done is still to be confirmed."""
    state, move = told(*READ_BACK)
    assert state.slots["part"] == SlotValue("morning", sure=False)
    assert move == Say("On Friday, December 4, in the morning. Shall I book it?")
    state, move = told(*READ_BACK, Said("Yes, please."))
    assert isinstance(move, Do)
    assert state.slots["part"] == SlotValue("morning", sure=True)


def test_a_correction_that_was_hardly_understood_is_read_back() -> None:
    """The recogniser's doubt is settled by the read-back that comes anyway; nobody is asked what to change."""
    _, move = told(*READ_BACK, Said("Yes, but in the afternoon.", sure=0.4))
    assert move == Say("All right. On Friday, December 4, in the afternoon. Shall I book it?")


@pytest.mark.parametrize(("key", "put_through"), [("1", True), ("2", False)])
def test_a_key_answers_the_offer_of_a_colleague(key: str, put_through: bool) -> None:
    """As it answers every question of yes or no."""
    offered = TaskState(asked=Question("person", OFFER))
    _, move = next_turn(offered, Desk(AGENT, Place(date(2026, 12, 1)), 0.0, OFFER), Said(key, keys=True))
    assert isinstance(move, ToPerson) is put_through


@pytest.mark.parametrize(("key", "said"), [("1", "How can I help you?"), ("2", "Goodbye.")])
def test_a_key_answers_whether_there_is_anything_else(key: str, said: str) -> None:
    """One goes on, two ends the call."""
    agent = msgspec.structs.replace(AGENT, farewell="Goodbye.")
    more = TaskState(asked=Question("more", "Is there anything else?"))
    _, move = next_turn(more, Desk(agent, Place(date(2026, 12, 1)), 0.0), Said(key, keys=True))
    assert isinstance(move, Say)
    assert move.text == said
