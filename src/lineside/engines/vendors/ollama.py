"""Ollama: open models on this host's GPU or another's, through its official client library.

The routes behind the library are `/api/chat`, `/api/generate`, `/api/ps`, `/api/tags` and `/api/pull`
(github.com/ollama/ollama, docs/api.md; thinking: docs.ollama.com/capabilities/thinking).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal

import msgspec

from lineside.engine_options import EngineHost, EngineOptions, Names, Url, option
from lineside.engines import openai_http
from lineside.engines.protocols import BackendModel, EngineInfo, LlmRequest, Message, PullProgress, Thought, Token
from lineside.engines.reasoning import Answer, Habits
from lineside.errors import EngineBusy, EngineError

SILENCE = 30.0  # seconds between two pieces of an answer; stages set tighter limits of their own
LOADING = 300.0  # seconds for a big model from a cold disk
PULLING = 60.0  # seconds without news of a download
FREE_WITHIN = 60.0  # seconds that `unload` waits for answers under way
ANSWER_BYTES, PULL_BYTES = 4 << 20, 256 << 20  # of one stream; Ollama tells of a pull ten times a second
THINK = {"auto": None, "on": True, "off": False}


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
            about="Whether reasoning models think first; auto = the model's own default",
        )

    def __init__(self, options: Options, host: EngineHost) -> None:
        import httpx
        import ollama

        from lineside.engines.httpx_transport import AiohttpTransport

        self.info = EngineInfo(choices=tuple(dict.fromkeys((options.model, *options.models))))
        self._model = options.model
        self._endpoint = openai_http.Endpoint(
            "ollama", options.url, timeout=SILENCE, hint="start it: ollama serve; or set OLLAMA_URL"
        )
        self._alive, self._think = options.keep_alive, THINK[options.think]
        self._habits = Habits()
        self._thoughtless: set[str] = set()  # models that refuse to be told whether to think
        self._in_use: Counter[str] = Counter()  # answers under way, by model
        self._one_less = asyncio.Condition()
        self._error: type[ollama.ResponseError] = ollama.ResponseError

        def client(read: float, most_bytes: int) -> ollama.AsyncClient:
            timeout = httpx.Timeout(read, connect=openai_http.CONNECT)
            return ollama.AsyncClient(options.url, timeout=timeout, transport=AiohttpTransport(host.http, most_bytes))

        self._chat, self._look = client(SILENCE, ANSWER_BYTES), client(openai_http.CHECK, ANSWER_BYTES)
        self._load, self._pull = client(LOADING, ANSWER_BYTES), client(PULLING, PULL_BYTES)

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
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

    async def _answer(
        self, model: str, messages: Sequence[Message], ask: LlmRequest
    ) -> AsyncGenerator[Token | Thought, None]:
        think = None if model in self._thoughtless else self._think
        sorting = Answer("ollama", model, ask, self._habits, thinks=think is not False)
        begun = False
        async with self._asking(model):
            try:
                async with aclosing(self._stream(model, messages, ask, sorting.max_tokens, think)) as parts:
                    async for part in parts:
                        begun = True
                        for piece in sorting.feed(part.message.thinking or "", part.message.content or ""):
                            yield piece
                        if sorting.full:
                            return
            except self._error as no:
                if begun or think is None or no.status_code != 400 or "think" not in no.error:
                    raise
                self._thoughtless.add(model)
        if model in self._thoughtless and not begun:
            async with aclosing(self._answer(model, messages, ask)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        for piece in sorting.end():
            yield piece

    async def _stream(
        self, model: str, messages: Sequence[Message], ask: LlmRequest, max_tokens: int, think: bool | None
    ) -> AsyncGenerator[Any, None]:
        stream: Any = await self._chat.chat(
            model,
            msgspec.to_builtins(messages),
            stream=True,
            think=think,
            options={"num_predict": max_tokens, "temperature": ask.temperature},
            keep_alive=self._alive,
        )
        async with aclosing(stream) as parts:
            async for part in parts:
                yield part

    async def check(self) -> None:
        """See `HealthChecked`; a model that is not there is found here."""
        model = self._model
        async with self._asking(model, openai_http.CHECK), asyncio.timeout(openai_http.CHECK):
            names = {m.model for m in (await self._look.list()).models}
        if _tagged(model) not in names:
            raise EngineError(f"ollama at {self._endpoint.url} has no model {model}; fetch it: ollama pull {model}")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        async with self._asking("", 2 * openai_http.CHECK):
            disk, memory = await self._look.list(), await self._look.ps()
        loaded = {m.model: m for m in memory.models}
        return tuple(
            BackendModel(
                name=m.model,
                loaded=m.model in loaded,
                bytes=m.size,
                memory_bytes=loaded[m.model].size if m.model in loaded else None,
                on_gpu=bool(m.model in loaded and loaded[m.model].size_vram),
                in_use=self._in_use[m.model],
            )
            for m in disk.models
            if m.model
        )

    async def load(self, model: str) -> None:
        """See `ModelKeeper`: an empty question."""
        async with self._asking(model, LOADING):
            await self._load.generate(model, "", keep_alive=self._alive)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`. Answers that others than lineside are given are cut off: Ollama does not tell of them."""
        if self._in_use[model] and not wait:
            raise EngineBusy(f"ollama is answering with {model}; unload it later, or wait for it")
        try:
            async with asyncio.timeout(FREE_WITHIN), self._one_less:
                await self._one_less.wait_for(lambda: not self._in_use[model])
        except TimeoutError:
            raise EngineBusy(f"ollama still answers with {model} after {FREE_WITHIN:g} s") from None
        async with self._asking(model, LOADING):
            await self._load.generate(model, "", keep_alive=0)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """See `PullsModels`."""
        async with self._asking(model, PULLING):
            stream: Any = await self._pull.pull(model, stream=True)
            async with aclosing(stream) as news:
                async for part in news:
                    yield PullProgress(part.digest or part.status or "", part.completed or 0, part.total or 0)

    @asynccontextmanager
    async def _asking(self, model: str, seconds: float = SILENCE) -> AsyncGenerator[None, None]:
        """Its errors in our words; `seconds` is the wait that a timeout stands for."""
        try:
            async with openai_http.asking(msgspec.structs.replace(self._endpoint, timeout=seconds)):
                yield
        except self._error as no:
            if no.status_code == 404:
                raise EngineError(f"ollama has no model {model}; fetch it: ollama pull {model}") from None
            kind = EngineBusy if no.status_code in (429, 503) else EngineError
            said = str(no.error)[: openai_http.SAID]
            status = f" {no.status_code}" if no.status_code > 0 else ""
            raise kind(f"ollama at {self._endpoint.url} answered{status}: {said}") from None


def _tagged(model: str) -> str:
    """The name as Ollama lists it: `latest` is what is meant where no tag is."""
    return model if ":" in model.rsplit("/", 1)[-1] else f"{model}:latest"
