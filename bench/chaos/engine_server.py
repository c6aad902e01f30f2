"""An OpenAI-shaped server of engines that take a fixed time: those of the load tester, over HTTP."""

import json
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from lineside.audio.frame import STT_RATE, Utterance
from lineside.audio.wav import wav_bytes
from lineside.engine_options import EngineOptions
from lineside.engines.protocols import LlmRequest, Token
from lineside.loadtest.mock_engines import RATE, MockLLM, MockSTT, MockTTS

MOST = 64 << 20  # bytes of a request


class FixedTimeEngines:
    """The routes; what is heard is numbered, never the same twice."""

    def __init__(self) -> None:
        self._stt, self._llm, self._tts = MockSTT(EngineOptions()), MockLLM(EngineOptions()), MockTTS(EngineOptions())

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(client_max_size=MOST)
        app.add_routes(
            [
                web.get("/v1/models", self.models),
                web.get("/health", self.models),
                web.post("/v1/chat/completions", self.chat),
                web.post("/v1/audio/transcriptions", self.transcriptions),
                web.post("/v1/audio/speech", self.speech),
            ]
        )
        return app

    async def models(self, request: web.Request) -> web.Response:
        """One model."""
        return web.json_response({"object": "list", "data": [{"id": "fixed-time", "object": "model"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """A streamed answer."""
        asked = await request.json()
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        with suppress(ConnectionError):  # the caller interrupted
            await self._say(answer, asked)
        return answer

    async def _say(self, answer: web.StreamResponse, asked: dict[str, Any]) -> None:
        async with aclosing(self._llm.reply((), LlmRequest(max_tokens=asked.get("max_tokens") or 1000))) as pieces:
            async for piece in pieces:
                text = piece.text if isinstance(piece, Token) else ""
                await answer.write(_event({"index": 0, "delta": {"content": text}}))
        await answer.write(_event({"index": 0, "delta": {}, "finish_reason": "stop"}) + b"data: [DONE]\n\n")
        await answer.write_eof()

    async def transcriptions(self, request: web.Request) -> web.Response:
        """What is heard, whatever was said."""
        await request.post()
        heard = await self._stt.transcribe(Utterance(bytes(2 * STT_RATE), 0.0, 1.0))
        return web.json_response({"text": heard.text, "language": "english", "duration": 1.0, "segments": []})

    async def speech(self, request: web.Request) -> web.Response:
        """A sentence's sound, whole."""
        asked = await request.json()
        async with aclosing(self._tts.speak(asked["input"], "")) as sounds:
            pcm = b"".join([sound.pcm async for sound in sounds])
        return web.Response(body=wav_bytes(pcm, RATE), content_type="audio/wav")


def _event(choice: dict[str, object]) -> bytes:
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


@asynccontextmanager
async def fixed_time_engines() -> AsyncGenerator[int, None]:
    """The server, on a port of 127.0.0.1 that is told; gone with the block."""
    quiet = logging.getLogger("bench.chaos.engine_server")
    quiet.disabled = True  # a gateway that hangs up on an answer is no error
    runner = web.AppRunner(FixedTimeEngines().app(), handle_signals=False, shutdown_timeout=1.0, logger=quiet)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        await web.SockSite(runner, listener).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            await runner.cleanup()


def settings_of(port: int) -> dict[str, str]:
    """What a gateway is told of it."""
    roles = {f"DEFAULT_{role}_ENGINE": "openai" for role in ("STT", "LLM", "TTS")}
    return {"OPENAI_URL": f"http://127.0.0.1:{port}", "OPENAI_MODEL": "fixed-time", **roles}
