"""`POST /v1/chat/completions`: messages to an answer, tools included, by the language models of this gateway."""

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import Meta, Struct

from lineside.engines.protocols import (
    CallsTools,
    LanguageModel,
    LlmPiece,
    LlmRequest,
    Message,
    Thought,
    Token,
    ToolCall,
    ToolSpec,
)
from lineside.engines.timeouts import in_time
from lineside.openai_api.engine_choice import EngineChoice
from lineside.openai_api.errors import OpenAiError, engines_fail_as_openai
from lineside.openai_api.json_body import json_body
from lineside.openai_api.server_sent import DONE, event_stream, sent_event

FIRST_TOKEN, NEXT_TOKEN = 60.0, 30.0  # seconds
USUAL_TOKENS = 1024
LETTERS_A_TOKEN = 4  # of English: usage is an estimate, for not every engine counts


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """A part of a message's content."""

    text: str


class CalledFunction(Struct, frozen=True):
    """What an assistant called."""

    name: str
    arguments: str


class AssistantCall(Struct, frozen=True):
    """One call of an assistant's message."""

    function: CalledFunction
    id: str = ""


class CompletionMessage(Struct, frozen=True):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    tool_calls: list[AssistantCall] | None = None
    tool_call_id: str = ""

    @property
    def text(self) -> str:
        """The content as one text."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class FunctionSpec(Struct, frozen=True):
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class FunctionTool(Struct, frozen=True, tag_field="type", tag="function"):
    """A tool of the only kind there is."""

    function: FunctionSpec


class StreamOptions(Struct, frozen=True):
    """What a stream has besides."""

    include_usage: bool = False


class CompletionRequest(Struct, frozen=True):
    """The body; what it has besides is passed over."""

    messages: Annotated[list[CompletionMessage], Meta(min_length=1, max_length=1000)]
    model: str = ""
    max_tokens: Annotated[int, Meta(ge=1, le=32_768)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, le=32_768)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    tools: list[FunctionTool] | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = 1


class Chat:
    """Answers conversations with the engines of this process."""

    def __init__(self, engines: EngineChoice) -> None:
        self._engines = engines

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Answer one request. Raises `OpenAiError`."""
        asked = await json_body(request, CompletionRequest)
        llm, model = self._engines.llm(asked.model)
        if asked.tools:
            await _check_tools(llm, model)
        ask = LlmRequest(
            model=model,
            max_tokens=asked.max_completion_tokens or asked.max_tokens or USUAL_TOKENS,
            temperature=asked.temperature or 0.0,
            tools=tuple(
                ToolSpec(tool.function.name, tool.function.description, tool.function.parameters)
                for tool in asked.tools or ()
            ),
        )
        messages = tuple(engine_messages(asked.messages))
        pieces = in_time(llm.reply(messages, ask), first=FIRST_TOKEN, later=NEXT_TOKEN, who="the language model")
        completion = ChatCompletion(asked.model or model or "default", messages)
        async with aclosing(pieces):
            if asked.stream:
                usage = asked.stream_options is not None and asked.stream_options.include_usage
                return await _streamed(request, completion, pieces, usage=usage)
            async with engines_fail_as_openai():
                return web.json_response(completion.whole([piece async for piece in pieces]))


async def _check_tools(llm: LanguageModel, model: str) -> None:
    if not isinstance(llm, CallsTools):
        raise OpenAiError(400, "the language model of this gateway calls no tools", "tools")
    async with engines_fail_as_openai():
        if not await llm.calls_tools(model):
            raise OpenAiError(400, "the language model of this gateway calls no tools", "tools")


def engine_messages(messages: Sequence[CompletionMessage]) -> list[Message]:
    """The conversation as engines take it."""
    names: dict[str, str] = {}  # tools by the ids of their calls
    found = []
    for message in messages:
        calls = tuple(
            ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()
        )
        names |= {call.id: call.name for call in calls}
        role = "system" if message.role == "developer" else message.role
        tool = names.get(message.tool_call_id, "") if role == "tool" else ""
        found.append(Message(role, message.text, calls, message.tool_call_id if role == "tool" else "", tool))
    return found


class ChatCompletion:
    """One answer's outer shape, the same id on every chunk."""

    def __init__(self, model: str, messages: Sequence[Message]) -> None:
        self._about = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}
        self._read = sum(len(message.content) for message in messages)
        self._written = 0
        self.calls = 0

    @property
    def finish(self) -> str:
        """Why it ended."""
        return "tool_calls" if self.calls else "stop"

    @property
    def usage(self) -> dict[str, int]:
        """Tokens, estimated by letters."""
        read, written = (max(1, letters // LETTERS_A_TOKEN) for letters in (self._read, self._written))
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        """One event of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sent_event(self._about | {"object": "chat.completion.chunk", "choices": [choice]})

    def usage_chunk(self) -> bytes:
        """The last event, where it was asked for."""
        return sent_event(self._about | {"object": "chat.completion.chunk", "choices": [], "usage": self.usage})

    def delta(self, piece: LlmPiece) -> dict[str, Any]:
        """What a piece adds to the message."""
        match piece:
            case Token(text=text):
                self._written += len(text)
                return {"content": text}
            case Thought(text=text):
                return {"reasoning_content": text}
            case ToolCall():
                self.calls += 1
                self._written += len(piece.arguments)
                return {"tool_calls": [{"index": self.calls - 1} | _call(piece)]}

    def whole(self, pieces: Sequence[LlmPiece]) -> dict[str, Any]:
        """The answer in one piece."""
        text = "".join(piece.text for piece in pieces if isinstance(piece, Token))
        calls = [_call(piece) for piece in pieces if isinstance(piece, ToolCall)]
        for piece in pieces:
            self.delta(piece)
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}
        return self._about | {"object": "chat.completion", "choices": [choice], "usage": self.usage}


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id or f"call_{secrets.token_hex(8)}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


async def _streamed(
    request: web.Request, completion: ChatCompletion, pieces: AsyncGenerator[LlmPiece, None], *, usage: bool
) -> web.StreamResponse:
    async with event_stream(request) as send, engines_fail_as_openai():
        first: dict[str, Any] = {"role": "assistant", "content": ""}
        async for piece in pieces:
            await send(completion.chunk(first | completion.delta(piece)))
            first = {}
        await send(completion.chunk(first, completion.finish))
        if usage:
            await send(completion.usage_chunk())
        await send(DONE)
    return send.response
