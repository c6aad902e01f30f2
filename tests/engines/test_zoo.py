"""Ordinary third-party servers, each with its oddities: every one of them gives its answer to the caller."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from lineside.call.chat_history import ChatHistory
from lineside.engines.protocols import LlmRequest, Message, Token
from lineside.engines.vendors.openai import OpenAILLM
from lineside.errors import EngineBusy, EngineError, EngineUnreachable
from tests.engines.fixtures import all_of, built
from tests.engines.zoo import SAID, ZOO, Animal, Server, openai_error
from tests.fakes import serving

OPENING = (
    Message("system", "You answer for Harbour Broadband."),
    Message("user", "Hi"),
    Message("assistant", "Hello!"),
)


def greeted() -> Sequence[Message]:
    """A call as it is: a greeting, two turns in a row without an answer heard between them, a question."""
    history = ChatHistory(OPENING)
    history.agent("This is Harbour Broadband. How can I help you?")
    history.caller("Hello.")
    history.caller("Are you there?")
    return history.messages(asking="When do you open?")


def told(animal: Animal, story: Callable[[OpenAILLM, Server], Awaitable[None]], **given: Any) -> None:
    async def main() -> None:
        server = Server(animal)
        async with serving(server.app()) as url, aiohttp.ClientSession() as http:
            await story(built(OpenAILLM, http, openai_url=given.pop("url", url), **given), server)

    asyncio.run(main())


async def said(engine: OpenAILLM, messages: Sequence[Message], **ask: Any) -> str:
    pieces = await all_of(engine.reply(messages, LlmRequest(**ask)))
    return "".join(piece.text for piece in pieces if isinstance(piece, Token)).strip()


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_every_server_answers_and_what_it_wants_is_learned_once(animal: Animal) -> None:
    """The first answer may cost some refused requests, the next one none."""

    async def story(engine: OpenAILLM, server: Server) -> None:
        assert await said(engine, greeted()) == SAID
        assert len(server.asked) == animal.tries
        assert await said(engine, greeted()) == SAID
        assert len(server.asked) == animal.tries + 1

    told(animal, story)


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_an_address_is_taken_as_people_have_it(tail: str) -> None:
    """With /v1 at its end or without, or the whole route."""

    async def main() -> None:
        server = Server(ZOO[0])
        async with serving(server.app()) as url, aiohttp.ClientSession() as http:
            engine = built(OpenAILLM, http, openai_url=url + tail)
            await engine.check()
            assert await said(engine, greeted()) == SAID

    asyncio.run(main())


def test_a_deployment_of_azure_is_asked_at_its_own_route_with_its_own_header() -> None:
    """`…/openai/deployments/NAME?api-version=…` has no /v1."""
    from lineside.engines.openai_http import Endpoint

    azure = Endpoint("x", "https://desk.openai.azure.com/openai/deployments/gpt?api-version=2026-01-01", "key")
    address = "https://desk.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2026-01-01"
    assert azure.address("/v1/chat/completions") == address
    assert azure.headers()["api-key"] == "key"
    assert "key" not in Endpoint("x", "http://u:key@host/v1?k=key", "key").shown


def test_a_refusal_that_names_nothing_we_could_change_is_an_error_in_the_servers_words() -> None:
    """One request, no guessing."""

    async def story(engine: OpenAILLM, server: Server) -> None:
        with pytest.raises(EngineError, match="answered 400: The model is overdue"):
            await said(engine, greeted())
        assert len(server.asked) == 1

    told(Animal("stubborn", lambda asked: openai_error("The model is overdue")), story)


def test_a_server_that_refuses_for_ever_is_given_up() -> None:
    """Whatever is changed, it names the next field: a bounded number of requests, then its words."""

    def refuse(asked: dict[str, Any]) -> Any:
        return openai_error(f"Unsupported parameter: '{next(iter(set(asked) - {'model'}))}'")

    async def story(engine: OpenAILLM, server: Server) -> None:
        with pytest.raises(EngineError, match="Unsupported parameter"):
            await said(engine, greeted())
        assert len(server.asked) <= 6

    told(Animal("picky", refuse), story)


def test_what_is_learned_holds_for_one_model_alone() -> None:
    """Another model of the same server is asked in the ordinary way."""

    def refuse(asked: dict[str, Any]) -> Any:
        return openai_error("'max_tokens' is not supported", "max_tokens") if asked["model"] == "o9" else None

    def refuse_once(asked: dict[str, Any]) -> Any:
        return refuse(asked) if "max_tokens" in asked else None

    async def story(engine: OpenAILLM, server: Server) -> None:
        for model in ("o9", "plain", "o9"):
            assert await said(engine, greeted(), model=model) == SAID
        names = [("max_tokens" in asked, "max_completion_tokens" in asked) for asked in server.asked]
        assert names == [(True, False), (False, True), (True, False), (False, True)]

    told(Animal("two models", refuse_once), story)


BROKEN: dict[str, tuple[Callable[[web.Request], Awaitable[web.StreamResponse]], type[EngineError], str]] = {}


def broken(kind: type[EngineError], words: str) -> Callable[..., Any]:
    def add(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
        BROKEN[handler.__name__] = handler, kind, words
        return handler

    return add


async def stream(request: web.Request, *pieces: bytes, kind: str = "text/event-stream") -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": kind})
    await answer.prepare(request)
    for piece in pieces:
        await answer.write(piece)
    return answer


@broken(EngineError, "disconnected: out of memory")
async def error_in_a_stream(request: web.Request) -> web.StreamResponse:
    return await stream(request, b'data: {"error":{"message":"out of memory"}}\n\n')


@broken(EngineError, "disconnected: no such model")
async def error_body_with_status_200(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"message": "no such model"}})


@broken(EngineError, "disconnected: boom")
async def bare_error_line(request: web.Request) -> web.StreamResponse:
    return await stream(request, b'{"error": "boom"}\n')


@broken(EngineError, "a page")
async def page_of_a_proxy(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Sign in</html>", content_type="text/html")


@broken(EngineError, r"redirects to http://elsewhere\.test/v1: set its address to that")
async def redirect(request: web.Request) -> web.StreamResponse:
    return web.Response(status=308, headers={"Location": "http://elsewhere.test/v1"})


@broken(EngineBusy, "answered 429: slow down")
async def rate_limit(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "20"})


@broken(EngineError, "answered 500")
async def server_error(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="Internal Server Error")


@broken(EngineError, "gave an empty answer")
async def nothing_but_comments(request: web.Request) -> web.StreamResponse:
    return await stream(request, b": hi\n\n" * 1000)


@broken(EngineError, "more than")
async def endless_white_space(request: web.Request) -> web.StreamResponse:
    return await stream(request, *[b"\n" * 65_536] * 300)


@broken(EngineError, "a line of more than")
async def line_without_end(request: web.Request) -> web.StreamResponse:
    return await stream(request, *[b"x" * 65_536] * 10)


@broken(EngineError, "unexpected response")
async def no_json(request: web.Request) -> web.StreamResponse:
    return await stream(request, b"data: {not json\n\n")


@broken(EngineError, "gave an empty answer")
async def gzip_of_nothing(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    answer.enable_compression(web.ContentCoding.gzip)
    await answer.prepare(request)
    await answer.write(b"data: [DONE]\n\n")
    return answer


@pytest.mark.parametrize("name", BROKEN)
def test_a_server_that_breaks_is_a_named_error(name: str) -> None:
    """So that the next engine goes on; memory stays bounded."""
    handler, kind, words = BROKEN[name]

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", handler)
        async with serving(app) as url, aiohttp.ClientSession() as http:
            engine = built(OpenAILLM, http, openai_url=url, openai_model="m")
            with pytest.raises(kind, match=words):
                await said(engine, greeted())

    asyncio.run(main())


def test_a_compressed_stream_is_read() -> None:
    """Some proxies compress everything."""

    async def main() -> None:
        async def chat(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            answer.enable_compression(web.ContentCoding.gzip)
            await answer.prepare(request)
            await answer.write(b'data: {"choices":[{"delta":{"content":"We open at nine."}}]}\n\ndata: [DONE]\n\n')
            return answer

        app = web.Application()
        app.router.add_post("/v1/chat/completions", chat)
        async with serving(app) as url, aiohttp.ClientSession() as http:
            assert await said(built(OpenAILLM, http, openai_url=url, openai_model="m"), greeted()) == SAID

    asyncio.run(main())


def test_a_server_without_tls_at_an_https_address_is_named_as_such() -> None:
    """Not: nobody answers."""

    async def main() -> None:
        async with serving(Server(ZOO[0]).app()) as url, aiohttp.ClientSession() as http:
            engine = built(OpenAILLM, http, openai_url=url.replace("http:", "https:"), openai_model="m")
            with pytest.raises(EngineUnreachable, match="does not speak TLS"):
                await said(engine, greeted())

    asyncio.run(main())
