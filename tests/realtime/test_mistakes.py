"""Mistakes of a Realtime client, each by its name: one error that says what was wrong, and the session goes on."""

from typing import Any

import pytest

from tests.realtime.test_commands import ITEM, ScriptedCall

DEEP = '{"type":"session.update","session":' + '{"a":' * 10_000 + "1" + "}" * 10_001
TEXT = {"type": "input_text", "text": "x" * 90_000}


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("no json", "invalid_json", None),
        ("[]", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        ("[" * 10_000 + "]" * 10_000, "invalid_json", None),
        ({"event_id": "e"}, "invalid_event", "type"),
        ({"type": "nope"}, "invalid_value", "type"),
        ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        (
            {"type": "session.update", "session": {"type": "realtime", "instructions": 7}},
            "invalid_type",
            "session.instructions",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "mcp"}]}},
            "invalid_value",
            "session.tools[0].type",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "max_output_tokens": 0}},
            "integer_below_min_value",
            "session.max_output_tokens",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 44100}}}},
            },
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {
                "type": "response.create",
                "response": {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 44100}}}},
            },
            "invalid_value",
            "response.audio.output.format.rate",
        ),
        (
            {
                "type": "response.create",
                "response": {"audio": {"output": {"format": {"type": "audio/pcmu", "rate": 24000}}}},
            },
            "invalid_value",
            "response.audio.output.format.rate",
        ),
        ({"type": "response.create", "response": {"instructions": "x" * 200_000}}, "invalid_value", "response"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_value", "session.type"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "%%%"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAA="}, None, None),
        ({"type": "input_audio_buffer.append", "audio": "AA=="}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
        ({"type": "conversation.item.create", "item": {"type": "message"}}, "missing_required_parameter", "item.role"),
        ({"type": "conversation.item.create", "item": {"type": "song"}}, "invalid_value", "item.type"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_image"}]},
            },
            "unsupported_content_type",
            "item.content[0]",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "c", "output": "x"},
            },
            "invalid_tool_call_id",
            "item.call_id",
        ),
        (
            {"type": "conversation.item.create", "item": ITEM, "previous_item_id": "gone"},
            "item_create_invalid_previous_item_id",
            "previous_item_id",
        ),
        ({"type": "conversation.item.retrieve", "item_id": "x"}, "item_retrieve_invalid_item_id", "item_id"),
        ({"type": "conversation.item.delete", "item_id": "x"}, "item_delete_invalid_item_id", "item_id"),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 0},
            "item_truncate_invalid_item_id",
            "item_id",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": -1},
            "integer_below_min_value",
            "audio_end_ms",
        ),
        ({"type": "response.cancel"}, "response_cancel_not_active", None),
        (
            {"type": "response.create", "response": {"output_modalities": ["text", "audio"]}},
            "invalid_value",
            "response.output_modalities",
        ),
        (
            {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "x"}]}},
            "item_reference_invalid_item_id",
            "item_id",
        ),
        (
            {"type": "conversation.item.create", "item": ITEM | {"content": [TEXT] * 3}},
            "invalid_value",
            "item.content",
        ),
        (DEEP, "invalid_json", None),
        (
            {"type": "session.update", "session": {"type": "realtime", "tracing": "x" * 250_000}},
            "invalid_value",
            "session",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "max_output_tokens": 5000}},
            "integer_above_max_value",
            "session.max_output_tokens",
        ),
        ({"type": "input_audio_buffer.append", "audio": "A" * (20 << 20) + "AAAA"}, "invalid_value", "audio"),
        (
            {"type": "response.create", "response": {"metadata": {"a": "b" * 513}}},
            "invalid_value",
            "response.metadata[...]",
        ),
        ({"type": "response.create", "response": {"metadata": {"a": 1}}}, "invalid_type", "response.metadata[...]"),
        (
            {"type": "response.create", "response": {"tools": [{"type": "mcp"}]}},
            "invalid_value",
            "response.tools[0].type",
        ),
        ({"type": "output_audio_buffer.clear"}, "invalid_event", "type"),
    ],
)
def test_every_mistake_is_one_error_that_names_it(message: Any, code: str | None, param: str | None) -> None:
    """In OpenAI's words, with the client's event_id; the session goes on."""
    call = ScriptedCall()
    if code is None:
        assert call.send(message) == []
        return
    if isinstance(message, dict):
        message = message | {"event_id": "mine"}
    error = call.error(message)
    assert (error["code"], error["param"]) == (code, param), error
    assert error["event_id"] == ("mine" if isinstance(message, dict) else None)
    assert call.send({"type": "conversation.item.create", "item": ITEM})[-1]["type"] == "conversation.item.done"
