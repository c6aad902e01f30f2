"""Everything in a session has a size: items, sound that waits, responses beside it; and changes come at any time."""

import base64
from typing import Any

import pytest

from lineside.realtime import conversation, sound
from tests.realtime.test_commands import ITEM, ScriptedCall, silent
from tests.realtime.virtual_calls import VirtualClient, hold_session, said

LONG = "One two three four five six seven eight nine ten eleven twelve."


def test_items_by_the_thousand_push_out_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may be there stay, and what stands first is the oldest of them; an old id is unknown, and free."""
    monkeypatch.setattr(conversation, "ITEMS", 200)
    call = ScriptedCall()
    for number in range(700):
        call.send({"type": "conversation.item.create", "item": ITEM | {"id": f"i{number}"}})
        call.events.clear()
    assert len(call.session.conversation.items) == 200
    assert call.session.conversation.items[0].id == "i500"
    assert (
        call.error({"type": "conversation.item.retrieve", "item_id": "i499"})["code"] == "item_retrieve_invalid_item_id"
    )
    again = {"type": "conversation.item.create", "item": ITEM | {"id": "i499"}}
    assert call.send(again)[-1]["type"] == "conversation.item.done"


def test_long_items_push_out_the_oldest_sooner() -> None:
    """Two million characters are kept, however few items hold them."""
    call = ScriptedCall()
    content = [{"type": "input_text", "text": "x" * 100_000}]
    for _ in range(30):
        call.send({"type": "conversation.item.create", "item": ITEM | {"content": content}})
        call.events.clear()
    assert len(call.session.conversation.items) == conversation.CHARACTERS // 100_000
    for item in tuple(call.session.conversation.items):
        call.send({"type": "conversation.item.delete", "item_id": item.id})
    assert (call.session.conversation.items, call.session.conversation._characters) == ([], 0)


def test_sound_that_nobody_commits_is_refused_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for a commit, up to its bound; cleared, there is room again."""
    monkeypatch.setattr(sound, "MOST", 1 << 20)
    call = ScriptedCall()
    off = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    call.send({"type": "session.update", "session": off})
    minutes = silent(20.0)
    for _ in range((1 << 20) // (20 * 32_000) + 1):
        assert call.send({"type": "input_audio_buffer.append", "audio": minutes}) == []
    assert call.error({"type": "input_audio_buffer.append", "audio": minutes})["code"] == "input_audio_buffer_full"
    call.send({"type": "input_audio_buffer.clear"})
    assert call.send({"type": "input_audio_buffer.append", "audio": minutes}) == []


def test_responses_beside_the_conversation_are_counted() -> None:
    """With eight under way the next one is refused, until one of them is over."""
    call = ScriptedCall()
    aside = {"type": "response.create", "response": {"conversation": "none", "input": [ITEM]}}
    for _ in range(8):
        assert call.send(aside)[0]["type"] == "response.created"
    assert call.error(aside)["code"] == "rate_limit_exceeded"
    call.session.aside_over(call.ordered[0], "")
    assert call.send(aside)[0]["type"] == "response.created"


def test_only_what_was_said_can_be_truncated() -> None:
    """A user's item, and more sound than there was, by OpenAI's words; a little more is a race, and is taken."""
    call = ScriptedCall()
    call.send({"type": "conversation.item.create", "item": ITEM | {"id": "u"}})

    def truncate(item_id: str, to: int) -> dict[str, Any]:
        return {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": to}

    assert call.error(truncate("u", 0))["code"] == "unsupported_content_type"
    item_id = call.say("one", "two")
    error = call.error(truncate(item_id, 57_340))
    assert (error["code"], error["message"]) == (None, "Audio content of 600ms is already shorter than 57340ms")
    assert call.send(truncate(item_id, 900))[0]["type"] == "conversation.item.truncated"
    assert call.send(truncate(item_id, 57_340))[0]["type"] == "conversation.item.truncated", "it was cut already"


@pytest.mark.parametrize("seconds", [0.0, 0.4, 2.0])
def test_an_update_while_an_answer_sounds_is_for_the_next_one(seconds: float) -> None:
    """Format, voice and instructions: this answer goes on as it began."""

    async def story(client: VirtualClient) -> None:
        client.send("response.create")
        await client.until("response.created")
        await client.speak(seconds, voiced=False)
        client.update(instructions="Sing.", audio={"output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"}})
        assert (await client.until("session.updated"))["session"]["audio"]["output"]["voice"] == "cedar"
        first = (await client.until("response.done"))["response"]
        assert (first["status"], said(first)) == ("completed", LONG)
        heard = b"".join(base64.b64decode(event["delta"]) for event in client.all("response.output_audio.delta"))
        assert len(heard) == round(12 * 0.3 * 48_000)
        client.events.clear()
        client._read = 0
        second = await client.answer()
        assert second["audio"]["output"]["format"] == {"type": "audio/pcmu"}
        heard = b"".join(base64.b64decode(event["delta"]) for event in client.all("response.output_audio.delta"))
        assert abs(len(heard) - 12 * 0.3 * 8000) < 100
        assert "Sing." in client.llm.asked[-1][0].content

    hold_session(story, answers=[LONG])
