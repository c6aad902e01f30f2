"""The engine server's routes: what callers said becomes words, words an answer, the answer sound.

No line here logs what anybody says: neither text nor the messages of exceptions that may quote it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Never

import msgspec
import structlog
from aiohttp import web

from lineside.audio.wav import wav_header
from lineside.errors import EngineBusy, EngineError
from lineside.hosts.engine_server.counts import Counts
from lineside.hosts.engine_server.desk import Desk
from lineside.hosts.engine_server.hear import UnknownLanguage
from lineside.hosts.engine_server.parts import Hears, Speaks, Thinks
from lineside.hosts.engine_server.speak import Spoken
from lineside.hosts.engine_server.think import Piece, TooLong
from lineside.hosts.engine_server.wire import (
    AUDIO_BYTES,
    Chat,
    Completion,
    Refused,
    SpeechAsk,
    Warm,
    body,
    error,
    event,
    refusal,
    samples,
    transcription,
    upload,
)

log = structlog.get_logger()

HEARING_ROOM, SPEAKING_ROOM, THINKING_ROOM = 16, 16, 32  # requests at each model; more are sent away with a 503


class Models(msgspec.Struct):
    """The models, each as soon as it is loaded."""

    names: dict[str, str]  # role → name; the roles are stt, llm and tts
    hears: Hears | None = None
    thinks: Thinks | None = None
    speaks: Speaks | None = None
    waiting_for: set[str] = msgspec.field(default_factory=set)  # what must be done before all is well


class EngineServer:
    """The three models behind one application."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._hearing, self._speaking = Desk("stt", HEARING_ROOM), Desk("tts", SPEAKING_ROOM)
        self._thinking = Desk("llm", THINKING_ROOM)
        self._counts = Counts()

    def app(self) -> web.Application:
        """The routes. Run it with `handler_cancellation=True`, so that a client that leaves stops the work."""
        app = web.Application(middlewares=[self._counted, self._guarded], client_max_size=AUDIO_BYTES)
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/metrics", self.metrics),
                web.get("/v1/models", self.list_models),
                web.post("/v1/audio/transcriptions", self.transcriptions),
                web.post("/v1/chat/completions", self.chat),
                web.post("/v1/warm", self.warm),
                web.post("/v1/audio/speech", self.speech),
            ]
        )
        return app

    def close(self) -> None:
        """Begin no more work."""
        for desk in (self._hearing, self._speaking, self._thinking):
            desk.close()

    async def transcriptions(self, request: web.Request) -> web.Response:
        """A WAV to words."""
        hears = self.models.hears or _still_loading("stt")
        form = await upload(request)
        self._check_model("stt", str(form.get("model", "")))
        file, shape = form.get("file"), form.get("response_format", "json")
        if not isinstance(file, bytes):
            raise Refused(400, "the form has no file in its field 'file'; send a 16-bit PCM WAV", "file")
        if shape not in ("json", "text", "verbose_json"):
            raise Refused(400, "response_format must be json, text or verbose_json", "response_format")
        with self._hearing.admitted():
            sound = await self._hearing.do(samples, file)
            try:
                heard = await self._hearing.do(hears.hear, sound, str(form.get("language") or "en"))
            except UnknownLanguage as no:
                raise Refused(400, str(no), "language") from None
        return transcription(heard, shape)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Messages to an answer, as server-sent events or whole."""
        thinks = self.models.thinks or _still_loading("llm")
        ask = await body(request, Chat)
        self._check_model("llm", ask.model)
        messages = [{"role": message.role, "content": message.content} for message in ask.messages]
        completion = Completion(self.models.names["llm"])
        with self._thinking.admitted():
            async with aclosing(thinks.think(messages, ask.tokens, ask.temperature)) as pieces:
                try:
                    first = await anext(pieces, Piece("", "stop"))
                except TooLong as no:
                    raise Refused(400, str(no), "messages") from None
                if ask.stream:
                    return await self._stream(request, completion, first, pieces)
                text, last = first.text, first
                async for last in pieces:
                    text += last.text
                return web.json_response(completion.whole(text, last))

    async def _stream(
        self, request: web.Request, completion: Completion, first: Piece, rest: AsyncGenerator[Piece, None]
    ) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await answer.prepare(request)
        await answer.write(completion.event(first))
        try:
            async for piece in rest:
                await answer.write(completion.event(piece))
        except EngineError as no:  # too late for another status: the stream itself must say it
            await answer.write(event({"error": error("server_error", str(no))}))
            return answer
        await answer.write(b"data: [DONE]\n\n")
        await answer.write_eof()
        return answer

    async def warm(self, request: web.Request) -> web.Response:
        """Let the language model read an opening before it is needed, which the first answer then need not."""
        thinks = self.models.thinks or _still_loading("llm")
        ask = await body(request, Warm)
        self._check_model("llm", ask.model)
        began = time.monotonic()
        with self._thinking.admitted():
            try:
                await thinks.warm(msgspec.to_builtins(ask.messages))
            except TooLong as no:
                raise Refused(400, str(no), "messages") from None
        return web.json_response({"seconds": round(time.monotonic() - began, 3)})

    async def speech(self, request: web.Request) -> web.StreamResponse:
        """Text to sound, each sentence sent as soon as it is made."""
        speaks = self.models.speaks or _still_loading("tts")
        ask = await body(request, SpeechAsk)
        if ask.voice not in ("", self.models.names["tts"]):
            raise Refused(400, f"voice must be {self.models.names['tts']!r}, the one that is loaded", "voice")
        with self._speaking.admitted():
            sentences: Iterator[Spoken] = speaks.speak(ask.input, ask.speed)
            spoken = await self._speaking.do(next, sentences, None)
            if spoken is None:
                raise Refused(400, "input has no words to speak", "input")
            answer = web.StreamResponse()
            answer.content_type = "audio/wav" if ask.response_format == "wav" else "audio/pcm"
            await answer.prepare(request)
            if ask.response_format == "wav":
                await answer.write(wav_header(speaks.rate, len(spoken.pcm) if spoken.last else None))
            while spoken is not None:
                await answer.write(spoken.pcm)
                spoken = None if spoken.last else await self._speaking.do(next, sentences, None)
            await answer.write_eof()
            return answer

    async def list_models(self, request: web.Request) -> web.Response:
        """The names of the models."""
        data = [{"id": name, "object": "model", "owned_by": "lineside"} for name in self.models.names.values()]
        return web.json_response({"object": "list", "data": data})

    async def health(self, request: web.Request) -> web.Response:
        """200 when all models are loaded and warm, otherwise 503 and what is still to do."""
        waiting_for = sorted(self.models.waiting_for)
        state = {"status": "loading" if waiting_for else "ok", "loading": waiting_for, "models": self.models.names}
        return web.json_response(state, status=503 if waiting_for else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """For Prometheus."""
        desks = [(desk.name, desk.inside) for desk in (self._hearing, self._speaking, self._thinking)]
        return web.Response(text=self._counts.text(desks, not self.models.waiting_for))

    def _check_model(self, role: str, name: str) -> None:
        """A wrong name is refused, rather than answered by some other model."""
        if name not in ("", self.models.names[role]):
            raise Refused(404, f"model must be {self.models.names[role]!r}, the one that is loaded", "model")

    @web.middleware
    async def _counted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        began, status = time.monotonic(), 499  # as nginx has it for a client that left
        try:
            answer = await handler(request)
            status = answer.status
            return answer
        finally:
            resource = request.match_info.route.resource
            self._counts.add(resource.canonical if resource else "other", status, time.monotonic() - began)

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Whatever goes wrong is said in one shape."""
        try:
            if "Origin" in request.headers:
                raise Refused(403, "browsers have no business here; let the page ask the gateway")
            return await handler(request)
        except Refused as no:
            return refusal(no.status, no.message, no.param)
        except EngineError as no:
            return refusal(503 if isinstance(no, EngineBusy) else 500, str(no))
        except web.HTTPException as no:
            return refusal(no.status, no.text or no.reason)
        except (ConnectionError, asyncio.CancelledError):
            raise  # the client left
        except Exception as fault:  # a fault of ours: its kind and place are logged, its message may quote a caller
            place = fault.__traceback__
            while place and place.tb_next:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
            log.error("a request failed", path=request.path, kind=type(fault).__name__, where=where)
            return refusal(500, f"the engine server failed ({type(fault).__name__}); its log says where")


def _still_loading(role: str) -> Never:
    raise EngineBusy(f"the {role} model is still loading; /health says when all is well")
