"""A caller who asks for a person is put through once they have heard so; where nobody takes the call they are back."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.declared import Slot
from lineside.agents.tasks.state import SlotValue, TaskState
from lineside.call.handover import handover
from lineside.engines.protocols import Message
from lineside.engines.vendors.scripted import ScriptedSTT
from lineside.protocol import EndReason, TransferDone, TransferRequested
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import (
    Ability,
    CannotDo,
    OnlyHangsUp,
    TransferOutcome,
    TransferTarget,
)
from lineside.transports.scripted import CallerSilent, CallerSpeaks, Doing
from tests.call.fixtures import AGENT, FinishedCall, run_call

ASKS: Sequence[Doing] = (CallerSilent(0.5), CallerSpeaks(1.2), CallerSilent(9.0))


class Line(OnlyHangsUp):
    """A line that transfers, or says why not."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold"})

    def __init__(self, outcome: TransferOutcome | None) -> None:
        self._outcome = outcome
        self.targets: list[TransferTarget] = []

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        self.targets.append(target)
        if self._outcome is None:
            raise CannotDo("this line cannot")
        return self._outcome

    async def hang_up(self, reason: EndReason) -> None:
        raise NotImplementedError


def asked_for_a_person(line: OnlyHangsUp, *, to: str = "+15550199", agent: Agent = AGENT) -> FinishedCall:
    return run_call(
        *ASKS, stt=ScriptedSTT(hears=("Let me speak to a person",)), agent=agent, control=line, transfer_to=to
    )


def test_the_caller_is_put_through_once_they_have_heard_so() -> None:
    """Not before: the sentence is heard to its end, then the line moves the call, and our side of it is over."""
    line = Line(TransferOutcome("transferred"))
    call = asked_for_a_person(line)
    assert [target.to for target in line.targets] == ["+15550199"]
    assert call.reason == "transferred"
    assert call.one(TransferRequested).by == "caller"
    assert call.one(TransferDone).result == "transferred"
    assert call.conversation[-1] == ("assistant", AGENT.transfer)
    kinds = call.kinds
    assert kinds.index("AudioDone") < kinds.index("TransferDone") < kinds.index("Ended")


def test_where_nobody_takes_the_call_the_caller_is_told_and_goes_on() -> None:
    """Busy, no answer, or a line that fails: the call is still ours."""
    for outcome in (TransferOutcome("no_answer"), TransferOutcome("busy", "486"), None):
        call = asked_for_a_person(Line(outcome))
        assert call.reason == "caller_hung_up"
        assert call.one(TransferDone).result == (outcome.result if outcome else "failed")
        assert call.conversation[-1][1].endswith(AGENT.not_reached)


def test_a_caller_who_is_back_hears_the_agents_own_words_for_it() -> None:
    """In the same call; or in a new one, where the carrier connects the line anew in place of the greeting."""
    agent = replace(AGENT, not_reached="Niemand ist frei.")
    same = asked_for_a_person(Line(TransferOutcome("busy")), agent=agent)
    assert same.conversation[-1][1].endswith("Niemand ist frei.")
    anew = run_call(CallerSilent(5.0), agent=agent, facts=CallFacts(line="twilio", returned=True))
    assert anew.conversation == [("assistant", "Niemand ist frei.")]


def test_no_transfer_is_promised_where_none_can_be_made() -> None:
    """The line cannot, nobody is named, or the desk is closed: the agent says so in place of the promise."""
    closed = replace(AGENT, timezone="UTC", hours={"2001-01-01": "9:00-10:00"})
    for line, to, agent in (
        (OnlyHangsUp(), "+15550199", AGENT),
        (Line(TransferOutcome("transferred")), "", AGENT),
        (Line(TransferOutcome("transferred")), "+15550199", closed),
    ):
        call = asked_for_a_person(line, to=to, agent=agent)
        assert call.conversation[-1][1] == AGENT.no_transfer
        assert call.all(TransferDone) == []


def test_a_caller_who_interrupts_the_promise_is_not_moved() -> None:
    """ "No, wait": they say what they want."""
    line = Line(TransferOutcome("transferred"))
    stt = ScriptedSTT(hears=("Let me speak to a person", "No, wait. What are your hours?"))
    doing = (CallerSilent(0.5), CallerSpeaks(1.2), CallerSilent(1.7), CallerSpeaks(2.0), CallerSilent(5.0))
    call = run_call(*doing, stt=stt, control=line, transfer_to="+15550199")
    assert line.targets == []
    assert call.reason == "caller_hung_up"


class WarmLine(Line):
    """A line that can do both, and keeps what the colleague hears."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold", "transfer_warm"})

    def __init__(self) -> None:
        super().__init__(TransferOutcome("transferred"))
        self.how: list[str] = []
        self.whispered = b""

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        self.how.append(how)
        if target.speak is not None:
            self.whispered = await target.speak(target.summary)
        return await super().transfer(target, how)


def warm(line: OnlyHangsUp, **given: Any) -> FinishedCall:
    stt = ScriptedSTT(hears=("My router blinks red.", "Let me speak to a person"))
    doing = (CallerSilent(0.5), CallerSpeaks(1.2), CallerSilent(5.0), CallerSpeaks(1.2), CallerSilent(9.0))
    return run_call(*doing, stt=stt, control=line, transfer_to="+15550199", **given)


def test_the_colleague_of_a_warm_transfer_is_told_who_calls_and_why() -> None:
    """In the agent's own sentence, with what the call knows; the line gets it as sound too."""
    line = WarmLine()
    call = warm(line, transfer_how="warm", facts=CallFacts(line="asterisk", caller="+15550100"))
    assert call.reason == "transferred"
    assert line.how == ["warm"]
    summary = line.targets[0].summary
    assert summary.startswith("A call from ")
    assert "They said: My router blinks red. Press 1" in summary
    assert "It is about" not in summary, "a sentence of whose value nothing is known is left out"
    assert len(line.whispered) > 16_000, "more than half a second of sound"


def test_a_line_that_cannot_do_it_warm_does_it_cold_and_the_other_way_round() -> None:
    """The caller is put through either way; nothing is promised that is not done."""
    cold, both, only_warm = Line(TransferOutcome("transferred")), WarmLine(), WarmLine()
    only_warm.abilities = frozenset({"transfer_warm"})
    assert warm(cold, transfer_how="warm").reason == "transferred"
    assert cold.targets[0].summary == ""
    assert warm(both, transfer_how="cold").reason == "transferred"
    assert both.how == ["cold"]
    assert warm(only_warm, transfer_how="cold").reason == "transferred"
    assert only_warm.how == ["warm"]


def test_what_is_whispered_holds_no_secret_and_only_what_was_given() -> None:
    """A card's number is keyed in, never told on; what was skipped or is not known is left out."""
    slots = {
        "order_number": Slot(kind="digits", asks="Which order?"),
        "pin": Slot(kind="digits", asks="Your PIN?", secret=True),
        "email": Slot(kind="email", asks="Your e-mail?"),
    }
    agent = replace(AGENT, slots=slots)
    state = TaskState(
        slots={
            "order_number": SlotValue("4411"),
            "pin": SlotValue("9876", by="keys"),
            "email": SlotValue("", by="skipped"),
        },
        task="order_status",
    )
    said = (Message("user", "[keys pressed]"), Message("assistant", "Thank you."), Message("user", "A person, please."))
    text = handover(agent, "", state, said)
    assert text == (
        "It is about this: order status. Known so far: order number 4 4 1 1. Press 1 to take it, 2 to send it back."
    )
