"""Ollama: open models on this host's GPU or another's.

The routes are `/api/chat`, `/api/generate`, `/api/ps`, `/api/tags` and `/api/pull`; streams are lines of JSON
(github.com/ollama/ollama, docs/api.md; thinking: docs.ollama.com/capabilities/thinking).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from time import monotonic
from typing import Any, Literal

import aiohttp
import msgspec
import structlog

from lineside.engine_options import EngineHost, EngineOptions, Names, Url, option
from lineside.engines import openai_http
from lineside.engines.chat_stream import error_words
from lineside.engines.context_sizes import ContextSizes
from lineside.engines.json_lines import answer_chunks, json_lines
from lineside.engines.ollama_wire import (
    OllamaLine,
    OllamaMessage,
    OllamaModel,
    conversation,
    decode_models,
    decode_shown,
    line_decoder,
)
from lineside.engines.protocols import BackendModel, EngineInfo, Fact, LlmPiece, LlmRequest, Message, PullProgress
from lineside.engines.reasoning import Answer, Habits
from lineside.engines.tool_calls import CallReader
from lineside.engines.warm_models import WarmModels, keep_alive, kept_seconds
from lineside.errors import EngineBusy, EngineError, EngineRefused, ModelMissing, OnlyThoughts

SILENCE, PULLING = 30.0, 60.0  # seconds between two pieces of an answer, of a download; stages set tighter limits
LOADING = 300.0  # seconds for a big model from a cold disk, until the first piece
FREE_WITHIN = 60.0  # seconds that `unload` waits for answers under way
ANSWER_BYTES, PULL_BYTES = 4 << 20, 256 << 20  # of one stream; Ollama tells of a pull ten times a second

log = structlog.get_logger()


class _CannotThink(EngineError):
    """The model refuses to be told whether to think."""


class Ollama:
    """Every model that OLLAMA_MODEL and OLLAMA_MODELS name."""

    class Options(EngineOptions):
        """Ollama: open models on this host or another."""

        url: Url = option("http://127.0.0.1:11434", env="OLLAMA_URL", about="Address of Ollama")
        model: str = option("llama3.2:3b", env="OLLAMA_MODEL", about="Ollama's model for calls that name none")
        models: Names = option(
            ("llama3.2:1b", "qwen3:1.7b", "qwen3:4b", "gemma3:4b", "mistral:7b"),
            env="OLLAMA_MODELS",
            about="Further Ollama models that a call may name, comma-separated",
        )
        keep_alive: str = option(
            "5m", env="OLLAMA_KEEP_ALIVE", about="How long Ollama keeps a model loaded after a request"
        )
        think: Literal["auto", "on", "off"] = option(
            "auto",
            env="OLLAMA_THINK",
            about="Whether reasoning models think first; auto = as little as the model can",
        )
        tools: Literal["auto", "off"] = option(
            "auto",
            env="OLLAMA_TOOLS",
            about="Whether models may call an agent's tools; auto = those of which Ollama says that they can",
        )

    def __init__(self, options: Options, host: EngineHost) -> None:
        self.info = EngineInfo(choices=tuple(dict.fromkeys((options.model, *options.models))))
        self._http, self._model = host.http, options.model
        self._endpoint = openai_http.Endpoint("ollama", options.url, hint="start it: ollama serve; or set OLLAMA_URL")
        self._alive, self._think = keep_alive(options.keep_alive), options.think
        self._contexts, self._warm = ContextSizes(), WarmModels(options.model, kept_seconds(self._alive))
        self._habits = Habits()
        self._tools: dict[str, bool] | None = (
            {} if options.tools == "auto" else None
        )  # model → whether it can call them
        self._thoughtless: set[str] = set()  # models that refuse to be told whether to think
        self._in_use: Counter[str] = Counter()  # answers under way, by model
        self._one_less = asyncio.Condition()

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        model = ask.model or self._model
        self._in_use[model] += 1
        try:
            async with aclosing(self._answer(model, messages, ask)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._in_use[model] -= 1
            async with self._one_less:
                self._one_less.notify_all()

    async def _answer(self, model: str, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        think = self._thinking(model)
        try:
            async with aclosing(self._stream(model, messages, ask, think)) as pieces:
                async for piece in pieces:
                    yield piece
        except _CannotThink:
            if think is None:
                raise
            self._thoughtless.add(model)
        except OnlyThoughts:
            if self._think != "auto" or think is False:
                raise
        else:
            return
        # It has said nothing yet, and more is known of it now.
        async with aclosing(self._stream(model, messages, ask, self._thinking(model))) as pieces:
            async for piece in pieces:
                yield piece

    def _thinking(self, model: str) -> bool | Literal["low"] | None:
        """What the model is told of thinking. A caller waits: by default as little as it can."""
        if model in self._thoughtless:
            return None
        if self._think != "auto":
            return self._think == "on"
        if "gpt-oss" in model:
            return "low"  # it cannot do without
        return False if self._habits.room(model) else None

    async def _stream(
        self, model: str, messages: Sequence[Message], ask: LlmRequest, think: bool | Literal["low"] | None
    ) -> AsyncGenerator[LlmPiece, None]:
        if ask.tools and not await self.calls_tools(model):
            ask = msgspec.structs.replace(ask, tools=())
        sorting = Answer("ollama", model, ask, self._habits, thinks=think is not False)
        request: dict[str, Any] = {
            "model": model,
            **conversation(messages, ask.tools),
            "stream": True,
            "options": {
                "num_predict": sorting.max_tokens,
                "temperature": ask.temperature,
                "num_ctx": self._contexts.needed(model, messages, sorting.max_tokens),
            },
            "keep_alive": self._alive,
        }
        if think is not None:
            request["think"] = think
        patience = SILENCE if self._warm.loaded(model, monotonic()) else LOADING
        calls = CallReader()
        async with (
            self._asked("POST", "/api/chat", request, model=model, seconds=patience) as answer,
            aclosing(self._lines(answer, ANSWER_BYTES, SILENCE)) as lines,
        ):
            async for line in lines:
                self._warm.used(model, monotonic())
                if self._contexts.cut(model, messages, line.prompt_eval_count):
                    log.warning("ollama may have cut the prompt", model=model, tokens_read=line.prompt_eval_count)
                said = line.message or OllamaMessage()
                calls.feed(said.tool_calls or ())
                for piece in sorting.feed(said.thinking or "", said.content or ""):
                    yield piece
                if sorting.full:
                    return
        for last in sorting.end(calls.end()):
            yield last

    async def calls_tools(self, choice: str) -> bool:
        """See `CallsTools`: what Ollama says of the model; one that does not say so is given none."""
        model = choice or self._model
        if self._tools is not None and model not in self._tools:
            request = {"model": model}
            async with self._asked("POST", "/api/show", request, model=model, seconds=openai_http.CHECK) as answer:
                shown = decode_shown(await openai_http.read_body(self._endpoint, answer))
            self._tools[model] = shown.capabilities is not None and "tools" in shown.capabilities
        return self._tools is not None and self._tools[model]

    async def check(self) -> None:
        """See `HealthChecked`; a model that is not there is found here."""
        if _tagged(self._model) not in {model.model for model in await self._listed("/api/tags")}:
            raise self._no_model(self._model)

    async def examine(self) -> list[Fact]:
        """See `Examinable`."""
        return self._contexts.facts(self._model, may_think=self._model not in self._thoughtless)

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        disk, memory = await self._listed("/api/tags"), await self._listed("/api/ps")
        loaded = {model.model: model for model in memory}
        return tuple(
            BackendModel(
                name=model.model,
                loaded=model.model in loaded,
                bytes=model.size,
                memory_bytes=loaded[model.model].size if model.model in loaded else None,
                on_gpu=bool(model.model in loaded and loaded[model.model].size_vram),
                in_use=self._in_use[model.model],
            )
            for model in disk
            if model.model
        )

    async def load(self, model: str) -> None:
        """See `ModelKeeper`: an empty question."""
        await self._keep(model, self._alive)
        self._warm.asked(model, monotonic())

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        model = choice or self._model
        if not self._warm.loaded(model, monotonic()):
            await self.load(model)

    async def touch(self) -> None:
        """See `KeepsWarm`."""
        for model in self._warm.due(monotonic()):
            await self.load(model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`. Answers that others than lineside are given are cut off: Ollama does not tell of them."""
        if self._in_use[model] and not wait:
            raise EngineBusy(f"ollama is using {model} now; unload it later, or wait")
        try:
            async with asyncio.timeout(FREE_WITHIN), self._one_less:
                await self._one_less.wait_for(lambda: not self._in_use[model])
        except TimeoutError:
            raise EngineBusy(f"ollama still uses {model} after {FREE_WITHIN:g} s") from None
        self._warm.forget(model)
        await self._keep(model, 0)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """See `PullsModels`."""
        request = {"model": model, "stream": True}
        async with (
            self._asked("POST", "/api/pull", request, model=model, seconds=PULLING) as answer,
            aclosing(self._lines(answer, PULL_BYTES, PULLING)) as lines,
        ):
            async for line in lines:
                yield PullProgress(line.digest or line.status or "", line.completed or 0, line.total or 0)

    async def _keep(self, model: str, alive: str | float) -> None:
        request: dict[str, Any] = {"model": model, "prompt": "", "stream": False, "keep_alive": alive}
        if alive != 0:
            request["options"] = {"num_ctx": self._contexts.of(model)}
        async with self._asked("POST", "/api/generate", request, model=model, seconds=LOADING) as answer:
            await openai_http.read_body(self._endpoint, answer)

    async def _listed(self, path: str) -> list[OllamaModel]:
        async with (
            self._asked("GET", path, None, model="", seconds=openai_http.CHECK) as answer,
            asyncio.timeout(openai_http.CHECK),
        ):
            return decode_models(await openai_http.read_body(self._endpoint, answer)).models

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, request: Mapping[str, Any] | None, *, model: str, seconds: float
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """An answer that has begun, with status 200. It has failed when nothing comes for so many seconds."""
        endpoint = msgspec.structs.replace(self._endpoint, timeout=seconds)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=openai_http.CONNECT, sock_read=seconds)
        async with openai_http.engine_errors(endpoint):
            answer = await openai_http.sent(self._http, method, endpoint.address(path), request, timeout=timeout)
            async with answer:
                try:
                    await openai_http.raise_for_status(endpoint, answer)
                except EngineRefused as no:
                    if no.status == 404:
                        raise self._no_model(model) from None
                    if no.status == 400 and "think" in no.said:
                        raise _CannotThink(str(no)) from None
                    raise
                yield answer

    async def _lines(
        self, answer: aiohttp.ClientResponse, most: int, silence: float
    ) -> AsyncGenerator[OllamaLine, None]:
        try:
            pieces = answer_chunks(answer.content, silence, self._endpoint.shown)
            async with aclosing(json_lines(pieces, line_decoder, most)) as lines:
                async for line in lines:
                    if line.error:
                        said = error_words(line.error)[: openai_http.SAID]
                        raise EngineError(f"{self._endpoint.shown} answered: {said}")
                    yield line
        except OverflowError as endless:
            raise EngineError(f"{self._endpoint.shown} sent {endless}") from None

    def _no_model(self, model: str) -> ModelMissing:
        return ModelMissing(f"{self._endpoint.shown} has no model {model}; fetch it: ollama pull {model}", model=model)


def _tagged(model: str) -> str:
    """The name as Ollama lists it: `latest` is what is meant where no tag is."""
    return model if ":" in model.rsplit("/", 1)[-1] else f"{model}:latest"
