"""Models of an engine server: listed by role, loaded and unloaded."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from lineside.engines.protocols import BackendModel, LlmRequest, Message
from lineside.engines.vendors.embedded import FasterWhisper, LlamaCpp
from lineside.engines.vendors.kokoro import Kokoro
from lineside.engines.vendors.piper import Piper
from lineside.errors import EngineBusy, EngineError
from tests.engines.fixtures import built
from tests.fakes import serving


class FakeModelServer:
    """The part of an engine server that keeps models, by lineside's own convention."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.models = [
            {"id": "faster-whisper-base", "role": "stt", "loaded": True, "in_use": 2, "bytes": 9, "memory_bytes": 8},
            {"id": "qwen2.5-coder-0.5b", "role": "llm", "loaded": False, "in_use": 0, "bytes": 7, "memory_bytes": None},
            {"id": "kokoro-82m", "role": "tts", "loaded": False, "in_use": 0, "bytes": 5, "voices": ["af_heart"]},
            {"id": "en_US-joe-medium", "role": "tts", "loaded": True, "in_use": 0, "bytes": 3},
        ]

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/v1/models", self.list),
                web.post("/v1/models/{what}", self.tell),
                web.post("/v1/{what}", self.tell),
            ]
        )
        return app

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": self.models})

    async def tell(self, request: web.Request) -> web.Response:
        ask = await request.json()
        self.told.append((request.match_info["what"], ask))
        if request.match_info["what"] == "may_end":
            return web.json_response({"log_odds": -2.5} if len(ask["messages"]) == 1 else {"odd": "answer"})
        if ask["model"] == "faster-whisper-base" and not ask.get("wait"):
            return web.json_response({"error": {"message": "2 requests under way", "code": "in_use"}}, status=409)
        return web.json_response(self.models[0])


def test_models_of_the_engine_server_are_listed_by_role_loaded_and_unloaded() -> None:
    """What is in use is busy, not broken."""
    model_server = FakeModelServer()

    async def story(url: str, http: aiohttp.ClientSession) -> None:
        stt, llm = built(FasterWhisper, http, embedded_url=url), built(LlamaCpp, http, embedded_url=url)
        assert await stt.kept() == (BackendModel("faster-whisper-base", True, 9, 8, in_use=2),)
        assert [k.name for k in await llm.kept()] == ["qwen2.5-coder-0.5b"]
        assert [k.name for k in await built(Piper, http, embedded_url=url).kept()] == ["en_US-joe-medium"]
        assert [k.name for k in await built(Kokoro, http, embedded_url=url).kept()] == ["kokoro-82m"]
        await llm.load("qwen2.5-coder-0.5b")
        with pytest.raises(EngineBusy, match="2 requests under way"):
            await stt.unload("faster-whisper-base", wait=False)
        await stt.unload("faster-whisper-base", wait=True)
        assert model_server.told == [
            ("load", {"model": "qwen2.5-coder-0.5b"}),
            ("unload", {"model": "faster-whisper-base", "wait": False}),
            ("unload", {"model": "faster-whisper-base", "wait": True}),
        ]

    async def main() -> None:
        async with serving(model_server.app()) as url, aiohttp.ClientSession() as http:
            await story(url, http)

    asyncio.run(main(), debug=True)


def test_whether_words_may_end_is_asked_of_the_model_that_answers() -> None:
    """An answer that is none is the engine's failure."""
    model_server = FakeModelServer()

    async def main() -> None:
        async with serving(model_server.app()) as url, aiohttp.ClientSession() as http:
            llm = built(LlamaCpp, http, embedded_url=url)
            said = Message("user", "I would like to")
            assert await llm.may_end([said], LlmRequest(model="qwen2.5-coder-1.5b")) == -2.5
            with pytest.raises(EngineError, match="unexpected response"):
                await llm.may_end([said, said], LlmRequest())

    asyncio.run(main(), debug=True)
    said = {"role": "user", "content": "I would like to"}
    assert model_server.told[0] == ("may_end", {"model": "qwen2.5-coder-1.5b", "messages": [said]})
