"""An answer fills other slots of the task besides, but the digits of a number are the number's alone."""

from datetime import date

import msgspec
import pytest

from lineside.agents.agent import Agent
from lineside.agents.declared import Slot
from lineside.agents.slots.extract import Place, Said
from lineside.agents.tasks.state import Desk, Say, TaskState
from lineside.agents.tasks.turn import next_turn

AGENT = msgspec.toml.decode(
    b"""
name = "Test"
prompt = "You answer."
[slots.order_number]
kind = "digits"
asks = "What is the order number?"
[slots.day]
kind = "date"
asks = "Which day?"
[slots.hour]
kind = "time"
asks = "When?"
[tasks.visit]
when = ["book an engineer"]
needs = ["order_number", "day", "hour"]
""",
    type=Agent,
)


@pytest.mark.parametrize(
    ("said", "filled"),
    [
        ("1-2-3-4-5", {"order_number": "12345"}),
        ("12-15", {"order_number": "1215"}),
        ("It's 12-15-16.", {"order_number": "121516"}),
        ("12345, on Friday at 2 pm", {"order_number": "12345", "day": "2026-12-04", "hour": "14:00"}),
    ],
)
def test_the_digits_of_a_number_are_no_day_and_no_time(said: str, filled: dict[str, str]) -> None:
    """What is said beside it counts all the same."""
    state, heard = TaskState(), ""
    for one in ("I want to book an engineer", said):
        state, move = next_turn(state, Desk(AGENT, Place(date(2026, 12, 2)), 0.0, heard), Said(one))
        heard = move.text if isinstance(move, Say) else ""
    assert {name: slot.value for name, slot in state.slots.items()} == filled


VISIT = msgspec.structs.replace(
    AGENT,
    slots={
        **AGENT.slots,
        "order_number": msgspec.structs.replace(AGENT.slots["order_number"], length=5),
        "phone": Slot("phone", "Which number can we call?"),
    },
    tasks={"visit": msgspec.structs.replace(AGENT.tasks["visit"], needs=("order_number", "day", "phone"))},
)


@pytest.mark.parametrize(
    ("said", "read_back"),
    [
        ("I want to book an engineer on Friday for order 246-8-0", "I have 2 4 6, 8 0. Is that right?"),
        (
            "I want to book an engineer for order 12345 on Friday, call 212 555 0199",
            "I have 2 1 2, 5 5 5, 0 1 9 9. Is that right?",
        ),
    ],
)
def test_a_number_that_can_be_doubted_is_read_back_and_not_asked_for_anew(said: str, read_back: str) -> None:
    """It was said in the first sentence, beside other things."""
    desk = Desk(VISIT, Place(date(2026, 12, 2), region="US"), 0.0)
    state, move = next_turn(TaskState(), desk, Said(said))
    state, move = (state, move) if "phone" in state.slots else next_turn(state, desk, Said("212 555 0199"))
    assert move == Say(read_back)
