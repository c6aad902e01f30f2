"""What goes to Ollama's `/api/chat` and comes back from its routes (github.com/ollama/ollama, docs/api.md)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from lineside.engines.chat_dialect import alternating, tools_sent
from lineside.engines.protocols import Message, ToolSpec
from lineside.engines.tool_calls import without_tool_calls


class OllamaMessage(Struct, frozen=True):
    """A piece of an answer."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: Any = None


class OllamaLine(Struct, frozen=True):
    """A line of a stream: of an answer, or of a download."""

    message: OllamaMessage | None = None
    error: Any = None  # Ollama breaks off with status 200
    status: str | None = None
    digest: str | None = None
    completed: int | None = None  # bytes; left out before the first
    total: int | None = None
    prompt_eval_count: int | None = None  # tokens of the prompt that were read; on the last line


class OllamaModel(Struct, frozen=True):
    """A model on its disk or in its memory."""

    model: str = ""
    size: int = 0
    size_vram: int = 0


class OllamaModels(Struct, frozen=True):
    """The answer of `/api/tags` and `/api/ps`."""

    models: list[OllamaModel] = []


class OllamaShown(Struct, frozen=True):
    """The answer of `/api/show`."""

    capabilities: tuple[str, ...] | None = None  # None: it is older than that


line_decoder = msgspec.json.Decoder(OllamaLine)
decode_models = msgspec.json.Decoder(OllamaModels).decode
decode_shown = msgspec.json.Decoder(OllamaShown).decode


def conversation(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """The fields `messages` and, where there are some, `tools` of a request."""
    sent = [_sent(message) for message in alternating(messages if tools else without_tool_calls(messages))]
    return {"messages": sent, "tools": tools_sent(tools)} if tools else {"messages": sent}


def _sent(message: Message) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        sent["tool_calls"] = [
            {"function": {"name": call.name, "arguments": _object(call.arguments)}} for call in message.calls
        ]
    if message.role == "tool":
        sent["tool_name"] = message.tool
    return sent


def _object(arguments: str) -> dict[str, Any]:
    """Ollama takes arguments as an object alone."""
    try:
        decoded = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
