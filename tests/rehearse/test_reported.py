"""What nobody may keep of a call is in no report of its rehearsal."""

from datetime import date

from lineside.agents.agent import Agent
from lineside.agents.declared import Slot, Takes, Task, Tool
from lineside.rehearse.reported import reported
from lineside.rehearse.results import HeldCall, Shortfall
from lineside.rehearse.scenario import Expect, RehearsalDesk, Scenario, Tools
from lineside.rehearse.text_level import rehearse_by_text

AGENT = Agent(
    "Payments",
    "You answer.",
    greeting="Hello.",
    slots={"code": Slot("digits", "The code?", length=6, secret=True)},
    tools={"pay": Tool("Pays.", "POST https://pay.example/{code}", takes={"code": Takes()})},
    tasks={"pay": Task(("pay my bill",), needs=("code",), says="Paid.")},
)
SCENARIO = Scenario("pays", opens="Pay my bill.", knows={"code": "481516"})
PLAIN = HeldCall(
    (Shortfall("not_heard", "twelve dollars"),),
    (("assistant", "How can I help you?"), ("user", "Where is order 12345?")),
    9.0,
    said=("Where is order one two three, four five?",),
    sound=b"OggS",
)


def test_a_call_without_such_numbers_is_reported_as_it_was() -> None:
    """An order number is the caller's business, and in every report."""
    assert reported(PLAIN, AGENT, SCENARIO) == PLAIN


def test_a_pin_that_was_asked_for_is_not_in_the_words_that_were_spoken() -> None:
    """Nor is the sound of the call kept."""
    talk = (("assistant", "What is your PIN?"), ("user", "•••"))
    call = reported(HeldCall((), talk, 9.0, said=("Hello.", "seven two nine four"), sound=b"OggS"), AGENT, SCENARIO)
    assert call.said == ("Hello.", "•••")
    assert call.sound == b""


def test_a_card_in_two_breaths_is_hidden_from_the_second_on() -> None:
    """As it is in the records."""
    breaths = ("My card is 4539 1488", "0343 6467")
    assert reported(HeldCall((), (), 9.0, said=breaths), AGENT, SCENARIO).said == (breaths[0], "•••")


def test_a_secret_that_a_scenario_expects_is_told_of_without_its_value() -> None:
    """What fell short has its name; the value of a secret slot is nowhere, as written or as said."""
    expect = Expect(tools=(Tools("pay", {"code": "481516"}),), slots={"code": "481516"}, heard=("481516",))
    scenario = Scenario("pays", opens="Pay my bill.", knows={"code": "481516"}, expect=expect)
    (result,) = rehearse_by_text(RehearsalDesk(AGENT, date(2026, 12, 1), {}, {}, (scenario,)))
    (call,) = result.runs
    assert {failure.kind for failure in call.failures} >= {"no_tool", "wrong_slot", "not_heard"}
    assert "481516" not in str(call)
    said = reported(HeldCall((), (), 9.0, said=("four eight one, five one six",)), AGENT, scenario).said
    assert said == ("•••",)
