"""An OpenAI-compatible server, by platform.openai.com/docs/api-reference (chat, audio, models).

Reasoning comes as vLLM (docs.vllm.ai, features/reasoning_outputs) and llama.cpp give it: in `reasoning_content`, or, in
newer versions, in `reasoning`; without their parser inline, and by some chat templates without the opening tag.
"""

import json
from typing import Any

from aiohttp import web

from lineside.audio.wav import wav_header
from tests.fakes import ANSWERED, WHAT_IT_THOUGHT, called, form_of, heard_in, speech

KEY = "sk-test"
RATE = 24_000
DONE = b"data: [DONE]\n\n"


class FakeOpenAI:
    """One model a role. `reasoning`: how the language model shows its thoughts."""

    def __init__(self, model: str = "some-model", *, key: str = KEY, reasoning: str = "") -> None:
        self.model, self.key, self.reasoning = model, key, reasoning
        self.asked: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._guarded])
        app.add_routes(
            [
                web.get("/v1/models", self.models),
                web.get("/health", self.health),  # not OpenAI's; vLLM, Speaches and llama.cpp have it
                web.post("/v1/chat/completions", self.chat),
                web.post("/v1/audio/transcriptions", self.transcriptions),
                web.post("/v1/audio/speech", self.speech),
            ]
        )
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _refusal(401, "Incorrect API key provided")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def health(self, request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        ask = await request.json()
        self.asked.append(ask)
        if not ask["model"]:
            return _refusal(400, "you must provide a model parameter")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        thoughts, words = (text.split(" ") for text in (WHAT_IT_THOUGHT, ANSWERED))
        if self.reasoning in ("reasoning", "reasoning_content"):
            deltas += [{self.reasoning: f"{word} "} for word in thoughts]
        elif self.reasoning:
            opening = "" if self.reasoning == "unopened" else "<think>\n"
            deltas += [{"content": piece} for piece in (opening, *(f"{w} " for w in thoughts), "</thi", "nk>\n\n")]
        deltas += [{"content": f"{word} "} for word in words]
        if ask.get("tools") and ask["messages"][-1]["role"] == "user":
            function = called(ask["tools"])
            arguments = json.dumps(function["arguments"])
            deltas = [{"tool_calls": [{"index": 0, "id": "call_1", "function": function | {"arguments": ""}}]}]
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
                for part in (arguments[:9], arguments[9:])
            ]
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for delta in deltas[: 1 + ask["max_tokens"]]:
            await answer.write(b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n")
        await answer.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' + DONE)
        await answer.write_eof()
        return answer

    async def transcriptions(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        self.asked.append(dict(form))
        heard = heard_in(form.get("file"))
        if heard is None or not form.get("model"):
            return _refusal(400, "Invalid file format")
        if form.get("response_format", "json") == "json":
            return web.json_response({"text": heard})
        if "transcribe" in str(form["model"]):
            return _refusal(400, "response_format 'verbose_json' is not compatible with this model")
        segments = [{"id": 0, "avg_logprob": -0.2, "no_speech_prob": 0.01, "text": heard}] if heard else []
        return web.json_response({"text": heard, "language": "english", "duration": 1.0, "segments": segments})

    async def speech(self, request: web.Request) -> web.StreamResponse:
        ask = await request.json()
        self.asked.append(ask)
        if not ask.get("model") or not ask.get("voice"):
            return _refusal(400, "model and voice are required")
        answer = web.StreamResponse(headers={"Content-Type": "audio/wav"})
        await answer.prepare(request)
        await answer.write(wav_header(RATE) + speech(ask["input"], RATE))
        await answer.write_eof()
        return answer


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=status)
