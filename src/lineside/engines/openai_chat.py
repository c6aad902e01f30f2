"""Chat completions of OpenAI-shaped servers: asked as each server wants it, read as liberally as it can be."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import aiohttp
import structlog

from lineside.engines.chat_dialect import TOOLS, TRIES, Dialects, alternating
from lineside.engines.chat_stream import DONE, EventReader, StreamPiece, read_event, read_whole
from lineside.engines.openai_http import SAID, Endpoint, posted, read_body
from lineside.engines.protocols import LlmPiece, LlmRequest, Message
from lineside.engines.reasoning import Answer, Habits
from lineside.engines.tool_calls import CallReader, without_tool_calls
from lineside.errors import EngineError, EngineRefused, OnlyThoughts

log = structlog.get_logger()


async def chat(
    http: aiohttp.ClientSession,
    endpoint: Endpoint,
    model: str,
    messages: Sequence[Message],
    ask: LlmRequest,
    habits: Habits | None = None,
    dialects: Dialects | None = None,
) -> AsyncGenerator[LlmPiece, None]:
    """`POST /v1/chat/completions`, streamed as server-sent events, in the way that the server wants.

    `habits` and `dialects`: what is known of the server's models, learned from here on.
    """
    habits, dialects = habits or Habits(), dialects or Dialects()
    dialect = dialects.of(model, thinks=bool(habits.room(model)))
    for left in reversed(range(TRIES)):
        sorting = Answer(endpoint.who, model, ask, habits)
        tools = () if TOOLS in dialect.refused else ask.tools
        given = alternating(messages if tools else without_tool_calls(messages))
        request = dialect.request(model, given, sorting.max_tokens, ask.temperature, tools)
        try:
            async with aclosing(_one_answer(http, endpoint, request, sorting)) as pieces:
                async for piece in pieces:
                    dialects.learn(model, dialect)  # it answers: a caller may interrupt it at any piece
                    yield piece
            return
        except EngineRefused as no:
            learned = dialect.learned(no.status, no.said, no.param, tuple(request))
            if learned is None or not left:
                raise
            if TOOLS in learned.refused - dialect.refused:
                log.warning(
                    "the server refuses tools: the agent does its jobs by rule", engine=endpoint.who, model=model
                )
            dialect = learned
        except OnlyThoughts:
            if not left or not dialects.ask_less_thinking(model, dialect):
                raise
            dialect = dialects.of(model)


async def _one_answer(
    http: aiohttp.ClientSession, endpoint: Endpoint, request: Mapping[str, Any], sorting: Answer
) -> AsyncGenerator[LlmPiece, None]:
    calls, finished = CallReader(), ""
    async with posted(http, endpoint, "/v1/chat/completions", request) as answer:
        async with aclosing(_events(endpoint, answer)) as events:
            async for event in events:
                if event.error:
                    raise EngineError(f"{endpoint.shown} disconnected: {event.error[:SAID]}")
                calls.feed(event.calls)
                finished = event.finished or finished
                for piece in sorting.feed(event.thought, event.text):
                    yield piece
                if sorting.full:
                    return
        for last in sorting.end(calls.end(broken_off=finished in ("", "length"))):
            yield last


async def _events(endpoint: Endpoint, answer: aiohttp.ClientResponse) -> AsyncGenerator[StreamPiece, None]:
    """What the stream carries; an answer in one piece is a stream of one."""
    if answer.content_type == "text/html":
        raise EngineError(f"{endpoint.shown} answered with a page (text/html): is the address right?")
    if answer.content_type == "application/json":
        yield read_whole(await read_body(endpoint, answer))
        return
    reader = EventReader()
    try:
        async for block in answer.content.iter_any():
            for data in reader.feed(block):
                if data == DONE:
                    return
                yield read_event(data)
        for data in reader.end():
            if data != DONE:
                yield read_event(data)
    except OverflowError as endless:
        raise EngineError(f"{endpoint.shown} sent {endless}") from None
