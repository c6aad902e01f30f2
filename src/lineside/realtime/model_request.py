"""What a language model is asked in a Realtime session: its instructions, its tools, its limit. Pure."""

from collections.abc import Iterator
from typing import Any

from lineside.call.program import ModelPrompt
from lineside.engines.protocols import LlmRequest, Message, ToolSpec

ENOUGH_TOKENS = 1024  # for `max_output_tokens: inf`


def model_prompt(
    fields: dict[str, Any], messages: tuple[Message, ...], llm_model: str, voices: tuple[str, ...]
) -> ModelPrompt:
    """What is asked for one response.

    Args:
        fields: of the session, with what the response has otherwise.
        messages: what the model is shown.
        llm_model: of the engine; empty: its usual one.
        voices: those that a client may name; any other name means the usual one.
    """
    limit = fields["max_output_tokens"]
    most = ENOUGH_TOKENS if limit == "inf" else int(limit)
    voice = fields["audio"]["output"]["voice"]
    name = voice if isinstance(voice, str) else str(voice.get("id", ""))
    request = LlmRequest(model=llm_model, max_tokens=most, tools=_tools(fields))
    speaks = fields["output_modalities"] == ["audio"]
    return ModelPrompt(messages, request, speaks, name if name in voices else "")


def instructed(fields: dict[str, Any]) -> str:
    """The instructions; a choice of tools that not every model's server knows is told in words."""
    said, choice = str(fields.get("instructions", "")), fields.get("tool_choice")
    if choice == "required":
        return f"{said}\n\nCall one of the tools now."
    name = _named(choice)
    return f"{said}\n\nCall the tool {name} now." if name else said


def _tools(fields: dict[str, Any]) -> tuple[ToolSpec, ...]:
    choice = fields.get("tool_choice")
    if choice == "none":
        return ()
    name = _named(choice)
    return tuple(spec for spec in _specs(fields.get("tools", [])) if not name or spec.name == name)


def _named(choice: Any) -> str:
    return str(choice.get("name", "")) if isinstance(choice, dict) else ""


def _specs(tools: list[dict[str, Any]]) -> Iterator[ToolSpec]:
    for tool in tools:
        parameters = tool.get("parameters") or {"type": "object", "properties": {}}
        yield ToolSpec(tool["name"], tool.get("description", ""), parameters)
