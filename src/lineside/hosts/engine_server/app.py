"""The engine server's routes, shaped as OpenAI's are (platform.openai.com/docs/api-reference), so that any client fits."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import soxr
import structlog
from aiohttp import web

from lineside.audio.wav import read_wav, wav_header
from lineside.errors import ConfigError, EngineBusy, EngineError
from lineside.hosts.engine_server.desk import Desk
from lineside.hosts.engine_server.hear import Heard, Samples
from lineside.hosts.engine_server.mel import RATE
from lineside.hosts.engine_server.parts import Hears, Speaks, Thinks
from lineside.hosts.engine_server.speak import Spoken
from lineside.hosts.engine_server.think import Piece

log = structlog.get_logger()

AUDIO_BYTES = 16 << 20  # of one upload: five minutes at 16 kHz and more; a larger one is refused with 413
LONGEST_AUDIO = 300.0  # seconds; a longer one is refused
JSON_BYTES = 1 << 20
HEARING_ROOM, SPEAKING_ROOM, THINKING_WAIT = 16, 16, 16  # requests; more are told to come back in a second


class Models(msgspec.Struct):
    """The models, as far as they are loaded. `loading` names the others; `failed` says why there will be none."""

    names: dict[str, str]  # role → name: stt, llm, tts
    hears: Hears | None = None
    thinks: Thinks | None = None
    speaks: Speaks | None = None
    loading: set[str] = msgspec.field(default_factory=set)


class Refused(Exception):
    """A request that cannot be served, in OpenAI's error shape."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param = status, message, param


class ChatMessage(msgspec.Struct, frozen=True):
    role: Literal["system", "user", "assistant"]
    content: str


class Chat(msgspec.Struct, frozen=True):
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1, max_length=1000)]
    model: str = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 150
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    stream: bool = False


class SpeechAsk(msgspec.Struct, frozen=True):
    input: Annotated[str, msgspec.Meta(max_length=4096)]
    model: str = ""
    voice: str = ""
    response_format: Literal["wav", "pcm"] = "wav"
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] = 1.0


class EngineServer:
    """The three models behind one application."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.hearing, self.speaking = Desk("the recogniser", HEARING_ROOM), Desk("the voice", SPEAKING_ROOM)
        self.thinking = Desk("the language model", THINKING_WAIT)

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._said_properly], client_max_size=AUDIO_BYTES)
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/v1/models", self.list_models),
                web.post("/v1/audio/transcriptions", self.transcriptions),
                web.post("/v1/audio/speech", self.speech),
                web.post("/v1/chat/completions", self.chat),
            ]
        )
        return app

    @web.middleware
    async def _said_properly(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            if "Origin" in request.headers:
                raise Refused(403, "browsers do not talk to the engine server; ask the gateway")
            return await handler(request)
        except Refused as no:
            return refusal(no.status, no.message, no.param)
        except EngineBusy as no:
            return refusal(503, str(no))
        except EngineError as no:
            return refusal(500, str(no))
        except web.HTTPException as no:
            return refusal(no.status, no.reason)

    async def health(self, request: web.Request) -> web.Response:
        """200 when all models are loaded and warm, otherwise 503 and what is still loading."""
        loading = sorted(self.models.loading)
        return web.json_response(
            {"status": "loading" if loading else "ok", "loading": loading, "models": self.models.names},
            status=503 if loading else 200,
        )

    async def list_models(self, request: web.Request) -> web.Response:
        """The names of the models."""
        data = [{"id": name, "object": "model", "owned_by": "lineside"} for name in self.models.names.values()]
        return web.json_response({"object": "list", "data": data})

    async def transcriptions(self, request: web.Request) -> web.Response:
        """A WAV to words."""
        hears = self.models.hears or _not_yet("stt")
        form = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            raise Refused(400, "the form has no file named 'file'; send a 16-bit PCM WAV", "file")
        shape = form.get("response_format", "json")
        if shape not in ("json", "text", "verbose_json"):
            raise Refused(400, "response_format must be json, text or verbose_json", "response_format")
        with self.hearing.admitted():
            samples = await self.hearing.do(_samples, file.file.read())
            try:
                heard = await self.hearing.do(hears.hear, samples, str(form.get("language") or "en"))
            except ValueError as no:
                raise Refused(400, str(no), "language") from None
        if shape == "text":
            return web.Response(text=heard.text + "\n")
        return web.json_response(_verbose(heard) if shape == "verbose_json" else {"text": heard.text})

    async def speech(self, request: web.Request) -> web.StreamResponse:
        """Text to sound, sent as it is made."""
        speaks = self.models.speaks or _not_yet("tts")
        ask = await _body(request, SpeechAsk)
        if not any(character.isalnum() for character in ask.input):
            raise Refused(400, "input has no words to speak", "input")
        with self.speaking.admitted():
            sentences: Iterator[Spoken] = speaks.speak(ask.input, ask.speed)
            first = await self.speaking.do(next, sentences, None)
            if first is None:
                raise Refused(400, "input has no words to speak", "input")
            answer = web.StreamResponse()
            answer.content_type = "audio/wav" if ask.response_format == "wav" else "audio/pcm"
            await answer.prepare(request)
            if ask.response_format == "wav":
                await answer.write(wav_header(speaks.rate, len(first.pcm) if first.last else None))
            spoken: Spoken | None = first
            while spoken is not None:
                await answer.write(spoken.pcm)
                spoken = await self.speaking.do(next, sentences, None)
            await answer.write_eof()
            return answer

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Messages to an answer, as server-sent events or whole."""
        thinks = self.models.thinks or _not_yet("llm")
        ask = await _body(request, Chat)
        with self.thinking.admitted():
            messages = [{"role": m.role, "content": m.content} for m in ask.messages]
            async with aclosing(thinks.think(messages, ask.max_tokens, ask.temperature)) as pieces:
                if ask.stream:
                    return await self._stream(request, pieces)
                return await self._whole(pieces)

    async def _stream(self, request: web.Request, pieces: AsyncGenerator[Piece, None]) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.content_type = "text/event-stream"
        about = self._about("chat.completion.chunk")
        async for piece in pieces:
            if not answer.prepared:
                await answer.prepare(request)
            delta = {"content": piece.text} if piece.finish is None else {}
            choice = {"index": 0, "delta": delta, "finish_reason": piece.finish}
            await answer.write(b"data: " + json.dumps(about | {"choices": [choice]}).encode() + b"\n\n")
        if not answer.prepared:
            await answer.prepare(request)
        await answer.write(b"data: [DONE]\n\n")
        await answer.write_eof()
        return answer

    async def _whole(self, pieces: AsyncGenerator[Piece, None]) -> web.Response:
        text, last = "", Piece("", "stop")
        async for piece in pieces:
            text += piece.text
            last = piece
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": last.finish}
        usage = {"prompt_tokens": last.prompt_tokens, "completion_tokens": last.completion_tokens}
        usage["total_tokens"] = sum(usage.values())
        return web.json_response(self._about("chat.completion") | {"choices": [choice], "usage": usage})

    def _about(self, kind: str) -> dict[str, Any]:
        name = self.models.names.get("llm", "")
        return {"id": f"chatcmpl-{secrets.token_hex(8)}", "object": kind, "created": int(time.time()), "model": name}


def refusal(status: int, message: str, param: str | None = None) -> web.Response:
    """OpenAI's error shape."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": param, "code": None}
    headers = {"Retry-After": "1"} if status == 503 else {}
    return web.json_response({"error": error}, status=status, headers=headers)


def _not_yet(role: str) -> Any:
    raise EngineBusy(f"the {role} model is still loading")


async def _body(request: web.Request, kind: type[Any]) -> Any:
    raw = await request.read()
    if len(raw) > JSON_BYTES:
        raise Refused(413, f"the body is larger than {JSON_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as no:
        _, _, at = str(no).partition("$.")
        raise Refused(400, str(no), at.strip("`") or None) from None


def _samples(raw: bytes) -> Samples:
    try:
        sound = read_wav(raw)
    except ConfigError as no:
        raise Refused(400, str(no), "file") from None
    if sound.seconds > LONGEST_AUDIO:
        raise Refused(400, f"the file sounds for {sound.seconds:.0f} s; {LONGEST_AUDIO:.0f} are the most", "file")
    samples: Samples = np.frombuffer(sound.pcm, np.int16).astype(np.float32) / 32768
    return samples if sound.rate == RATE else soxr.resample(samples, sound.rate, RATE)


def _verbose(heard: Heard) -> dict[str, Any]:
    segments = [{"id": index} | msgspec.to_builtins(segment) for index, segment in enumerate(heard.segments)]
    about = {"task": "transcribe", "language": heard.language, "duration": heard.seconds}
    return about | {"text": heard.text, "segments": segments}


async def load(models: Models, role: str, make: Callable[[], Any]) -> None:
    """Load one model beside the others."""
    began = time.monotonic()
    made = await asyncio.to_thread(make)
    setattr(models, {"stt": "hears", "llm": "thinks", "tts": "speaks"}[role], made)
    log.info("model loaded", role=role, model=models.names[role], seconds=round(time.monotonic() - began, 2))
