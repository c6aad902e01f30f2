"""ElevenLabs, by elevenlabs.io/docs/api-reference (text-to-speech/stream, models, authentication)."""

from typing import Any

from aiohttp import web

from tests.fakes import speech

KEY = "xi-test"
VOICE = "21m00Tcm4TlvDq8ikWAM"


class FakeElevenLabs:
    """One voice."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/v1/text-to-speech/{voice}/stream", self.stream), web.get("/v1/models", self.models)])
        return app

    async def models(self, request: web.Request) -> web.Response:
        return _no_entry(request) or web.json_response(
            [{"model_id": "eleven_turbo_v2_5", "can_do_text_to_speech": True}]
        )

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if refused := _no_entry(request):
            return refused
        ask = await request.json()
        self.asked.append(ask)
        if request.match_info["voice"] != VOICE:
            return _refusal(404, "voice_not_found", "A voice with the given ID was not found.")
        codec, rate = request.query["output_format"].split("_")
        assert codec == "pcm"
        assert ask["model_id"]
        answer = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await answer.prepare(request)
        await answer.write(speech(ask["text"], int(rate)))
        await answer.write_eof()
        return answer


def _no_entry(request: web.Request) -> web.Response | None:
    good = request.headers.get("xi-api-key") == KEY
    return None if good else _refusal(401, "invalid_api_key", "Invalid API key")


def _refusal(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"detail": {"status": kind, "message": message}}, status=status)
