"""Ollama: its answers, its thoughts, its models; against a fake that speaks its published protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from lineside.engines.protocols import (
    BackendModel,
    LlmPiece,
    LlmRequest,
    Message,
    ModelKeeper,
    PullProgress,
    PullsModels,
    Thought,
    Token,
)
from lineside.engines.reasoning import ROOM
from lineside.engines.vendors.ollama import Ollama
from lineside.errors import EngineBusy, EngineError, EngineTimeout, EngineUnreachable
from tests.engines.fixtures import all_of, built
from tests.fakes import ANSWERED, WHAT_IT_THOUGHT, serving
from tests.fakes.ollama import GB, FakeOllama

QUESTION = (Message("system", "Be brief."), Message("user", "Where is my order?"))


def told(story: Callable[[Ollama, FakeOllama], Awaitable[None]], fake: FakeOllama | None = None, **given: Any) -> None:
    """Tell a story about it and its back end."""

    async def main() -> None:
        there = fake or FakeOllama()
        async with serving(there.app()) as url, aiohttp.ClientSession() as http:
            await story(built(Ollama, http, ollama_url=url, **given), there)

    asyncio.run(main(), debug=True)


def split(pieces: list[LlmPiece]) -> tuple[str, str]:
    """What was thought, and what was said."""
    return tuple("".join(p.text for p in pieces if isinstance(p, kind)).strip() for kind in (Thought, Token))  # type: ignore[return-value]


def test_what_it_is_asked() -> None:
    """The messages, how much, how sure, and how long to keep the model; nothing about thinking unless it was set."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        pieces = await all_of(engine.reply(QUESTION, LlmRequest(max_tokens=50, temperature=0.5)))
        assert split(pieces) == ("", ANSWERED)
        (ask,) = fake.asked
        assert ask["model"] == "llama3.2:3b"
        assert ask["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where is my order?"},
        ]
        assert ask["options"] == {"num_predict": 50, "temperature": 0.5, "num_ctx": 4096}
        assert ask["keep_alive"] == fake.memory["llama3.2:3b"] == "7m"
        assert ask["stream"]
        assert "think" not in ask

    told(story, ollama_keep_alive="7m")


@pytest.mark.parametrize(
    ("think", "model", "thought"),
    [
        ("auto", "qwen3:1.7b", ""),
        ("on", "qwen3:1.7b", WHAT_IT_THOUGHT),
        ("off", "qwen3:1.7b", ""),
        ("auto", "old-thinker", WHAT_IT_THOUGHT),
        ("auto", "llama3.2:3b", ""),
    ],
)
def test_thoughts_are_kept_apart(think: str, model: str, thought: str) -> None:
    """From a field of their own or from the middle of the text; a model that was told not to has none."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        pieces = await all_of(engine.reply(QUESTION, LlmRequest(model=model, max_tokens=50)))
        assert split(pieces) == (thought, ANSWERED)
        thinker = model == "qwen3:1.7b" and think == "on"
        assert fake.asked[0]["options"]["num_predict"] == (50 + ROOM if thinker else 50)

    told(story, ollama_think=think)


def test_a_model_that_cannot_be_told_to_think_is_asked_again_without_and_then_at_once() -> None:
    """The refusal costs one request, once."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        for _ in range(2):
            assert split(await all_of(engine.reply(QUESTION, LlmRequest()))) == ("", ANSWERED)
        assert [ask.get("think") for ask in fake.asked] == [True, None, None]

    told(story, ollama_think="on")


def test_a_thinking_model_says_no_more_than_was_asked_for() -> None:
    """Its thoughts do not count; the stream is left when it has said enough."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        thought, said = split(await all_of(engine.reply(QUESTION, LlmRequest(model="qwen3:1.7b", max_tokens=2))))
        assert (thought, said) == (WHAT_IT_THOUGHT, " ".join(ANSWERED.split()[:2]))

    told(story, ollama_think="on")


@pytest.mark.parametrize(
    ("setting", "sent"), [("-1", -1.0), ("300", 300.0), ("0.5", 0.5), ("24h", "24h"), ("-1m", "-1m")]
)
def test_how_long_to_keep_a_model_goes_out_as_the_server_takes_it(setting: str, sent: float | str) -> None:
    """Seconds are a number: a string of digits is refused."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        await all_of(engine.reply(QUESTION, LlmRequest()))
        await engine.load("llama3.2:3b")
        assert [ask["keep_alive"] for ask in fake.asked] == [sent, sent]
        assert fake.memory["llama3.2:3b"] == sent

    told(story, ollama_keep_alive=setting)


def test_a_long_agent_is_asked_with_a_context_that_holds_it_and_the_model_is_not_loaded_twice() -> None:
    """Without `num_ctx` Ollama would cut the system message. It only grows, and in few steps."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        long = [Message("system", "x" * 18_000), Message("user", "Hello?")]
        for messages in (long, QUESTION, [*long, Message("assistant", "Hi."), Message("user", "y" * 500)]):
            await all_of(engine.reply(messages, LlmRequest()))
        assert [ask["options"]["num_ctx"] for ask in fake.asked] == [8192, 8192, 8192]

    told(story)


def test_a_model_that_thinks_unasked_is_asked_again_without() -> None:
    """Nothing but thoughts came: the caller still gets an answer, and the next one at once."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.disk["mystery:latest"] = 1
        fake.thinks.add("mystery:latest")
        fake.endless = {"mystery:latest"}
        for _ in range(2):
            assert (
                split(await all_of(engine.reply(QUESTION, LlmRequest(model="mystery", max_tokens=50))))[1] == ANSWERED
            )
        assert [ask.get("think") for ask in fake.asked] == [None, False, False]

    told(story)


@pytest.mark.parametrize(("model", "asked"), [("gpt-oss:20b", "low"), ("qwen3:1.7b", False), ("llama3.2:3b", None)])
def test_a_caller_waits_for_as_little_thinking_as_the_model_can_do_with(model: str, asked: str | bool | None) -> None:
    """gpt-oss cannot do without; a model that does not think is told nothing."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.disk[model] = 1
        fake.thinks.add("gpt-oss:20b")
        await all_of(engine.reply(QUESTION, LlmRequest(model=model)))
        assert fake.asked[0].get("think") == asked

    told(story)


def test_a_prompt_that_was_cut_is_said_once() -> None:
    """Ollama tells how many tokens it read: far fewer than the prompt has."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.evaluated = 100
        with capture_logs() as lines:
            for _ in range(2):
                await all_of(engine.reply([Message("system", "x" * 9000), Message("user", "Hi")], LlmRequest()))
        assert [line["event"] for line in lines] == ["ollama may have cut the prompt"]

    told(story)


def test_a_model_that_is_not_there_is_named_with_what_to_do() -> None:
    """In an answer, in a check and when it should be loaded."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        await engine.check()
        del fake.disk["llama3.2:3b"]
        for doing in (all_of(engine.reply(QUESTION, LlmRequest())), engine.check(), engine.load("llama3.2:3b")):
            with pytest.raises(EngineError, match=r"ollama.* has no model llama3\.2:3b; fetch it: ollama pull"):
                await doing

    told(story)


def test_an_answer_that_breaks_off_is_a_failure() -> None:
    """Ollama says so in the stream itself, with status 200."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.breaks = "llama runner process has terminated"
        with pytest.raises(EngineError, match="answered: llama runner process has terminated"):
            await all_of(engine.reply(QUESTION, LlmRequest()))

    told(story)


def test_nobody_there_is_said_with_what_to_do() -> None:
    """In two seconds at most."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            engine = built(Ollama, http, ollama_url="http://127.0.0.1:9")
            for doing in (engine.check(), all_of(engine.reply(QUESTION, LlmRequest())), engine.kept()):
                with pytest.raises(
                    EngineUnreachable, match=r"nobody answers at http://127\.0\.0\.1:9; start it: ollama"
                ):
                    await doing

    asyncio.run(main(), debug=True)


def test_one_that_accepts_and_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check has an end."""
    monkeypatch.setattr("lineside.engines.openai_http.CHECK", 0.5)

    async def silent(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", silent)
        async with serving(app) as url, aiohttp.ClientSession() as http:
            with pytest.raises(EngineTimeout, match=r"did not answer in 0\.5 s"):
                await built(Ollama, http, ollama_url=url).check()

    asyncio.run(main(), debug=True)


def test_one_that_stops_in_mid_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its silence has a limit."""
    monkeypatch.setattr("lineside.engines.vendors.ollama.SILENCE", 0.5)

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.goes_on = asyncio.Event()
        with pytest.raises(EngineTimeout, match="stopped in mid-answer"):
            await all_of(engine.reply(QUESTION, LlmRequest()))

    told(story)


def test_one_that_never_ends_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it sends: a line without end as well."""
    monkeypatch.setattr("lineside.engines.vendors.ollama.ANSWER_BYTES", 300)

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        with pytest.raises(EngineError, match=r"(does not stop answering|sent more than)"):
            await all_of(engine.reply(QUESTION, LlmRequest()))

    told(story)


def test_closing_an_answer_closes_the_request() -> None:
    """Ollama stops generating when its client leaves."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.goes_on = asyncio.Event()
        async with aclosing(engine.reply(QUESTION, LlmRequest())) as tokens:
            assert await anext(tokens) == Token("Your ")
        async with asyncio.timeout(60):
            await fake.left.wait()

    told(story)


def test_what_it_keeps() -> None:
    """What is on its disk, and what of it is in memory, and where."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        assert isinstance(engine, ModelKeeper)
        assert isinstance(engine, PullsModels)
        assert engine.info.choices[:2] == ("llama3.2:3b", "qwen3:1.7b")
        await engine.load("qwen3:1.7b")
        kept = {model.name: model for model in await engine.kept()}
        assert kept["llama3.2:3b"] == BackendModel("llama3.2:3b", loaded=False, bytes=2 * GB)
        assert kept["qwen3:1.7b"] == BackendModel("qwen3:1.7b", True, GB, 2 * GB, on_gpu=True)
        await engine.unload("qwen3:1.7b", wait=False)
        assert fake.memory == {}

    told(story, ollama_models=("qwen3:1.7b",))


def test_a_model_that_answers_is_not_unloaded_under_it() -> None:
    """It is refused, or waited for."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        fake.goes_on = asyncio.Event()
        async with aclosing(engine.reply(QUESTION, LlmRequest())) as tokens:
            await anext(tokens)
            assert {m.name: m.in_use for m in await engine.kept()}["llama3.2:3b"] == 1
            with pytest.raises(EngineBusy, match=r"using llama3\.2:3b"):
                await engine.unload("llama3.2:3b", wait=False)
            waiting = asyncio.create_task(engine.unload("llama3.2:3b", wait=True))
            for _ in range(5):  # round trips, in which it would have been unloaded
                assert {m.name: m.loaded for m in await engine.kept()}["llama3.2:3b"]
            fake.goes_on.set()
            assert [token async for token in tokens]
        await waiting
        assert fake.memory == {}

    told(story)


def test_a_model_is_fetched_and_progress_told() -> None:
    """As Ollama tells it; one that is nowhere is a failure."""

    async def story(engine: Ollama, fake: FakeOllama) -> None:
        news = await all_of(engine.pull("gemma3:4b"))
        assert [n for n in news if n.total] == [PullProgress("sha256:d", done, GB) for done in (0, GB // 2, GB)]
        assert "gemma3:4b" in fake.disk
        with pytest.raises(EngineError, match="file does not exist"):
            await all_of(engine.pull("nowhere"))

    told(story)


def test_all_requests_go_through_the_engines_own_pool() -> None:
    """Its limit holds for the library too: with one connection the second answer waits for the first."""

    async def main() -> None:
        fake = FakeOllama()
        fake.goes_on = asyncio.Event()
        pool = aiohttp.TCPConnector(limit=1)
        async with serving(fake.app()) as url, aiohttp.ClientSession(connector=pool) as http:
            engine = built(Ollama, http, ollama_url=url)
            async with aclosing(engine.reply(QUESTION, LlmRequest())) as first:
                await anext(first)
                second = asyncio.create_task(all_of(engine.reply(QUESTION, LlmRequest())))
                for _ in range(20):
                    await asyncio.sleep(0)
                assert len(fake.asked) == 1
                fake.goes_on.set()
                assert [token async for token in first]
            assert await second
            assert len(fake.asked) == 2

    asyncio.run(main(), debug=True)
