"""whisper-server, by github.com/ggml-org/whisper.cpp examples/server (README.md, server.cpp).

The answers' shapes and the plain-text refusals were taken from version 1.9.5 as it ran.
"""

from aiohttp import web

from tests.fakes import form_of, heard_in


class FakeWhisperServer:
    """Its model is loaded."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str | bytes]] = []
        self.loading = False

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.add_routes([web.post("/inference", self.inference), web.get("/health", self.health)])
        return app

    async def health(self, request: web.Request) -> web.Response:
        if self.loading:
            return web.json_response({"status": "loading model"}, status=503)
        return web.json_response({"status": "ok"})

    async def inference(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        self.asked.append(form)
        heard = heard_in(form.get("file"))
        if heard is None:
            return web.Response(status=400, text="Invalid request")
        text = f" {heard}\n" if heard else " [BLANK_AUDIO]\n"
        if form.get("response_format") != "verbose_json":
            return web.json_response({"text": text})
        segment = {"id": 0, "text": text, "start": 0.0, "end": 1.0, "avg_logprob": -0.1, "no_speech_prob": 0.02}
        return web.json_response(
            {"task": "transcribe", "language": "english", "duration": 1.0, "text": text, "segments": [segment]}
        )
