"""What a language model wants changed: read back, done once after a yes, told until it was heard."""

from typing import Any

import msgspec
import pytest

from lineside.agents.tools.outcome import Outcome
from lineside.call.call_tools import nothing_kept
from lineside.call.observers import Observer
from lineside.engines.protocols import Message
from lineside.protocol import Ended
from lineside.task_events import ToolCalled
from tests.call.native_calls import BOOKS, DONE, FINDS, NATIVE, READ_BACK, WANTS, WITH_TASKS, native, results, uses
from tests.call.test_dialog import CARD, SlowTools, answers, presses, says


def test_a_visit_is_booked_after_a_yes_to_what_was_heard() -> None:
    """The model proposes; the read-back, the write and its outcome are the rules'."""
    tools = SlowTools()
    held = native(says(WANTS, 12.0), says("Yes, please.", 12.0), says("No, thanks.", 4.0), does=[BOOKS], tools=tools)
    assert answers(held) == [READ_BACK, DONE, "Goodbye."]
    assert tools.times("book_visit") == 1
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok", "told"]
    assert held.one(Ended).reason == "agent_said_goodbye"
    assert len(held.llm.asked) == 1


def test_the_model_sees_later_what_was_done() -> None:
    """As if it had called the tool after the yes: the result stands in its own shape before what was said."""
    held = native(says(WANTS, 12.0), says("Yes.", 12.0), says("When does he come?"), does=[BOOKS, "On Friday."])
    last = held.llm.asked[-1]
    roles = [message.role for message in last if message.role != "system"]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "assistant", "tool", "assistant", "user"]
    assert [each["status"] for each in results(held)] == ["waiting", "ok"]
    ids = [made.id for message in last for made in message.calls]
    assert ids == [message.answers for message in last if message.role == "tool"]
    assert len(set(ids)) == 2
    assert all(len(each) == 9 and each.isalnum() for each in ids)


def test_the_file_has_words_for_what_was_done() -> None:
    """A task's sentences are said where the model's call did what the task does."""
    held = native(says(WANTS, 12.0), says("Yes.", 12.0), does=[BOOKS], agent=WITH_TASKS)
    assert answers(held)[-1].startswith("Done. Your reference is B, 4, 7.")


@pytest.mark.parametrize("heard_for", [0.5, 1.5, 2.5, 3.5])
def test_a_yes_to_a_read_back_that_was_cut_books_nothing(heard_for: float) -> None:
    """It is read again, from the beginning."""
    tools = SlowTools()
    held = native(says(WANTS, heard_for), says("Yes", 12.0), does=[BOOKS], tools=tools)
    assert tools.times("book_visit") == 0
    assert answers(held)[-1] == f"Let me say that once more. {READ_BACK}"


def test_a_yes_with_another_value_is_the_models_again() -> None:
    """It calls the tool with the new value, which is read back first."""
    tools = SlowTools()
    thursday = uses("book_visit", order_number="12345", day="2026-12-03")
    for words in ("Yes, but on Thursday", "Yes, on Thursday", "No, on Thursday please"):
        held = native(says(WANTS, 12.0), says(words, 12.0), does=[BOOKS, thursday], tools=tools)
        assert "Thursday, December 3. Shall I book it?" in answers(held)[-1], words
    assert tools.used == []


def test_a_no_books_nothing_and_the_model_goes_on() -> None:
    """What is to be changed the model asks."""
    tools = SlowTools()
    held = native(says(WANTS, 12.0), says("No", 9.0), does=[BOOKS, "What shall I change?"], tools=tools)
    assert answers(held)[-1] == "What shall I change?"
    assert tools.used == []


def test_two_reads_run_side_by_side_and_a_write_waits_for_its_yes() -> None:
    """Each call has its answer, in order; the write is read back once the reads are there."""
    tools = SlowTools(seconds=1.0)
    both = Message("assistant", "", (*FINDS.calls, *uses("find_order", order_number="54321").calls, *BOOKS.calls))
    held = native(
        says("Orders 12345 and 54321, an engineer on Friday", 12.0), says("Yes", 9.0), does=[both], tools=tools
    )
    running = [event.at for event in held.all(ToolCalled) if event.state == "running"]
    assert running[0] == running[1]
    assert answers(held)[0] == READ_BACK
    assert tools.times("book_visit") == 1


def test_one_write_a_time() -> None:
    """Of two writes in one answer, the second is not read back: the model may come back to it."""
    other = uses("book_visit", order_number="12345", day="2026-12-03")
    held = native(
        says("12345, Thursday or Friday", 12.0),
        says("hm", 9.0),
        does=[Message("assistant", "", (*BOOKS.calls, *other.calls)), "Fine."],
    )
    assert answers(held)[0] == READ_BACK
    assert [each["status"] for each in results(held)] == ["waiting", "refused"]


def test_a_write_goes_on_when_the_caller_talks_over_it_and_its_outcome_is_heard() -> None:
    """The model answers meanwhile, without tools; the outcome is said when it is there, and is in its history."""
    tools = SlowTools(seconds=4.0)
    script = [says(WANTS, 12.0), says("Yes", 1.0), says("Is it cold outside?", 12.0), says("When does he come?")]
    held = native(*script, does=[BOOKS, "A little."], tools=tools)
    assert tools.times("book_visit") == tools.finished == 1
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok", "told"]
    assert held.llm.offered[1] == ()
    assert any("Reference: B, 4, 7." in text for role, text in held.conversation if role == "assistant")
    assert [each["status"] for each in results(held)] == ["waiting", "ok"]


def test_a_caller_who_hangs_up_between_yes_and_outcome_gets_it_done_and_recorded() -> None:
    """The call is over when the write is."""
    tools = SlowTools(seconds=5.0)
    held = native(says(WANTS, 12.0), says("Yes", 0.5), does=[BOOKS], tools=tools)
    assert tools.finished == 1
    assert [event.state for event in held.all(ToolCalled)] == ["running", "ok"]
    assert isinstance(held.transport.events[-1], Ended)


def test_a_write_without_an_answer_is_unknown() -> None:
    """The caller hears that nobody can tell; the model is told so too."""
    held = native(
        says(WANTS, 12.0), says("Yes", 30.0), says("Well?"), does=[BOOKS, "Sorry."], tools=SlowTools(seconds=60.0)
    )
    assert held.all(ToolCalled)[1].state == "unknown"
    assert "can't tell whether" in answers(held)[1]
    assert results(held)[-1]["status"] == "unknown"


def test_without_records_nothing_is_written() -> None:
    """Where no intent can be kept, a tool that writes is not called."""
    tools = SlowTools()
    native(says(WANTS, 12.0), says("Yes", 9.0), does=[BOOKS], tools=tools, kept=nothing_kept)
    assert tools.used == []


def test_the_intent_of_a_write_is_kept_before_it_runs() -> None:
    """What a process leaves that dies in between: a call that runs, and no outcome."""
    seen: list[list[str]] = []
    told: list[str] = []

    async def kept() -> bool:
        seen.append([*told])
        return True

    class Observed(SlowTools):
        async def run(self, use: Any, tool: Any, key: str) -> Outcome:
            assert seen == [["running"]]
            return await super().run(use, tool, key)

    class Hears(Observer):
        def on_event(self, event: Any) -> None:
            if isinstance(event, ToolCalled):
                told.append(event.state)

    tools = Observed()
    native(says(WANTS, 12.0), says("Yes", 9.0), does=[BOOKS], tools=tools, kept=kept, observers=(Hears(),))
    assert tools.times("book_visit") == 1


def test_a_secret_is_keyed_in_and_no_model_sees_it() -> None:
    """The tool's secret argument is in no schema; it is asked for by rule, and what it is for goes on at once."""
    agent = msgspec.structs.replace(CARD, tool_calls="native", tasks={})
    tools = SlowTools(pay=Outcome("ok"))
    script = [says("I want to pay my bill"), presses("4111111111111111#", 12.0), says("yes", 9.0), says("Is it paid?")]
    held = native(*script, does=[uses("pay"), "It is."], agent=agent, tools=tools)
    assert answers(held)[:2] == ["Please type your card number.", "I will charge your card. Shall I?"]
    assert tools.times("pay") == 1
    told = repr([held.transport.events, held.conversation, held.llm.asked, held.tts.spoken])
    assert "4111" not in told
    assert "4 1 1 1" not in told


def test_a_model_that_claims_what_was_not_done_is_not_heard() -> None:
    """Beside a call too: the claim is dropped, the read-back is said."""
    book = msgspec.structs.replace(NATIVE.tools["book_visit"], claims=(r"\bbooked\b",))
    agent = msgspec.structs.replace(NATIVE, tools={**NATIVE.tools, "book_visit": book})
    claims = msgspec.structs.replace(BOOKS, content="I have booked it for you.")
    held = native(says(WANTS, 12.0), does=[claims], agent=agent)
    assert answers(held) == [READ_BACK]
    assert not any("booked" in said for said in held.tts.spoken)
    alone = native(says(WANTS), does=["I have booked it for you."], agent=agent)
    assert answers(alone) == ["I haven't done anything of that yet."]
