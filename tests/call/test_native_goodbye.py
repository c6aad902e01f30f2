"""A language model wishes that the call be over: told as calls."""

import pytest
from msgspec.structs import replace

from lineside.agents.declared import Tool
from lineside.agents.tools.outcome import Outcome
from lineside.agents.tools.proposals import END_CALL, tool_specs
from lineside.engines.protocols import Message
from lineside.protocol import BargeIn, Ended
from tests.call.native_calls import BOOKS, FINDS, NATIVE, READ_BACK, WANTS, native, results, uses
from tests.call.test_dialog import SlowTools, answers, says

ENDS = uses("end_call", "It was a pleasure. Goodbye!")
SENT = "It was sent and arrives on Friday."
ASKS_FIRST = "the caller has not said goodbye"


def test_a_model_ends_the_call_when_the_caller_is_done() -> None:
    """In words that no rule takes for a goodbye; they hear the model's to its end, and then the line is hung up."""
    held = native(says("Where is my order 12345?"), says("Splendid, cheers mate", 20.0), does=[FINDS, SENT, ENDS])
    assert answers(held) == [SENT, "It was a pleasure. Goodbye!"]
    assert held.one(Ended).reason == "agent_said_goodbye"
    assert held.conversation[-1] == ("assistant", "It was a pleasure. Goodbye!")


@pytest.mark.parametrize("words", ["", "Cheers."])
def test_a_goodbye_that_the_model_leaves_out_is_the_agent_s(words: str) -> None:
    """Nobody is hung up on without one."""
    does = [FINDS, SENT, uses("end_call", words)]
    held = native(says("Where is my order 12345?"), says("Splendid, cheers mate", 20.0), does=does)
    assert answers(held)[-1] == f"{words} {NATIVE.farewell}".strip()
    assert held.one(Ended).reason == "agent_said_goodbye"


@pytest.mark.parametrize(
    "script",
    [
        [says("I have a question about my order")],
        [says("Where is my order 12345?"), says("When will it arrive?")],
    ],
    ids=["nothing was done", "a question is open"],
)
def test_a_model_hangs_up_on_nobody(script: list[object]) -> None:
    """The caller has not said goodbye: the model is told so and goes on; nothing of its goodbye ends the call."""
    does = [uses("end_call"), "How can I help?"] if len(script) == 1 else [FINDS, SENT, uses("end_call"), "On Friday."]
    held = native(*script, does=does)
    assert ASKS_FIRST in results(held)[-1]["why"]
    assert answers(held)[-1] in {"How can I help?", "On Friday."}
    assert held.one(Ended).reason == "caller_hung_up"


def test_a_goodbye_that_the_caller_talks_over_ends_nothing() -> None:
    """They have thought of something else."""
    held = native(
        says("Where is my order 12345?"),
        says("Splendid, cheers mate", 0.6),
        says("Oh wait, which street do you have?"),
        does=[FINDS, SENT, uses("end_call", "It was a real pleasure to be of help to you today. Goodbye!"), "Yes."],
    )
    assert held.all(BargeIn)
    assert held.one(Ended).reason == "caller_hung_up"


def test_a_call_does_not_end_with_something_else_in_the_same_breath() -> None:
    """A read-back that waits for a yes comes first."""
    both = Message("assistant", "", (*BOOKS.calls, *ENDS.calls))
    tools = SlowTools(book_visit=Outcome("ok"))
    held = native(says("Where is my order 12345?"), says(WANTS), does=[FINDS, SENT, both], tools=tools)
    assert answers(held)[-1] == READ_BACK
    assert tools.times("book_visit") == 0
    assert held.one(Ended).reason == "caller_hung_up"


def test_who_ends_no_calls_is_offered_no_end() -> None:
    """An agent without a farewell; and one whose own tool has that name keeps it."""
    names = [spec.name for spec in tool_specs(NATIVE)]
    assert names[-1] == END_CALL.name
    assert END_CALL not in tool_specs(replace(NATIVE, farewell=""))
    own = replace(NATIVE, tools={"end_call": Tool("Ends a conference.", http="POST https://erp.internal/end")})
    assert [spec.description for spec in tool_specs(own)] == ["Ends a conference."]
