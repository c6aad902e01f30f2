"""Whole sessions on virtual time: turns that are not answered, agents of ours with their tools, limits, an hour."""

import asyncio
from datetime import date
from typing import Any

import pytest

from lineside.call.call_tools import CallTools
from lineside.engines.protocols import Message, ToolCall
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.transports.scripted import CallerSilent, CallerSpeaks
from tests.call.fixtures import run_call
from tests.call.native_calls import BOOKS, DONE, FINDS, NATIVE, READ_BACK, WANTS
from tests.call.test_dialog import SlowTools, kept
from tests.realtime.virtual_calls import VirtualClient, hold_session, said

LONG = "One two three four five six seven eight nine ten eleven twelve."
DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


def test_turns_wait_for_the_client_where_it_wants_to_answer_them_itself() -> None:
    """`create_response: false`: detected, committed and written down; the answer comes when it is asked for."""

    async def story(client: VirtualClient) -> None:
        client.hears_turns(create_response=False)
        await client.speak(1.0)
        await client.speak(3.0, voiced=False)
        assert client.one(COMPLETED)["transcript"] == "When do you open?"
        assert client.one("input_audio_buffer.committed")
        assert not client.all("response.created")
        assert client.llm.asked == []
        assert said(await client.answer()) == "At nine."
        assert [message.content for message in client.llm.asked[-1][1:]] == ["When do you open?"]

    hold_session(story, answers=["At nine."], hears=["When do you open?"])


def test_an_answer_is_said_to_its_end_where_speech_may_not_interrupt_it() -> None:
    """`interrupt_response: false`: the answer is whole, and what was said over it is a turn after it."""

    async def story(client: VirtualClient) -> None:
        client.hears_turns(interrupt_response=False)
        client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.speak(1.5)
        await client.speak(4.0, voiced=False)
        first = client.all("response.done")[0]["response"]
        assert (first["status"], said(first)) == ("completed", LONG)
        assert client.time_of("input_audio_buffer.committed") >= client.time_of("response.done")
        assert client.one(COMPLETED)["transcript"] == "Wait, please."
        assert said(client.all("response.done")[1]["response"]) == "Yes?"

    hold_session(story, answers=[LONG, "Yes?"], hears=["Wait, please."])


def test_an_agent_of_ours_reads_back_what_it_changes_and_does_it_once() -> None:
    """`model: agent:…` has the agent's own tools: a write waits for a yes to what was heard, and runs once."""
    tools = SlowTools()

    async def story(client: VirtualClient) -> None:
        client.type(WANTS)
        assert said(await client.answer()) == READ_BACK
        assert tools.times("book_visit") == 0
        client.type("Yes, please.")
        assert said(await client.answer()) == DONE
        assert tools.times("book_visit") == 1
        assert not client.all("response.function_call_arguments.done"), "the client runs no tool of ours"
        assert client.llm.offered[0] == ("find_order", "book_visit", "end_call")

    does: list[str | Message] = [FINDS, BOOKS, "Fine."]
    given = CallTools(tools, "call-1", kept, today=lambda: date(2026, 12, 1))
    hold_session(story, model="agent:Test", llm=ScriptedLLM(answers=does), agent=NATIVE, tools=given)
    assert tools.times("find_order") == 1


def test_an_agent_of_ours_is_spoken_to_over_the_same_session() -> None:
    """A spoken yes to its read-back counts as a typed one does; a caller who cuts it off has said yes to nothing."""
    tools = SlowTools()

    async def story(client: VirtualClient) -> None:
        await client.speak(1.2)
        await client.speak(1.5, voiced=False)
        await client.until("response.output_audio.delta")
        await client.speak(1.2)
        await client.speak(8.0, voiced=False)
        first, second = (event["response"] for event in client.all("response.done")[:2])
        assert first["status_details"]["reason"] == "turn_detected"
        assert READ_BACK.startswith(said(first))
        assert said(second).endswith(READ_BACK)
        assert tools.times("book_visit") == 0

    given = CallTools(tools, "call-1", kept, today=lambda: date(2026, 12, 1))
    hold_session(
        story,
        model="agent:Test",
        llm=ScriptedLLM(answers=[BOOKS]),
        agent=NATIVE,
        tools=given,
        hears=[WANTS, "Yes, please do."],
    )


def test_words_come_in_pieces_and_add_up_to_the_transcript() -> None:
    """Interim hearings that agree are told as they come; the rest of the words right before the whole transcript."""

    async def story(client: VirtualClient) -> None:
        client.hears_turns()
        await client.speak(3.0)
        told = [event["delta"] for event in client.all(DELTA)]
        assert "".join(told) == "I would like"
        await client.speak(3.0, voiced=False)
        whole = client.one(COMPLETED)
        assert "".join(event["delta"] for event in client.all(DELTA)) == whole["transcript"]
        assert {event["item_id"] for event in client.all(DELTA)} == {whole["item_id"]}

    hears = ["I would", "I would like", "I would like to", "I would like two", "I would like to pay."]
    hold_session(story, hears=hears, partials_every_ms=600, speculation=False)


def test_no_word_is_told_twice_where_the_recogniser_changes_its_mind() -> None:
    """What was told and turns out otherwise is not corrected by pieces: the transcript says what was heard."""

    async def story(client: VirtualClient) -> None:
        client.hears_turns()
        await client.speak(3.0)
        await client.speak(3.0, voiced=False)
        told = "".join(event["delta"] for event in client.all(DELTA))
        assert told.startswith("Four candles")
        assert "Fork" not in told
        assert client.one(COMPLETED)["transcript"] == "Fork handles, please."

    hears = ["Four candles", "Four candles", "Four candles", "Fork handles, please."]
    hold_session(story, hears=hears, partials_every_ms=600, speculation=False)


def test_a_session_ends_at_its_limit_and_says_so() -> None:
    """`session_expired`, then the socket is closed with 1001; `expires_at` had told when."""

    async def story(client: VirtualClient) -> None:
        error = (await client.until("error", within=700))["error"]
        assert (error["code"], error["type"]) == ("session_expired", "invalid_request_error")
        assert 600 <= client.times[-1] < 605

    assert hold_session(story, call_max_s=600).closed_with == 1001


def test_a_caller_who_says_nothing_is_spoken_to() -> None:
    """`idle_timeout_ms` after the answer was heard, once more after the next one, and not while somebody speaks."""

    async def story(client: VirtualClient) -> None:
        client.hears_turns(idle_timeout_ms=6000)
        await client.answer()
        heard = client.times[-1]
        await client.speak(2.0)
        await client.speak(3.0, voiced=False)
        await client.until("response.done")
        ended = client.times[-1]
        await client.until("input_audio_buffer.timeout_triggered")
        assert client.times[-1] - ended > 5.5
        assert heard < ended
        done = (await client.until("response.done"))["response"]
        assert said(done) == "Are you there?"
        await client.until("input_audio_buffer.timeout_triggered")

    hold_session(story, answers=["Hello.", "Good.", "Are you there?"])


@pytest.mark.parametrize("speculation", [False, True])
def test_the_first_sound_comes_as_early_as_on_our_own_line(speculation: bool) -> None:
    """The same speech, the same engines, the same silence: within 30 ms, with answers prepared early and without."""
    given: dict[str, Any] = {"speculation": speculation, "vad_silence_timeout_ms": 600}
    own = run_call(CallerSpeaks(1.0), CallerSilent(4.0), llm=ScriptedLLM(answers=[LONG]), **given)
    own_first = own.transport.sent[0][0]

    async def story(client: VirtualClient) -> None:
        client.hears_turns(silence_duration_ms=600)
        began = asyncio.get_running_loop().time()
        await client.speak(1.0, piece=0.02)
        await client.speak(4.0, voiced=False, piece=0.02)
        assert client.time_of("response.output_audio.delta") - began == pytest.approx(own_first, abs=0.03)

    hold_session(story, answers=[LONG], **given)


def test_no_sound_of_an_answer_is_sent_after_its_end() -> None:
    """Whatever cancels it, in the middle of its sound."""

    async def story(client: VirtualClient) -> None:
        for cut_after in (0.0, 0.3, 1.1):
            client.send("response.create")
            await asyncio.sleep(cut_after)
            client.send("response.cancel")
            done = (await client.until("response.done"))["response"]
            assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
            many = len(client.all("response.output_audio.delta"))
            await asyncio.sleep(2.0)
            assert len(client.all("response.output_audio.delta")) == many

    hold_session(story, answers=[LONG])


def test_a_cleared_turn_takes_no_answer_with_it() -> None:
    """The client asks for an answer while its caller speaks, then drops what they say: the answer comes to its end."""

    async def story(client: VirtualClient) -> None:
        client.hears_turns(interrupt_response=False)
        await client.speak(0.8)
        client.send("response.create")
        await client.speak(0.5)
        client.send("input_audio_buffer.clear")
        done = (await client.until("response.done"))["response"]
        assert (done["status"], said(done)) == ("completed", LONG)
        assert (await client.answer())["status"] == "completed"

    hold_session(story, answers=[LONG])


def test_an_answer_that_was_cut_by_its_limit_says_so() -> None:
    """`max_output_tokens` of a response: its item and it are incomplete; one that ended by itself is not."""

    async def story(client: VirtualClient) -> None:
        cut = await client.answer(max_output_tokens=4)
        assert (cut["status"], cut["status_details"]["reason"]) == ("incomplete", "max_output_tokens")
        assert (said(cut), cut["output"][0]["status"]) == ("One two three four", "incomplete")
        assert (await client.answer(max_output_tokens=50))["status"] == "completed"
        beside = await client.answer(max_output_tokens=4, conversation="none", output_modalities=["text"], input=[])
        assert (beside["status"], beside["output"][0]["content"][0]["text"]) == ("incomplete", "One two three four")

    hold_session(story, answers=[LONG])


def test_the_client_runs_a_function_of_its_own_in_a_spoken_turn() -> None:
    """Speech before the call is item 0, the call item 1."""

    async def story(client: VirtualClient) -> None:
        tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
        client.update(tools=[tool])
        await client.speak(1.0)
        await client.speak(2.0, voiced=False)
        done = (await client.until("response.done"))["response"]
        assert [item["type"] for item in done["output"]] == ["message", "function_call"]
        made = client.one("response.function_call_arguments.done")
        assert (made["name"], made["output_index"]) == ("weather", 1)

    asks = Message("assistant", "Let me look.", (ToolCall("", "weather", "{}"),))
    hold_session(story, answers=[asks])
