"""Sessions of the stock `openai` client: it speaks, types, hears, interrupts and sees what was said."""

import base64

import pytest

from lineside.engines.protocols import Message, ToolCall
from tests.realtime.fixtures import RATE, Client, sound, with_session

LONG = "One two three four five six seven eight nine ten eleven twelve."
TOOL = {"type": "function", "name": "weather", "description": "Tells the weather.", "parameters": {"type": "object"}}
SPOKEN = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}


def test_a_spoken_turn_is_heard_answered_and_written_down() -> None:
    """Events come in OpenAI's order, and both transcripts are what was said."""

    async def story(client: Client) -> None:
        await client.update(**SPOKEN)
        await client.speak(sound(1.0), sound(1.5, voiced=False))
        done = await client.until("response.done")
        assert client.kinds("response.output_audio.delta", "response.output_audio_transcript.delta") == [
            "session.created",
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
            "response.created",
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
        assert client.one("conversation.item.input_audio_transcription.completed")["transcript"] == "When do you open?"
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"] == [{"type": "output_audio", "transcript": "We open at nine."}]
        assert done["response"]["usage"]["output_tokens"] > 0
        started = client.one("input_audio_buffer.speech_started")
        assert started["item_id"] == client.one("input_audio_buffer.committed")["item_id"]
        heard = b"".join(base64.b64decode(each["delta"]) for each in client.all("response.output_audio.delta"))
        assert len(heard) == 4 * round(0.3 * RATE) * 2, "four words of 0.3 s each"
        words = client.all("response.output_audio_transcript.delta")
        begin = [word["start_time"] for word in words if word["delta"].strip()]
        assert begin == pytest.approx([0.0, 0.3, 0.6, 0.9])

    with_session(story, answers=("We open at nine.",), hears=("When do you open?",))


def test_a_typed_turn_starts_nothing_until_a_response_is_asked_for() -> None:
    """The item is added; the answer comes with `response.create`, and knows what was typed."""

    async def story(client: Client) -> None:
        item_id = await client.type("What do you sell?")
        done = await client.answered(metadata={"client_event_id": "c1"}, output_modalities=["text"])
        assert done["metadata"] == {"client_event_id": "c1"}
        assert done["output"][0]["content"] == [{"type": "output_text", "text": "Bread and cake."}]
        assert client.one("response.output_text.done")["text"] == "Bread and cake."
        await client.send("conversation.item.retrieve", item_id=item_id)
        kept = (await client.until("conversation.item.retrieved"))["item"]
        assert kept["content"][0]["text"] == "What do you sell?"
        assert [(m.role, m.content) for m in client.llm.asked[-1]][1:] == [("user", "What do you sell?")]

    with_session(story, answers=("Bread and cake.",))


def test_speech_over_an_answer_cancels_it_and_leaves_the_words_that_were_heard() -> None:
    """`speech_started`, then a cancelled response; its item has a part of the answer, and the model sees just that."""

    async def story(client: Client) -> None:
        await client.type("Tell me all.")
        await client.send("response.create")
        await client.until("response.output_audio_transcript.delta")
        await client.speak(sound(1.4))
        done = (await client.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
        heard = done["output"][0]["content"][0]["transcript"]
        assert LONG.startswith(heard)
        assert len(heard) < len(LONG)
        await client.speak(sound(1.5, voiced=False))
        await client.until("response.done")
        shown = [message.content for message in client.llm.asked[-1] if message.role == "assistant"]
        assert shown == ([heard] if heard else [])
        assert "input_audio_buffer.speech_started" in client.kinds()

    with_session(story, answers=(LONG, "Yes?"), hears=("Stop, please wait.",))


def test_truncate_leaves_exactly_the_words_that_were_heard() -> None:
    """By the client's `audio_end_ms`: each word of the scripted voice takes 300 ms. The smaller of two holds."""

    async def story(client: Client) -> None:
        await client.type("When?")
        item_id = (await client.answered())["output"][0]["id"]
        for heard_ms, text in ((700, "We open"), (899, "We open"), (310, "We")):
            await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=heard_ms)
            assert (await client.until("conversation.item.truncated"))["audio_end_ms"] == heard_ms
            await client.send("conversation.item.retrieve", item_id=item_id)
            item = (await client.until("conversation.item.retrieved"))["item"]
            assert (item["content"][0]["transcript"], item["status"]) == (text, "incomplete")
        await client.type("And?")
        await client.answered(output_modalities=["text"])
        assert [message.content for message in client.llm.asked[-1][1:]] == ["When?", "We", "And?"]

    with_session(story, answers=("We open at nine.",))


def test_a_client_may_end_turns_by_hand() -> None:
    """Without turn detection sound is collected; a commit is an item and starts nothing."""

    async def story(client: Client) -> None:
        await client.update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
        await client.send("input_audio_buffer.commit", event_id="mine")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")
        await client.speak(sound(1.0))
        await client.send("input_audio_buffer.commit")
        await client.until("input_audio_buffer.committed")
        done = await client.answered()
        assert client.one("conversation.item.input_audio_transcription.completed")["transcript"] == "Which day?"
        assert done["output"][0]["content"][0]["transcript"] == "Monday."
        assert [message.content for message in client.llm.asked[-1][1:]] == ["Which day?"]
        assert not client.all("input_audio_buffer.speech_started")

    with_session(story, answers=("Monday.",), hears=("Which day?",))


def test_the_model_calls_a_function_and_the_client_answers_it() -> None:
    """The call is an item of its own; its output and one `response.create` bring the answer."""

    async def story(client: Client) -> None:
        await client.update(tools=[TOOL])
        await client.type("Is it raining?")
        done = await client.answered()
        call = done["output"][-1]
        assert (call["type"], call["name"], call["status"]) == ("function_call", "weather", "completed")
        assert len(call["call_id"]) <= 32
        assert client.one("response.function_call_arguments.done")["arguments"] == '{"city":"Rome"}'
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        await client.send("conversation.item.create", item=output)
        await client.until("conversation.item.done")
        answer = await client.answered()
        assert answer["output"][0]["content"][0]["transcript"] == "It is sunny."
        shown = client.llm.asked[-1]
        assert [message.role for message in shown] == ["system", "user", "assistant", "tool"]
        assert shown[2].calls[0].name == "weather"
        assert shown[3].content == "sunny"
        assert client.llm.offered[-1] == ("weather",)

    asks = Message("assistant", "", (ToolCall("", "weather", '{"city":"Rome"}'),))
    with_session(story, answers=(asks, "It is sunny."))
