"""Random events of a Realtime client: half of them right, the others with something wrong at any depth."""

import base64
from random import Random
from typing import Any

TOOL = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}}
SOUND = base64.b64encode(bytes(4800)).decode()


def random_event(dice: Random, ids: list[str]) -> dict[str, Any]:
    """One event; `ids` are of items that are there."""
    event = _right(dice, dice.choice([*ids, "x"]))
    return _wronged(dice, event) if dice.random() < 0.5 else event


def _right(dice: Random, item_id: str) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "message", "role": dice.choice(["user", "assistant", "system"]), "content": []}
    kind = "output_text" if text["role"] == "assistant" else "input_text"
    text["content"] = [{"type": kind, "text": "Hello"}]
    detection = dice.choice(
        [
            None,
            {"type": "server_vad", "silence_duration_ms": 200, "create_response": dice.random() < 0.5},
            {"type": "semantic_vad", "eagerness": dice.choice(["low", "high"]), "interrupt_response": False},
            {"type": "server_vad", "idle_timeout_ms": 5000},
        ]
    )
    shape = {"type": dice.choice(["audio/pcm", "audio/pcmu", "audio/pcma"])}
    session = {
        "type": "realtime",
        "instructions": "Be brief.",
        "tools": dice.choice([[], [TOOL]]),
        "audio": {"input": {"format": shape, "turn_detection": detection}, "output": {"format": shape}},
        "output_modalities": [dice.choice(["audio", "text"])],
    }
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "x"}
    response = dice.choice(
        [
            {},
            {"conversation": "none", "input": [text], "metadata": {"a": "b"}},
            {"max_output_tokens": 3, "tools": [TOOL]},
        ]
    )
    return dice.choice(
        [
            {"type": "session.update", "session": session},
            {"type": "input_audio_buffer.append", "audio": SOUND},
            {"type": "input_audio_buffer.append", "audio": SOUND},
            {"type": "input_audio_buffer.commit"},
            {"type": "input_audio_buffer.clear"},
            {"type": "conversation.item.create", "item": dice.choice([text, call, output]), "previous_item_id": None},
            {"type": "conversation.item.create", "item": text | {"id": item_id}, "previous_item_id": "root"},
            {"type": "conversation.item.retrieve", "item_id": item_id},
            {"type": "conversation.item.delete", "item_id": item_id},
            {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 300},
            {"type": "response.create", "response": response},
            {"type": "response.cancel"},
        ]
    )


def _wronged(dice: Random, value: Any, depth: int = 0) -> Any:
    """The same with one thing wrong."""
    if isinstance(value, dict) and value and (depth == 0 or dice.random() < 0.7):
        name = dice.choice(list(value))
        if dice.random() < 0.1:
            return {key: each for key, each in value.items() if key != name or name == "type"}
        return value | {name: _wronged(dice, value[name], depth + 1)}
    if isinstance(value, list) and value and dice.random() < 0.7:
        return [_wronged(dice, value[0], depth + 1), *value[1:]]
    return dice.choice([None, True, -1, 10**20, 7.5, "", "no", "realtime", "none", "%", [], {}, [None], {"type": 1}])
