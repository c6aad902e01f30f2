"""A value is put right where it is read back, whatever its kind; what is no correction changes nothing."""

from datetime import date

import msgspec
import pytest

from lineside.agents.agent import Agent
from lineside.agents.slots.extract import Place, Said
from lineside.agents.tasks.state import Desk, Do, Move, Say, TaskState
from lineside.agents.tasks.turn import CHANGE, next_turn

AGENT = msgspec.toml.decode(
    b"""
name = "Test"
prompt = "You answer."
[slots.order_number]
kind = "digits"
length = 5
asks = "What is the order number?"
[slots.address]
kind = "text"
asks = "What is the new address?"
[slots.name]
kind = "name"
asks = "Who is it for?"
confirm = "always"
[slots.price]
kind = "amount"
asks = "How much was it?"
[tools.send]
about = "Sends it."
http = "PUT https://erp.internal/orders/{order_number}"
takes = { order_number = {}, address = {} }
confirm = "Order {order_number} goes to {address}. Is that right?"
[tools.refund]
about = "Pays it back."
http = "POST https://erp.internal/refunds"
takes = { price = {} }
confirm = "I will pay {price} back. Is that right?"
[tasks.send]
when = ["change my address"]
needs = ["order_number", "address"]
does = "send"
[tasks.label]
when = ["print a label"]
needs = ["name"]
[tasks.refund]
when = ["refund my money"]
needs = ["price"]
does = "refund"
""",
    type=Agent,
)


def told(*said: str) -> tuple[TaskState, Move]:
    """The state after these turns, and the last move. The caller hears all that is said."""
    state, heard = TaskState(), ""
    move: Move = Say("")
    for one in said:
        state, move = next_turn(state, Desk(AGENT, Place(date(2026, 12, 1)), 0.0, heard), Said(one))
        heard = move.text if isinstance(move, Say) else ""
    return state, move


READ_BACK = ("I want to change my address", "12345", "12 Harbour Street")


@pytest.mark.parametrize(
    "no",
    [
        "No, it's 14 Harbour Street.",
        "No, 14 Harbour Street.",
        "no 14 Harbour Street",
        "No. The address is 14 Harbour Street.",
        "That's wrong, it's 14 Harbour Street.",
        "Sorry, I meant 14 Harbour Street.",
        "I said 14 Harbour Street.",
        "No, that's not right. 14 Harbour Street, please.",
        "No, make it 14 Harbour Street",
        "Actually, the new address is 14 Harbour Street.",
    ],
)
def test_free_words_are_put_right_at_the_read_back(no: str) -> None:
    """And read back once more: nothing is done before a yes to the new ones."""
    state, move = told(*READ_BACK, no)
    assert state.slots["address"].value == "14 Harbour Street"
    assert isinstance(move, Say)
    assert move.text.endswith("goes to 14 Harbour Street. Is that right?")
    _, done = told(*READ_BACK, no, "Yes.")
    assert isinstance(done, Do)
    assert done.use.arguments == {"order_number": "12345", "address": "14 Harbour Street"}


@pytest.mark.parametrize(
    "no", ["No.", "No, that's wrong.", "Nope, not right.", "No, that's not it.", "No, something else."]
)
def test_a_no_alone_changes_nothing(no: str) -> None:
    """The caller is asked what is wrong; then the words alone will do, or which value is meant."""
    state, move = told(*READ_BACK, no)
    assert state.slots["address"].value == "12 Harbour Street"
    assert move == Say(CHANGE)
    state, _ = told(*READ_BACK, no, "It's 14 Harbour Street.")
    assert state.slots["address"].value == "14 Harbour Street"
    _, asked = told(*READ_BACK, no, "The address.")
    assert asked == Say("What is the new address?")


def test_a_number_in_the_correction_of_another_value_is_not_taken_for_free_words() -> None:
    """ "No, order 12346" changes the order, and not the address."""
    state, _ = told(*READ_BACK, "No, the order number is 12346.")
    assert (state.slots["order_number"].value, state.slots["address"].value) == ("12346", "12 Harbour Street")


def test_a_sentence_about_something_else_is_no_correction() -> None:
    """Only what begins by saying that something is wrong."""
    for other in ("My sister lives in Harbour Street too.", "It's for my sister in 14 Harbour Street."):
        state, _ = told(*READ_BACK, other)
        assert state.slots["address"].value == "12 Harbour Street", other


@pytest.mark.parametrize("no", ["No, it's Smythe.", "No, Smythe.", "Sorry, I said Smythe."])
def test_a_name_is_put_right_where_it_is_checked(no: str) -> None:
    """And checked again."""
    state, move = told("print a label", "Smith", no)
    assert state.slots["name"].value == "Smythe"
    assert isinstance(move, Say)
    assert "Smythe" in move.text
    assert move.text.endswith("?")


@pytest.mark.parametrize("no", ["No, 70 dollars.", "No, it's seventy.", "Actually it was 70 dollars"])
def test_an_amount_is_put_right_at_the_read_back(no: str) -> None:
    """It is the only one that can be meant."""
    state, _ = told("refund my money", "60 dollars", no)
    assert state.slots["price"].value == "70.00"
