"""Callers who are misunderstood do what people do: they say it again, or say no and which value is right."""

import random

from msgspec.structs import replace

from lineside.agents.tasks.state import Question, SlotValue, TaskState
from lineside.agents.tools.outcome import Use
from lineside.rehearse.caller_words import aloud, slowly, varied
from lineside.rehearse.ruled_caller import RuledCaller
from lineside.rehearse.scenario import Expect, Scenario
from lineside.rehearse.text_level import text_call
from tests.rehearse.test_rehearse import DAY, desk

BOOKED = {**DAY, "day": "2026-12-04", "part_of_day": "morning", "phone": "+15550101234", "restarted": "yes"}
KNOWS = Scenario("a visit", opens="I need an engineer.", knows=DAY)
SCRIPT = Scenario(
    "a visit by script",
    caller=("Book a visit for Friday morning, order 12345", "Yes I have", "555 010 1234", "Yes, please.", "No."),
)


def caller(scenario: Scenario) -> RuledCaller:
    """One who knows how their call goes when all is understood, and has said their first line."""
    ruled = RuledCaller(scenario, desk().agent, text_call(desk(), scenario).steps)
    assert ruled.next(TaskState()) == (scenario.opens or scenario.caller[0])
    return ruled


def asked(kind: str, slot: str = "", **known: str) -> TaskState:
    """The agent has asked that, and knows so much."""
    use = Use("book_visit", dict(known)) if kind == "write" else None
    question = Question(kind, "?", slot, use)  # type: ignore[arg-type]
    return TaskState("visit", slots={name: SlotValue(value) for name, value in known.items()}, asked=question)


def test_a_caller_who_is_understood_says_what_is_written() -> None:
    """The same lines as at text level, and no repair."""
    for scenario in (KNOWS, SCRIPT):
        steps = text_call(desk(), scenario).steps
        ruled = RuledCaller(scenario, desk().agent, steps)
        states = [
            TaskState(slots={name: SlotValue(value) for name, value in before.items()}, asked=step.asked)
            for step, before in zip(steps, [{}, *(step.slots for step in steps)], strict=False)
        ]
        assert [ruled.next(state) for state in states] == [step.said for step in steps]
        assert ruled.repairs == 0


def test_the_line_with_which_the_agent_ends_the_call_is_said_too() -> None:
    """At text level the call is over then, before that line has become a step."""
    ends = Scenario("a goodbye", caller=("What's the capital of France?", "Goodbye."))
    steps = text_call(desk(), ends).steps
    ruled = RuledCaller(ends, desk().agent, steps)
    assert [ruled.next(TaskState()), ruled.next(TaskState())] == list(ends.caller)


def test_a_wrong_value_that_is_read_back_is_denied_and_said_again() -> None:
    """Alone, and among others."""
    for scenario in (KNOWS, SCRIPT):
        ruled = caller(scenario)
        if scenario.caller:
            ruled.next(asked("slot", "restarted"))
        assert ruled.next(asked("check", "order_number", order_number="12354")) == "No, it's 1 2 3, 4 5."
    read_back = asked("write", **{**BOOKED, "day": "2026-12-03"})
    assert caller(KNOWS).next(read_back) == "No, the day is Friday, December 4."
    assert caller(KNOWS).next(asked("write", **BOOKED)) == "Yes, please."
    assert caller(KNOWS).next(asked("change", day="2026-12-03")) == "It's wrong, the day is Friday, December 4."


def test_an_address_that_was_misunderstood_is_spelled() -> None:
    """Letter by letter, up to the at."""
    bills = next(each for each in desk().scenarios if each.name == "bills by e-mail")
    ruled = caller(bills)
    wrong = ruled.next(asked("check", "email", email="jane.dough@example.com"))
    assert wrong == "No, it's J, A, N, E, dot, D, O, E, at example dot com."


def test_a_right_value_that_is_read_back_out_of_turn_is_confirmed() -> None:
    """The script goes on afterwards where it was."""
    ruled = caller(SCRIPT)
    assert ruled.next(asked("check", "order_number", order_number="12345")) == "Yes, that's right."
    assert ruled.next(asked("slot", "restarted", order_number="12345")) == "Yes I have"


def test_a_yes_or_no_that_is_asked_once_more_is_answered_as_before() -> None:
    """It is no read-back, which a yes would confirm."""
    for scenario, said in ((KNOWS, "yes"), (SCRIPT, "Yes I have")):
        for understood in ("yes", "no"):
            ruled = caller(scenario)
            ruled.next(asked("slot", "restarted"))
            assert ruled.next(asked("check", "restarted", restarted=understood)) == said


def test_a_first_line_that_nobody_understood_is_said_once_more() -> None:
    """And no more than that in a row."""
    ruled = caller(KNOWS)
    assert ruled.next(TaskState()) == KNOWS.opens
    assert ruled.next(TaskState()) is None


def test_a_value_that_was_missed_is_said_when_it_is_asked_for() -> None:
    """As it was said before where that answered this question, else the value alone."""
    ruled = caller(SCRIPT)
    assert ruled.next(asked("slot", "order_number")) == "1 2 3, 4 5"
    assert ruled.next(asked("slot", "day", order_number="12345")) == "Friday, December 4"
    assert ruled.next(asked("slot", "restarted", order_number="12345")) == "Yes I have"
    assert ruled.next(asked("slot", "phone", order_number="12345")) == "555 010 1234"
    assert ruled.next(asked("slot", "phone", order_number="12345")) == "555 010 1234"
    assert ruled.next(asked("slot", "restarted", order_number="12345")) == "Yes I have"
    assert (ruled.lines, ruled.repairs) == (3, 4)


def test_a_question_that_is_not_asked_is_not_answered() -> None:
    """The agent took two values from one line: the line for the second is left out."""
    steps = Scenario(
        "questions", caller=("I need an engineer.", "12345", "Yes", "Friday", "morning", "555 010 1234", "Yes", "No")
    )
    ruled = caller(steps)
    assert ruled.next(asked("slot", "order_number")) == "12345"
    assert ruled.next(asked("slot", "restarted", order_number="12345")) == "Yes"
    known = {"order_number": "12345", "restarted": "yes", "day": "2026-12-04"}
    assert ruled.next(asked("slot", "part_of_day", **known)) == "morning"


def test_nobody_repairs_for_ever() -> None:
    """After four repairs in a row the script goes on."""
    ruled = caller(SCRIPT)
    lines = [ruled.next(asked("slot", "order_number")) for _ in range(5)]
    assert lines == ["1 2 3, 4 5"] * 4 + ["Yes I have"]


def test_numbers_are_said_digit_by_digit() -> None:
    """As a voice must be told to; prices, times and house numbers stay."""
    assert aloud("It's 12345.") == "It's one two three, four five."
    assert aloud("1 2 3 4 5") == "one two three, four five"
    assert aloud("10203040") == "one zero two zero, three zero four zero"
    assert aloud("555 010 1234") == "five five five, zero one zero, one two three four"
    assert slowly("It's one two three, four five.") == "It's one, two, three, four, five."
    assert aloud("12 Harbour Street, 10 20 30 40, $120.50") == "12 Harbour Street, 10 20 30 40, $120.50"


def test_the_same_seed_says_the_same() -> None:
    """So that a run can be had again."""
    lines = [varied("It's 12345", random.Random(seed)) for seed in range(8)]  # noqa: S311
    assert lines == [varied("It's 12345", random.Random(seed)) for seed in range(8)]  # noqa: S311
    assert len(set(lines)) > 2
    assert replace(KNOWS, expect=Expect()) == KNOWS
