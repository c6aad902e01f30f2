"""The engine server's routes: what callers said becomes words, words an answer, the answer sound.

No line here logs what anybody says: neither text nor the messages of exceptions that may quote it.
"""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import msgspec
from aiohttp import web

from lineside.audio.wav import wav_header
from lineside.engine_server.asr.digit_listener import MOST_DIGITS
from lineside.engine_server.asr.whisper import UnknownLanguage
from lineside.engine_server.interfaces import LlmModel, SttModel, TtsModel
from lineside.engine_server.llm.llama import GeneratedText, PromptTooLong
from lineside.engine_server.metrics import EngineServerMetrics, ModelUse
from lineside.engine_server.middleware import allowed, counted, guarded
from lineside.engine_server.model_pool import ModelPool
from lineside.engine_server.openai_schema import (
    AUDIO_BYTES,
    ChatRequest,
    Completion,
    LoadRequest,
    RequestRefused,
    SpeechRequest,
    UnloadRequest,
    WarmRequest,
    body,
    error,
    event,
    samples,
    transcription,
    upload,
)
from lineside.engine_server.tts.piper import SynthesizedSentence
from lineside.engine_server.tts.voices import Preset, choose
from lineside.errors import EngineError
from lineside.models.presets import PIPER_PRESETS


class EngineServer:
    """The models behind one application.

    `preset` knows the voices behind Piper's presets. `waiting_for` are the roles whose default is not ready yet.
    """

    def __init__(
        self,
        model_pool: ModelPool,
        preset: Preset,
        waiting_for: set[str] | None = None,
        *,
        secret: str = "",
        only_this_machine: bool = True,
        metrics: EngineServerMetrics | None = None,
    ) -> None:
        """Requests have to show `secret`, if there is one; `only_this_machine`: under no other name than localhost."""
        self._allowed = allowed(secret, only_this_machine=only_this_machine)
        self.waiting_for = waiting_for or set()
        self._model_pool, self._preset = model_pool, preset
        self._metrics = metrics or EngineServerMetrics()

    def app(self) -> web.Application:
        """The routes. Run it with `handler_cancellation=True`, so that a client that leaves stops the work."""
        app = web.Application(middlewares=[counted(self._metrics), self._allowed, guarded], client_max_size=AUDIO_BYTES)
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/metrics", self.metrics),
                web.get("/v1/models", self.list_models),
                web.post("/v1/models/load", self.load),
                web.post("/v1/models/unload", self.unload),
                web.post("/v1/audio/transcriptions", self.transcriptions),
                web.post("/v1/chat/completions", self.chat),
                web.post("/v1/may_end", self.may_end),
                web.post("/v1/warm", self.warm),
                web.post("/v1/audio/speech", self.speech),
            ]
        )
        return app

    async def transcriptions(self, request: web.Request) -> web.Response:
        """A WAV to words."""
        form = await upload(request)
        model = self._model_pool.find("stt", str(form.get("model", "")))
        file, shape = form.get("file"), form.get("response_format", "json")
        if not isinstance(file, bytes):
            raise RequestRefused(400, "the form has no file in its field 'file'; send a 16-bit PCM WAV", "file")
        if shape not in ("json", "text", "verbose_json"):
            raise RequestRefused(400, "response_format must be json, text or verbose_json", "response_format")
        async with self._model_pool.using(model) as loaded:
            stt: SttModel = loaded.instance
            sound = await loaded.queue.run(samples, file)
            try:
                options = (str(form.get("language") or "en"), str(form.get("prompt") or ""))
                heard = await loaded.queue.run(stt.transcribe, sound, *options, _digits(form.get("digits")))
            except UnknownLanguage as no:
                raise RequestRefused(400, str(no), "language") from None
        return transcription(heard, shape)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Messages to an answer, as server-sent events or whole."""
        ask = await body(request, ChatRequest)
        model = self._model_pool.find("llm", ask.model)
        messages = [{"role": message.role, "content": message.content} for message in ask.messages]
        completion = Completion(model.name)
        async with self._model_pool.using(model) as loaded:
            llm: LlmModel = loaded.instance
            async with aclosing(llm.reply(messages, ask.tokens, ask.temperature)) as pieces:
                try:
                    first = await anext(pieces, GeneratedText("", "stop"))
                except PromptTooLong as no:
                    raise RequestRefused(400, str(no), "messages") from None
                if ask.stream:
                    return await self._stream(request, completion, first, pieces)
                text, last = first.text, first
                async for last in pieces:
                    text += last.text
                return web.json_response(completion.whole(text, last))

    async def _stream(
        self,
        request: web.Request,
        completion: Completion,
        first: GeneratedText,
        rest: AsyncGenerator[GeneratedText, None],
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

    async def may_end(self, request: web.Request) -> web.Response:
        """Whether the caller's words, the last message, may be a whole turn: one step of the language model."""
        ask = await body(request, ChatRequest)
        model = self._model_pool.find("llm", ask.model)
        async with self._model_pool.using(model) as loaded:
            llm: LlmModel = loaded.instance
            try:
                odds = await llm.may_end([{"role": said.role, "content": said.content} for said in ask.messages])
            except PromptTooLong as no:
                raise RequestRefused(400, str(no), "messages") from None
        return web.json_response({"log_odds": None if odds is None else round(odds, 3)})

    async def warm(self, request: web.Request) -> web.Response:
        """Let the language model read an opening before it is needed, which the first answer then need not."""
        ask = await body(request, WarmRequest)
        model = self._model_pool.find("llm", ask.model)
        began = time.monotonic()
        async with self._model_pool.using(model) as loaded:
            llm: LlmModel = loaded.instance
            try:
                await llm.warm(msgspec.to_builtins(ask.messages), keep=ask.keep)
            except PromptTooLong as no:
                raise RequestRefused(400, str(no), "messages") from None
        return web.json_response({"seconds": round(time.monotonic() - began, 3)})

    async def speech(self, request: web.Request) -> web.StreamResponse:
        """Text to sound, each sentence sent as soon as it is made."""
        ask = await body(request, SpeechRequest)
        able = [model for model in self._model_pool.known.values() if model.role == "tts"]
        model, voice = choose(able, self._model_pool.first, self._preset, ask.model, ask.voice)
        async with self._model_pool.using(model) as loaded:
            tts: TtsModel = loaded.instance
            sentences: Iterator[SynthesizedSentence] = tts.speak(ask.input, voice, ask.speed)
            spoken = await loaded.queue.run(next, sentences, None)
            if spoken is None:
                raise RequestRefused(400, "input has no words to speak", "input")
            answer = web.StreamResponse()
            answer.content_type = "audio/wav" if ask.response_format == "wav" else "audio/pcm"
            await answer.prepare(request)
            if ask.response_format == "wav":
                await answer.write(wav_header(tts.rate, len(spoken.pcm) if spoken.last else None))
            while spoken is not None:
                await answer.write(spoken.pcm)
                spoken = None if spoken.last else await loaded.queue.run(next, sentences, None)
            await answer.write_eof()
            return answer

    async def list_models(self, request: web.Request) -> web.Response:
        """Every model that is here, and the voices behind Piper's presets."""
        here = [model for model in self._model_pool.known.values() if self._model_pool.fetched(model)]
        presets = {}
        for name in PIPER_PRESETS:
            voice, notice = self._preset(name)
            presets[name] = {"voice": voice, "notice": notice}
        data = [self._model_pool.entry(model) for model in here]
        return web.json_response({"object": "list", "data": data, "presets": presets})

    async def load(self, request: web.Request) -> web.Response:
        """Have a model in memory."""
        model = self._model_pool.named((await body(request, LoadRequest)).model)
        await self._model_pool.load(model)
        return web.json_response(self._model_pool.entry(model))

    async def unload(self, request: web.Request) -> web.Response:
        """Free a model's memory."""
        ask = await body(request, UnloadRequest)
        model = self._model_pool.named(ask.model)
        await self._model_pool.unload(model, ask.wait)
        return web.json_response(self._model_pool.entry(model))

    async def health(self, request: web.Request) -> web.Response:
        """200 when all defaults are loaded and warm, otherwise 503 and what is still to do."""
        loading = sorted(self.waiting_for)
        state = {"status": "loading" if loading else "ok", "loading": loading, "models": self._model_pool.defaults}
        return web.json_response(state, status=503 if loading else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """For Prometheus."""
        models = [
            ModelUse(loaded.model.role, loaded.model.name, loaded.queue.requests, loaded.memory_bytes or 0)
            for loaded in self._model_pool.loaded_models()
        ]
        return web.Response(text=self._metrics.text(models, not self.waiting_for))


def _digits(field: object) -> int | None:
    """How many digits were asked for: a field of our own beside OpenAI's."""
    text = str(field or "")
    return min(int(text), MOST_DIGITS) if text.isdecimal() else None
