"""The caller's business, told as calls: what is asked, what is done, what is never done twice or unasked."""

import asyncio
import re
from datetime import date
from typing import Any

import msgspec
import pytest

from lineside.agents.agent import Agent
from lineside.agents.declared import Failure, Limits, Slot, Takes, Task, TaskStep, Tool
from lineside.agents.tools.outcome import Outcome, Use
from lineside.audio.frame import Utterance
from lineside.call.call_tools import CallTools, nothing_kept
from lineside.engines.protocols import Transcription
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from lineside.protocol import AgentWords, Dtmf, Ended, ReplyText, Text
from lineside.task_events import SlotFilled, ToolCalled
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks, Doing
from tests.call.fixtures import FinishedCall, run_call

DESK = msgspec.toml.decode(
    b"""
name = "Test"
prompt = "You answer."
farewell = "Goodbye."
locale = "en-US"
[tools.find_order]
about = "Looks an order up."
http = "GET https://erp.internal/orders/{order_number}"
takes = { order_number = {} }
gives = { status = "text", due = "date" }
fails = { 404 = "not_found" }
[tools.book_visit]
about = "Books a visit."
http = "POST https://erp.internal/visits"
takes = { order_number = {}, day = {} }
gives = { reference = "spelled" }
confirm = "An engineer for order {order_number} on {day}. Shall I book it?"
[slots.order_number]
kind = "digits"
length = 5
asks = "May I have your order number?"
[slots.day]
kind = "date"
asks = "Which day suits you?"
[tasks.order_status]
when = ["where is my order"]
needs = ["order_number"]
does = "find_order"
says = "Your order was {status} and arrives on {due}."
if.not_found = { says = "I can't find that order.", again = "order_number" }
[tasks.visit]
when = ["book an engineer"]
about = "your visit"
needs = ["order_number", "day"]
does = "book_visit"
says = "Done. Your reference is {reference}."
""",
    type=Agent,
)
BOOKED = Outcome("ok", {"reference": "B47"})
FOUND = Outcome("ok", {"status": "sent", "due": "2026-12-04"})


class SlowTools:
    """Answers after a while, as a back end would, and counts."""

    def __init__(self, seconds: float = 0.1, **outcomes: Outcome) -> None:
        self._seconds, self._outcomes = seconds, {"find_order": FOUND, "book_visit": BOOKED} | outcomes
        self.used: list[tuple[str, str]] = []
        self.finished = 0

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        self.used.append((use.tool, key))
        await asyncio.sleep(self._seconds)
        self.finished += 1
        return self._outcomes[use.tool]

    def times(self, tool: str) -> int:
        return sum(name == tool for name, _ in self.used)


async def kept() -> bool:
    return True


def says(text: str, then: float = 9.0) -> list[Doing]:
    """The caller types, then listens for so many seconds."""
    return [CallerSends(Text(text)), CallerSilent(then)]


def call(
    *script: list[Doing], tools: SlowTools | None = None, kept: Any = kept, agent: Agent = DESK, **given: Any
) -> FinishedCall:
    given["tools"] = CallTools(tools or SlowTools(), "call-1", kept, today=lambda: date(2026, 12, 1))
    return run_call(*[doing for part in script for doing in part], agent=agent, **given)


def answers(held: FinishedCall) -> list[str]:
    return [event.text for event in held.all(ReplyText)]


BOOKING = [says("I want to book an engineer for Friday"), says("one two three four five", 12.0)]
READ_BACK = "An engineer for order 1 2 3, 4 5 on Friday, December 4. Shall I book it?"
DONE = "Done. Your reference is B, 4, 7. Is there anything else I can do for you?"


def test_an_order_is_looked_up_and_told() -> None:
    """The question that is asked, the tool that runs, and what the caller hears of it."""
    tools = SlowTools()
    held = call(says("Hi, where is my order?"), says("It's one two three"), says("four five"), tools=tools)
    assert answers(held) == [
        "May I have your order number?",
        "Go on, please.",
        "Your order was sent and arrives on Friday, December 4. Is there anything else I can do for you?",
    ]
    assert tools.times("find_order") == 1
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok"]
    assert held.one(SlotFilled).value == "12345"


def test_a_visit_is_booked_after_a_yes_to_what_was_heard() -> None:
    """The read-back names the values; the yes books once; the caller hears the outcome, and that is recorded."""
    tools = SlowTools()
    held = call(*BOOKING, says("Yes, please."), says("No, that's all.", 4.0), tools=tools)
    assert answers(held) == ["May I have your order number?", READ_BACK, DONE, "Goodbye."]
    assert tools.times("book_visit") == 1
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok", "told"]
    assert held.one(Ended).reason == "agent_said_goodbye"


@pytest.mark.parametrize("heard_for", [0.5, 1.0, 1.5, 2.0, 3.0, 3.5])
def test_a_yes_to_a_read_back_that_was_cut_books_nothing(heard_for: float) -> None:
    """Wherever the caller cuts in before the last value was heard: the read-back is said again."""
    tools = SlowTools()
    held = call(says("I want to book an engineer for Friday"), says("12345", heard_for), says("Yes", 12.0), tools=tools)
    assert tools.times("book_visit") == 0
    assert answers(held)[-1].endswith(READ_BACK)
    assert answers(held)[-1] != READ_BACK


def test_a_yes_to_other_values_books_nothing() -> None:
    """Yes, but on another day: that is read back first."""
    tools = SlowTools()
    held = call(*BOOKING, says("Yes, but on Thursday", 12.0), tools=tools)
    assert tools.times("book_visit") == 0
    assert "Thursday, December 3" in answers(held)[-1]


def test_a_write_goes_on_when_the_caller_talks_over_it_and_its_outcome_is_heard() -> None:
    """It takes four seconds; the caller asks something meanwhile; the outcome is said when it is there."""
    tools = SlowTools(seconds=4.0)
    held = call(*BOOKING, says("Yes", 1.0), says("Are you there", 12.0), tools=tools)
    assert tools.times("book_visit") == tools.finished == 1
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok", "told"]
    assert any("Your reference is B, 4, 7." in text for role, text in held.conversation if role == "assistant")


def test_an_outcome_that_was_talked_over_is_said_again() -> None:
    """Cut in the middle of the reference, it comes first in the next reply."""
    held = call(*BOOKING, says("Yes", 1.0), says("How much is it?", 9.0))
    assert answers(held)[-1].startswith("Done. Your reference is B, 4, 7.")
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok", "told"]


def test_a_caller_who_hangs_up_during_a_write_gets_it_done_and_recorded() -> None:
    """The call is over when the write is; nobody was told, and the events say so."""
    tools = SlowTools(seconds=5.0)
    held = call(*BOOKING, says("Yes", 0.5), tools=tools)
    assert tools.finished == 1
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok"]
    assert isinstance(held.transport.events[-1], Ended)


def test_a_write_without_an_answer_is_unknown_and_never_called_failed() -> None:
    """Its deadline passes: the caller hears that nobody can tell, and it is not tried again."""
    tools = SlowTools(seconds=60.0)
    held = call(*BOOKING, says("Yes", 30.0), tools=tools)
    assert held.all(ToolCalled)[1].state == "unknown"
    assert "can't tell whether" in answers(held)[-1]
    assert tools.times("book_visit") == 1


def test_a_tool_of_any_length_costs_at_most_two_seconds_of_silence() -> None:
    """While a tool runs, the caller hears that somebody is there."""
    held = call(*BOOKING, says("Yes", 20.0), tools=SlowTools(seconds=8.0))
    asked = next(at for at, _ in reversed(held.transport.sent))
    began = min(event.at for event in held.all(ToolCalled))
    assert held.longest_silence(began, asked) <= 2.0


def test_without_records_nothing_is_written() -> None:
    """Where no intent can be kept, a tool that writes is not called."""
    tools = SlowTools()
    held = call(*BOOKING, says("Yes", 9.0), tools=tools, kept=nothing_kept)
    assert tools.used == []
    assert held.all(ToolCalled)[-1].state in {"refused", "told"}


def test_a_call_that_is_given_no_tools_calls_none() -> None:
    """As in a replay, a load test, a doctor's call: by construction."""
    held = run_call(*[doing for part in [*BOOKING, says("Yes")] for doing in part], agent=DESK)
    assert {event.state for event in held.all(ToolCalled)} <= {"running", "refused", "told"}


def test_a_caller_who_asks_something_else_is_answered_and_brought_back() -> None:
    """The model answers the question, the rule asks again."""
    held = call(says("book an engineer please"), says("How much does it cost?"))
    assert answers(held)[-1].endswith("two sentences. May I have your order number?")


CARD = msgspec.structs.replace(
    DESK,
    slots={**DESK.slots, "card": Slot("digits", "Please type your card number.", check="luhn", secret=True)},
    tools={
        **DESK.tools,
        "pay": Tool(
            "Pays.",
            http="POST https://pay.internal/",
            takes={"card": Takes()},
            confirm="I will charge your card. Shall I?",
        ),
    },
    tasks={"pay": Task(("pay my bill",), needs=("card",), does="pay", says="Paid.")},
)


def presses(keys: str, then: float = 9.0) -> list[Doing]:
    """The caller presses keys one by one."""
    return [*[CallerSends(Dtmf(key)) for key in keys], CallerSilent(then)]


def test_keys_answer_like_words() -> None:
    """One by one: the order is found at the fifth key."""
    tools = SlowTools()
    call(says("where is my order"), presses("12345"), tools=tools)
    assert tools.times("find_order") == 1


def test_keys_that_stop_are_a_value_after_a_while() -> None:
    """A number of any length is over when no more keys come, or at #."""
    held = call(says("pay my bill"), presses("4111111111111111"), agent=CARD)
    assert answers(held)[-1] == "I will charge your card. Shall I?"


def test_a_secret_is_nowhere_but_in_the_tool() -> None:
    """Not in an event, the history or the words for a model: the tool alone gets it."""
    tools = SlowTools(pay=Outcome("ok"))
    held = call(says("pay my bill"), presses("4111111111111111#"), says("yes"), agent=CARD, tools=tools)
    assert tools.times("pay") == 1
    told = repr([held.transport.events, held.conversation, held.llm.asked, held.tts.spoken])
    assert "4111" not in told
    assert "4 1 1 1" not in told


NOTE = msgspec.structs.replace(
    DESK,
    slots={**DESK.slots, "note": Slot("text", "What shall I write down?")},
    tasks={**DESK.tasks, "note": Task(("leave a note",), needs=("note",), says="Noted: {note}")},
)


def spoken(words: str) -> dict[str, Any]:
    """A caller who says this."""
    return {"stt": ScriptedSTT(hears=[words]), "partials_every_ms": 500}


@pytest.mark.parametrize("agent", [DESK, NOTE], ids=["to the model", "into a slot"])
@pytest.mark.parametrize(
    "words",
    [
        "take my card it is four five three nine one four eight eight oh three four three six four six seven",
        "please take 4539 1488 0343 6467",
        "my account is DE89 3704 0044 0532 0130 00",
    ],
)
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "spoken"])
def test_a_card_number_that_nobody_asked_for_is_kept_by_nobody(agent: Agent, words: str, typed: bool) -> None:
    """Not told while it is said or afterwards, not remembered, not shown to a model, not said again."""
    first = says("I want to leave a note") if agent is NOTE else []
    said: list[Doing] = says(words) if typed else [CallerSpeaks(3.0), CallerSilent(9.0)]
    held = call(first, said, agent=agent, **({} if typed else spoken(words)))
    told = repr([held.transport.events, held.conversation, held.llm.asked, held.tts.spoken])
    assert "•••" in told
    assert not re.search(r"0343|6467|oh three|six seven|0044|0532", told)


def test_the_number_that_was_asked_for_still_arrives() -> None:
    """An order of sixteen digits that looks like a card is found; no one but the slot hears of it."""
    long = msgspec.structs.replace(DESK.slots["order_number"], length=16)
    tools = SlowTools()
    held = call(
        says("where is my order"),
        says("4111 1111 1111 1111"),
        agent=msgspec.structs.replace(DESK, slots={**DESK.slots, "order_number": long}),
        tools=tools,
    )
    assert tools.times("find_order") == 1
    assert "4111" not in repr([held.conversation, held.llm.asked])


def test_words_that_were_hardly_understood_are_read_back() -> None:
    """The recogniser's doubt is the slot's."""

    class Unsure(ScriptedSTT):
        async def transcribe(self, utterance: Utterance) -> Transcription:
            return msgspec.structs.replace(await super().transcribe(utterance), sure=0.4)

    tools = SlowTools()
    speaks: list[Doing] = [CallerSpeaks(2.0), CallerSilent(9.0)]
    held = call(says("where is my order"), speaks, stt=Unsure(hears=["one two three four five"]), tools=tools)
    assert answers(held)[-1] == "I have 1 2 3, 4 5. Is that right?"
    assert tools.times("find_order") == 0


def test_the_question_that_is_asked_sets_what_ends_a_turn() -> None:
    """Five digits are waited for; of a yes-or-no question an answer is."""
    held = call(
        says("where is my order"),
        [CallerSpeaks(1.0), CallerSilent(6.0)],
        stt=ScriptedSTT(hears=["one two"]),
        turn_profile="balanced",
    )
    assert (held.evidence.asked, held.evidence.wanted) == ("digits", 5)


CLAIMS = msgspec.structs.replace(
    DESK,
    tools={
        **DESK.tools,
        "book_visit": msgspec.structs.replace(DESK.tools["book_visit"], claims=(r"\b(?:booked|scheduled)\b",)),
    },
    limits=Limits(never_say=(r"\brefund",)),
)


def test_a_model_claims_nothing_that_was_not_done() -> None:
    """What it says before is spoken, the claim and what follows is not."""
    llm = ScriptedLLM(answers=["Sure thing. I have booked an engineer for you. He comes at nine."])
    held = call(says("can you do it for me?"), agent=CLAIMS, llm=llm)
    assert held.conversation[-1] == ("assistant", "Sure thing. I haven't done anything of that yet.")
    assert not any("booked" in said for said in held.tts.spoken)


def test_a_claim_that_is_true_is_spoken() -> None:
    """After the booking, the model may say so."""
    llm = ScriptedLLM(answers=["It is booked for Friday."])
    held = call(*BOOKING, says("Yes, please."), says("is it really done?"), agent=CLAIMS, llm=llm)
    assert held.conversation[-1][1].endswith("It is booked for Friday.")


def test_forbidden_words_are_never_spoken() -> None:
    """As the file says."""
    held = call(says("what now?"), agent=CLAIMS, llm=ScriptedLLM(answers=["You get a refund of ten dollars."]))
    assert not any("refund" in said.lower() for said in held.tts.spoken)


def test_while_a_tool_runs_its_own_words_are_said() -> None:
    """As its declaration has them, in order; then the usual ones."""
    patient = msgspec.structs.replace(DESK.tools["find_order"], says=("Let me look that up.", "It's still loading."))
    agent = msgspec.structs.replace(DESK, tools={**DESK.tools, "find_order": patient})
    held = call(says("where is my order, it's 12345", 15.0), tools=SlowTools(seconds=6.0), agent=agent)
    fillers = " ".join(event.text for event in held.all(AgentWords) if event.filler).split()
    assert " ".join(fillers).startswith("Let me look that up. It's still loading.")


def test_a_tool_that_has_been_used_as_often_as_it_may_is_refused_aloud() -> None:
    """By its limits over all calls: nothing ran, the caller hears so, and a task may have words of its own for it."""

    async def over(name: str, tool: Tool) -> bool:
        return name == "book_visit"

    tools = SlowTools()
    limited = CallTools(tools, "call-1", kept, over, today=lambda: date(2026, 12, 1))
    script = [doing for part in (*BOOKING, says("Yes", 9.0)) for doing in part]
    held = run_call(*script, agent=DESK, tools=limited)
    assert tools.used == []
    assert "I can't do that again today, and nothing has been changed" in answers(held)[-1]
    assert [(event.state, event.why) for event in held.all(ToolCalled)][:2] == [("running", ""), ("refused", "limit")]
    book = msgspec.structs.replace(DESK.tools["book_visit"], most_a_day=1)
    visit = msgspec.structs.replace(DESK.tasks["visit"], fails={"limit": Failure("All engineers are booked.")})
    agent = msgspec.structs.replace(DESK, tools=DESK.tools | {"book_visit": book}, tasks=DESK.tasks | {"visit": visit})
    agent.check()
    assert answers(run_call(*script, agent=agent, tools=limited))[-1].startswith("All engineers are booked.")


def test_a_value_that_is_taken_back_is_asked_for_again_before_anything_is_read_back() -> None:
    """Also where an earlier step had asked for it; no read-back leaves a value out."""
    steps = (TaskStep(needs=("order_number",)), TaskStep(needs=("day",), does="book_visit", says="Done."))
    visit = msgspec.structs.replace(DESK.tasks["visit"], needs=(), does="", says="", steps=steps)
    agent = msgspec.structs.replace(DESK, tasks=DESK.tasks | {"visit": visit})
    tools = SlowTools()
    script = [*BOOKING, says("No", 9.0), says("The order number is wrong", 9.0), says("yes", 9.0)]
    held = call(*script, agent=agent, tools=tools)
    assert answers(held)[-2].startswith("May I have your order number?")
    assert tools.times("book_visit") == 0


def test_a_value_that_was_skipped_takes_no_other_value_out_of_the_read_back() -> None:
    """Each value has a sentence of its own then, and is heard before the yes."""
    slots = DESK.slots | {
        "order_number": msgspec.structs.replace(DESK.slots["order_number"], otherwise="skip", tries=1)
    }
    agent = msgspec.structs.replace(DESK, slots=slots)
    held = call(says("book an engineer for Friday", 9.0), says("I don't have it", 12.0), agent=agent)
    assert "Day: Friday, December 4. Shall I do that?" in answers(held)[-1]


def test_who_has_called_too_often_hears_so_and_the_call_is_over() -> None:
    """In place of the greeting, and again where they type over it."""
    script: list[Doing] = [CallerSilent(1.5), CallerSends(Text("book an engineer")), CallerSilent(9.0)]
    held = run_call(*script, agent=DESK, tools=CallTools(refusal="You have called often. Goodbye."))
    assert held.reason == "called_too_often"
    assert held.conversation[-1][1].endswith("You have called often. Goodbye.")
    quiet = run_call(CallerSilent(9.0), agent=DESK, tools=CallTools(refusal="You have called often. Goodbye."))
    assert quiet.conversation == [("assistant", "You have called often. Goodbye.")]
