"""When a call ends by itself, and what is said before."""

import pytest
from msgspec.structs import replace

from lineside.call.limits import LEAVE, LEAVE_FOR_OPERATOR, CallLimits, LimitRules
from lineside.call.reply_input import AgentLine
from lineside.protocol import Transcript
from lineside.turns.dead_call import FAILURES, REPEATS, WORDLESS

RULES = LimitRules(idle=60.0, silence=8.0, longest=600.0, reprompt="Are you there?", goodbye="Goodbye.")


def says(text: str) -> Transcript:
    return Transcript(at=1.0, turn=1, reply=1, text=text, latency_ms=1.0)


def test_a_silent_caller_is_asked_and_then_told_goodbye() -> None:
    """Each time after eight seconds without speech; speech starts the eight seconds anew."""
    limits = CallLimits(RULES, 0.0)
    assert limits.next(7.9, idle=True) is None
    assert limits.next(8.0, idle=True) == AgentLine("Are you there?")
    limits.activity(10.0)
    assert limits.next(17.0, idle=True) is None
    assert limits.next(18.0, idle=True) == AgentLine("Goodbye.", "caller_silent")


def test_nothing_is_said_while_somebody_has_the_floor() -> None:
    """A caller who is in the middle of a turn is not asked whether they are there."""
    assert CallLimits(RULES, 0.0).next(30.0, idle=False) is None


def test_a_caller_who_holds_is_not_asked_and_not_hung_up_on_but_for_the_longest_call() -> None:
    """The silence begins anew when they are back."""
    limits = CallLimits(RULES, 0.0)
    limits.held = True
    assert [limits.next(float(at), idle=True) for at in range(1, 600, 10)] == [None] * 60
    assert limits.next(601.0, idle=True) == "too_long"
    back = CallLimits(RULES, 0.0)
    back.held = True
    back.next(100.0, idle=True)
    back.held = False
    assert back.next(107.0, idle=True) is None
    assert back.next(108.0, idle=True) == AgentLine("Are you there?")


@pytest.mark.parametrize("here", [lambda limits: limits.typed(), lambda limits: limits.on_event(says("Yes."))])
def test_a_caller_who_is_there_again_is_asked_again_before_any_goodbye(here: object) -> None:
    """Whether they speak or type."""
    limits = CallLimits(RULES, 0.0)
    limits.next(8.0, idle=True)
    here(limits)  # type: ignore[operator]
    assert limits.next(20.0, idle=True) == AgentLine("Are you there?")


def test_a_noise_is_nobody() -> None:
    """Turns without a word count as silence, however loud; and the next prompt is the goodbye."""
    limits = CallLimits(RULES, 0.0)
    for number in range(WORDLESS):
        assert limits.next(1.0 + number, idle=True) is None
        limits.activity(1.0 + number)
        limits.on_event(says(""))
    assert limits.next(5.0, idle=True) == AgentLine("Are you there?")
    limits.activity(6.0)
    assert limits.next(7.0, idle=True) is None, "asking is worth some turns again"


def test_an_agent_without_words_leaves_the_silence_alone_until_the_call_is_idle() -> None:
    """Then the call ends without a goodbye."""
    limits = CallLimits(replace(RULES, reprompt="", goodbye=""), 0.0)
    assert [limits.next(float(now), idle=True) for now in (8, 20, 59)] == [None, None, None]
    assert limits.next(60.0, idle=True) == "idle"


def test_a_caller_who_repeats_is_told_goodbye_when_the_floor_is_free() -> None:
    """And hung up on without one where no moment is found for it."""
    limits = CallLimits(RULES, 0.0)
    for _ in range(REPEATS):
        limits.on_event(says("please hold the line"))
    assert limits.next(1.0, idle=False) is None
    assert limits.next(2.0, idle=True) == AgentLine("Goodbye.", "caller_repeats")
    limits.activity(20.0)
    assert limits.next(1.0 + LEAVE, idle=False) == "caller_repeats"


def test_engines_that_keep_failing_end_the_call() -> None:
    """At once where the agent has no goodbye; an answer that comes about forgives the failures before it."""
    limits = CallLimits(replace(RULES, goodbye=""), 0.0)
    for _ in range(FAILURES - 1):
        limits.answered(0.0, failed=True)
    limits.answered(0.0, failed=False)
    assert limits.next(1.0, idle=True) is None
    for _ in range(FAILURES):
        limits.answered(0.0, failed=True)
    assert limits.next(2.0, idle=True) == "engines_failed"


def test_a_lively_call_ends_at_its_longest() -> None:
    """However much is said."""
    limits = CallLimits(RULES, 0.0)
    limits.activity(599.0)
    assert limits.next(599.0, idle=False) is None
    assert limits.next(600.0, idle=False) == "too_long"


def test_an_operators_end_is_told_when_nobody_speaks_and_waits_no_longer_than_eight_seconds() -> None:
    """Asked for a second time, the end is at once."""
    limits, farewell = CallLimits(RULES, 0.0), AgentLine("I have to go.", "ended_by_operator")
    assert limits.leave(farewell)
    assert limits.next(1.0, idle=False) is None
    assert limits.next(2.0, idle=True) == farewell
    assert limits.next(1.0 + LEAVE_FOR_OPERATOR, idle=False) == "ended_by_operator"
    assert not limits.leave(farewell)
