"""Kokoro-FastAPI, by github.com/remsky/Kokoro-FastAPI (README, api/src/routers/openai_compatible.py)."""

from typing import Any

from aiohttp import web

from tests.fakes import speech

RATE = 24_000
MODELS = ("kokoro", "tts-1", "tts-1-hd")
VOICES = ("af_heart", "af_bella", "am_adam", "bf_emma")


class FakeKokoro:
    """It refuses models and voices it does not know, as FastAPI does: in `detail`."""

    def __init__(self, voices: tuple[str, ...] = VOICES) -> None:
        self.voices = voices
        self.asked: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/v1/audio/speech", self.speech), web.get("/health", self.health)])
        return app

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def speech(self, request: web.Request) -> web.StreamResponse:
        ask = await request.json()
        self.asked.append(ask)
        for name, known, error in (("model", MODELS, "invalid_model"), ("voice", self.voices, "validation_error")):
            if ask[name] not in known:
                detail = {"error": error, "message": f"{name} {ask[name]!r} not found", "type": "invalid_request_error"}
                return web.json_response({"detail": detail}, status=400)
        assert ask["response_format"] == "pcm"
        answer = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await answer.prepare(request)
        pcm = speech(ask["input"], RATE)
        for at in range(0, len(pcm), 4801):  # cut in the middle of samples
            await answer.write(pcm[at : at + 4801])
        await answer.write_eof()
        return answer
