"""The MeloTTS API container, by github.com/timhagel/MeloTTS-Docker-API-Server (README, app.py)."""

from typing import Any

from aiohttp import web

from lineside.audio.wav import wav_bytes
from tests.fakes import speech

RATE = 44_100
SPEAKERS = ("EN-US", "EN-BR", "EN_INDIA", "EN-AU", "EN-Default")


class FakeMeloTTS:
    """Makes the whole WAV before it answers, and calls it audio/mpeg."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/convert/tts", self.convert), web.get("/openapi.json", self.openapi)])
        return app

    async def openapi(self, request: web.Request) -> web.Response:
        return web.json_response({"openapi": "3.1.0", "paths": {"/convert/tts": {}}})

    async def convert(self, request: web.Request) -> web.Response:
        ask = await request.json()
        self.asked.append(ask)
        if not isinstance(ask.get("text"), str) or not isinstance(ask.get("speed", 1.0), float | int):
            wrong = [{"loc": ["body", "text"], "msg": "Field required", "type": "missing", "input": ask}]
            return web.json_response({"detail": wrong}, status=422)
        if ask.get("speaker_id") not in SPEAKERS or ask.get("language") != "EN":
            return web.Response(status=500, text="Internal Server Error")
        return web.Response(body=wav_bytes(speech(ask["text"], RATE), RATE), content_type="audio/mpeg")
