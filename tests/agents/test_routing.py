"""Which task a caller wants, from what they say; questions about a thing are no wish to have it."""

from pathlib import Path

import msgspec
import pytest

import lineside
from lineside.agents.agent import load_agent
from lineside.agents.tasks.routing import route

DESK = load_agent(Path(lineside.__file__).parent / "data" / "broadband.toml")
QUESTIONS = msgspec.toml.decode((Path(__file__).parents[2] / "bench" / "questions.toml").read_bytes())["question"]


@pytest.mark.parametrize(
    ("said", "task"),
    [
        ("Hi, where is my order?", "order_status"),
        ("I'd like to check my order status please.", "order_status"),
        ("Has my parcel been sent yet? The order is 12345.", "order_status"),
        ("Could you track my order", "order_status"),
        ("I need an engineer for next Tuesday in the morning, order one two three four five", "visit"),
        ("Can you send somebody to look at it?", "visit"),
        ("I want to book a visit", "visit"),
        ("I'd like to make an appointment with an engineer", "visit"),
        ("I need to change my address", "new_address"),
        ("Please change the address of my order", "new_address"),
        ("I've moved and have a new address", "new_address"),
        ("How much does an engineer visit cost?", ""),
        ("Are your engineers certified?", ""),
        ("Does the engineer bring a new router?", ""),
        ("What is the price of the Pro plan?", ""),
        ("Where is your office?", ""),
        ("When will I be connected after I order?", ""),
        ("I'd like to order a router", ""),
        ("Can I order the Pro plan with you?", ""),
        ("Thank you very much", ""),
        ("My internet is slow", ""),
        ("", ""),
    ],
)
def test_what_a_caller_wants(said: str, task: str) -> None:
    """The demonstration's three tasks."""
    assert route(said, DESK.tasks) == task


def test_questions_of_the_bench_begin_no_task_that_they_do_not_ask_for() -> None:
    """Of thirty-two questions, the two about an order do."""
    begun = [each["asks"] for each in QUESTIONS if route(each["asks"], DESK.tasks)]
    assert len(begun) == 2
    assert all("order" in asked for asked in begun)
