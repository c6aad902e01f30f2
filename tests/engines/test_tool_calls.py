"""Calls of tools, as servers stream them: each shape that is known gives the same call, and none is ever spoken."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import pytest

from lineside.engines.fallback import FallbackLLM
from lineside.engines.protocols import LlmPiece, LlmRequest, Message, Token, ToolCall
from lineside.engines.vendors.ollama import Ollama
from lineside.engines.vendors.openai import OpenAILLM
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.errors import EngineError
from lineside.testing import FIND_ORDER
from tests.engines.call_shapes import ARGUMENTS, OLLAMA, ONE, OPENAI, SHAPES, call, calls, ended
from tests.engines.fixtures import all_of, built
from tests.engines.zoo import PLAIN, SAID, Animal, Server, openai_error
from tests.fakes import serving
from tests.fakes.ollama import FakeOllama
from tests.virtual_time import run

ASKED = (Message("system", "You look orders up."), Message("user", "Where is order 12345?"))
WITH_TOOLS = LlmRequest(tools=(FIND_ORDER,))


def made(pieces: Sequence[LlmPiece]) -> list[tuple[str, Any]]:
    found = []
    for piece in pieces:
        if isinstance(piece, ToolCall):
            try:
                found.append((piece.name, json.loads(piece.arguments)))
            except ValueError:
                found.append((piece.name, piece.arguments))
    return found


def words(pieces: Sequence[LlmPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Token)).strip()


def against(animal: Animal, story: Callable[[OpenAILLM, Server], Awaitable[None]], **given: Any) -> None:
    async def main() -> None:
        server = Server(animal)
        async with serving(server.app()) as url, aiohttp.ClientSession() as http:
            await story(built(OpenAILLM, http, openai_url=url, **given), server)

    asyncio.run(main())


@pytest.mark.parametrize(("stream", "wanted"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES])
def test_every_shape_of_a_call_is_understood_and_not_spoken(stream: list[Any], wanted: list[tuple[str, Any]]) -> None:
    """As servers stream it: whole or in pieces, with an index or without, apart from the text or within."""

    async def story(engine: OpenAILLM, server: Server) -> None:
        pieces = await all_of(engine.reply(ASKED, WITH_TOOLS))
        assert made(pieces) == wanted
        assert words(pieces) in ("", "Let me look.")

    against(Animal("calls", stream=stream), story)


def test_a_call_that_broke_off_is_no_call() -> None:
    """The connection ends, or the tokens do, in the middle of the arguments."""
    for stream in (OPENAI[:3], [*OPENAI[:3], ended("length")]):

        async def story(engine: OpenAILLM, server: Server) -> None:
            with pytest.raises(EngineError, match="in the middle of a tool call"):
                await all_of(engine.reply(ASKED, WITH_TOOLS))

        against(Animal("breaks", stream=stream), story)


def test_arguments_without_end_are_an_error() -> None:
    """A server that never stops costs one answer."""

    async def story(engine: OpenAILLM, server: Server) -> None:
        with pytest.raises(EngineError, match="no end"):
            await all_of(engine.reply(ASKED, WITH_TOOLS))

    against(Animal("endless", stream=[calls(call(arguments="x" * 9000))] * 9), story)


REFUSALS = (
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    "registry.ollama.ai/library/gemma:2b does not support tools",
    "tools param requires --jinja flag",
    "Unrecognized request argument supplied: tools",
)


@pytest.mark.parametrize("said", REFUSALS)
def test_a_server_that_refuses_tools_answers_without_them_and_is_given_none_again(said: str) -> None:
    """The caller is answered, and the engine says from then on that it cannot."""

    async def story(engine: OpenAILLM, server: Server) -> None:
        assert await engine.calls_tools("")
        history = (
            *ASKED,
            Message("assistant", "", (ToolCall("a", "find_order", "{}"),)),
            Message("tool", "{}", answers="a"),
        )
        assert words(await all_of(engine.reply(history, WITH_TOOLS))) == SAID
        assert not await engine.calls_tools("")
        assert "tools" not in server.asked[-1]
        assert [message["role"] for message in server.asked[-1]["messages"]] == ["system", "user"]

    refuse = lambda asked: openai_error(said) if "tools" in asked else None  # noqa: E731 - a rule of one line
    against(Animal("refuses", refuse, stream=PLAIN), story)


def test_a_call_and_its_result_go_out_as_the_reference_has_them() -> None:
    """The assistant's message with the call, then the tool's with its id; a caller who went on comes after them."""
    history = (
        *ASKED,
        Message("assistant", "Let me look.", (ToolCall("a1", "find_order", ARGUMENTS),)),
        Message("tool", '{"status": "sent"}', answers="a1", tool="find_order"),
        Message("assistant", "It was sent."),
        Message("user", "Thanks."),
    )

    async def story(engine: OpenAILLM, server: Server) -> None:
        await all_of(engine.reply(history, WITH_TOOLS))
        (asked,) = server.asked
        assert asked["tools"][0]["function"]["parameters"] == FIND_ORDER.parameters
        assert asked["messages"][2] == {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {"id": "a1", "type": "function", "function": {"name": "find_order", "arguments": ARGUMENTS}}
            ],
        }
        assert asked["messages"][3] == {"role": "tool", "content": '{"status": "sent"}', "tool_call_id": "a1"}
        assert [message["role"] for message in asked["messages"][4:]] == ["assistant", "user"]

    against(Animal("openai", stream=PLAIN), story)


def test_openai_tools_can_be_switched_off() -> None:
    """OPENAI_TOOLS=off: nobody asks."""

    async def story(engine: OpenAILLM, server: Server) -> None:
        assert not await engine.calls_tools("")

    against(Animal("openai"), story, openai_tools="off")


# ── Ollama ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def ollama(story: Callable[[Ollama, FakeOllama], Awaitable[None]], **given: Any) -> None:
    async def main() -> None:
        fake = FakeOllama()
        async with serving(fake.app()) as url, aiohttp.ClientSession() as http:
            await story(built(Ollama, http, ollama_url=url, **given), fake)

    asyncio.run(main())


@pytest.mark.parametrize(("stream", "wanted"), [shape[1:] for shape in OLLAMA], ids=[shape[0] for shape in OLLAMA])
def test_every_shape_of_ollama_is_understood(stream: list[dict[str, Any]], wanted: list[tuple[str, Any]]) -> None:
    """Whole calls, their arguments as objects, in one chunk or several."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.streams = stream
        pieces = await all_of(engine.reply(ASKED, WITH_TOOLS))
        assert made(pieces) == wanted
        assert words(pieces) in ("", "Let me look.")

    ollama(story)


def test_ollama_is_asked_once_whether_a_model_can_and_gives_results_by_name() -> None:
    """`/api/show` tells; a model that cannot is given no tools, and no messages about them."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        assert await engine.calls_tools("")
        assert not await engine.calls_tools("old-thinker:latest")
        done = (
            Message("assistant", "", (ToolCall("a", "find_order", ARGUMENTS),)),
            Message("tool", "{}", answers="a", tool="find_order"),
        )
        await all_of(engine.reply((*ASKED, *done), WITH_TOOLS))
        await all_of(engine.reply((*ASKED, *done), LlmRequest("old-thinker:latest", tools=(FIND_ORDER,))))
        able, unable = [asked for asked in fake.asked if "messages" in asked]
        assert able["messages"][2]["tool_calls"] == [
            {"function": {"name": "find_order", "arguments": {"order_number": "12345"}}}
        ]
        assert able["messages"][3] == {"role": "tool", "content": "{}", "tool_name": "find_order"}
        assert "tools" not in unable
        assert [message["role"] for message in unable["messages"]] == ["system", "user"]
        assert fake.shown == ["llama3.2:3b", "old-thinker:latest"]

    ollama(story)


def test_ollama_tools_can_be_switched_off() -> None:
    """OLLAMA_TOOLS=off: nobody asks, and nothing goes out."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        assert not await engine.calls_tools("")
        await all_of(engine.reply(ASKED, WITH_TOOLS))
        assert "tools" not in fake.asked[-1]

    ollama(story, ollama_tools="off")


# ── a chain ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Plain:
    """A model that can call nothing, and would fail if it was given tools."""

    info = ScriptedLLM().info

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> Any:
        assert not ask.tools
        yield Token("In words.")


class Dies(ScriptedLLM):
    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> Any:
        async for piece in super().reply(messages, ask):
            yield piece
        raise EngineError("gone")


CALLED = Message("assistant", "", (ToolCall("", "find_order", ARGUMENTS),))


def test_after_a_call_no_other_model_takes_over() -> None:
    """It would call the tool again."""
    second = ScriptedLLM()
    chain = FallbackLLM([("first", Dies(answers=[CALLED])), ("second", second)])
    with pytest.raises(EngineError):
        run(all_of(chain.reply(ASKED, WITH_TOOLS)))
    assert second.asked == []


def test_a_model_that_stands_in_and_cannot_call_tools_is_given_none() -> None:
    """The chain says what the one can that will answer."""
    able, chain = ScriptedLLM(fails=1), FallbackLLM([("plain", Plain()), ("able", ScriptedLLM())])
    assert not run(chain.calls_tools(""))
    assert run(FallbackLLM([("able", able), ("plain", Plain())]).calls_tools(""))
    assert words(run(all_of(FallbackLLM([("able", able), ("plain", Plain())]).reply(ASKED, WITH_TOOLS)))) == "In words."


def test_a_call_alone_is_an_answer() -> None:
    """A chain is content with a call that has no words."""
    chain = FallbackLLM([("first", ScriptedLLM(answers=[CALLED])), ("second", Plain())])
    assert made(run(all_of(chain.reply(ASKED, WITH_TOOLS)))) == ONE
