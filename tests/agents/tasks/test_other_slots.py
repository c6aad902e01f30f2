"""An answer fills other slots of the task besides, but the digits of a number are the number's alone."""

from datetime import date

import msgspec
import pytest

from lineside.agents.agent import Agent
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
