"""Thinking: a GGUF model through llama.cpp, whose own server runs inside this process, at a port with a secret key.

Reached by HTTP rather than by its callback, because only so does it stop when a caller goes away while it is still
reading the prompt: the callback is first called after the first token.
"""

import asyncio
import math
import os
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import structlog

from lineside.engine_server.llm.prompt_cache import PromptCache
from lineside.engine_server.llm.slots import Slots
from lineside.errors import ConfigError, EngineError, LinesideError

log = structlog.get_logger()

MAX_CALLER_PROMPT_CHARS = (
    3000  # characters of a caller's own prompt that is read beforehand: some 750 tokens, 8 s on two cores
)
# Qwen3 would think first, and callers wait; templates without that word pass it over (Qwen3-8B, model card).
NO_THINKING: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}
CONTEXT = 4096  # tokens of one call: the prompt, its facts and some forty turns
# Tokens read in one go. Other callers' answers stand still meanwhile: 0.6 s here, 5 s at llama.cpp's own 512; the
# reading itself takes no longer (measured at 64, 128 and 512).
AT_ONCE = 64
LIKELY = 40  # next tokens whose chances are asked for; the others together have 5 % at most
ENDS = (".", "?", "!")  # what a person's turn is written to end with, besides the model's own mark and a new line


class GeneratedText(msgspec.Struct, frozen=True):
    """Some of the answer. The last one has no text and says why it ended: `stop` or `length`."""

    text: str
    finish: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class PromptTooLong(LinesideError):
    """The conversation does not fit into the model's context."""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Timings(msgspec.Struct):
    prompt_n: int = 0
    cache_n: int = 0
    predicted_n: int = 0


class _Fault(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    timings: _Timings = msgspec.field(default_factory=_Timings)
    error: _Fault | None = None


class _Chance(msgspec.Struct):
    id: int = -1
    token: str = ""
    logprob: float = -math.inf


class _TokenPosition(msgspec.Struct):
    top_logprobs: list[_Chance] = []


class _NextTokens(msgspec.Struct):
    completion_probabilities: list[_TokenPosition] = []


class _Prompt(msgspec.Struct):
    prompt: str


_chunk = msgspec.json.Decoder(_Chunk)


class LlamaModel:
    """One language model with as many slots as callers it answers at once.

    `prompts_folder` is for the prompts it was warmed with, as the model holds them after reading; it is kept from
    one start to the next, so that the same prompt need not be read again.
    """

    def __init__(self, model: Path, prompts_folder: Path, threads: int = 2, slots: int = 4) -> None:
        import xllamacpp

        self.slots = slots
        key = secrets.token_hex(32)
        params: Any = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = CONTEXT * slots, slots, AT_ONCE, AT_ONCE
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.no_extra_bufts = True  # without a second, reordered copy of some weights: 30 MB less, no slower
        params.verbosity = 0  # it would log prompts
        params.warmup = params.fit_params = params.ui = False
        params.cache_ram_mib = 0  # our own cache does it
        params.slot_save_path = f"{prompts_folder}{os.sep}"
        params.n_threads_http = slots + 2  # every answer under way holds one; two for the cache
        params.api_keys, params.cors_origins = [key], ""
        try:
            self._server = xllamacpp.Server(params)
        except Exception as cause:
            raise ConfigError(f"the language model {model} cannot be loaded: {cause}") from cause
        self._headers = {"Authorization": f"Bearer {key}"}
        self._free = asyncio.Semaphore(slots)  # the app lets only so many wait here
        self._free_for_caller_prompts = asyncio.Semaphore(
            max(1, slots - 1)
        )  # one slot is never a caller's own prompt's
        self._answering, self._reading_caller_prompt = 0, False
        self._slots = Slots(slots)
        self._folder = prompts_folder
        self._prompt_cache = PromptCache(
            prompts_folder, f"{xllamacpp.__version__} {model.name} {model.stat().st_mtime_ns} {CONTEXT}"
        )

    async def reply(
        self, messages: Sequence[dict[str, str]], max_tokens: int, temperature: float
    ) -> AsyncGenerator[GeneratedText, None]:
        """Yield the answer as it comes; closing early stops the model. Raises `EngineError` and `PromptTooLong`."""
        async with self._slot(messages) as slot:
            ask: dict[str, Any] = {"messages": list(messages), "max_tokens": max_tokens, "temperature": temperature}
            ask |= {"stream": True, "id_slot": slot, "cache_prompt": True} | NO_THINKING
            async with self._session() as http, http.post("/v1/chat/completions", json=ask) as answer:
                if answer.status != 200:
                    raise _fault(_chunk.decode(await answer.read()).error or _Fault(message=str(answer.status)))
                async for line in answer.content:
                    if not line.startswith(b"data: {"):
                        continue
                    chunk = _chunk.decode(line[6:])
                    if chunk.error:
                        raise _fault(chunk.error)
                    for piece in _pieces(chunk):
                        yield piece

    async def may_end(self, messages: Sequence[dict[str, str]]) -> float | None:
        """Log odds that the caller's words, the last message, may end where they do. Raises as `reply` does.

        One step of the model, in the slot that will answer them: it reads what the answer needs read anyway. None if
        the model's chat template does not show the words as they are.
        """
        async with self._slot(messages) as slot:
            shown = msgspec.json.decode(
                await self._ask_server("/apply-template", {"messages": list(messages)} | NO_THINKING), type=_Prompt
            )
            before, words, _ = shown.prompt.rpartition(messages[-1]["content"])
            if not words:
                return None
            ask = {"prompt": before + words, "n_predict": 1, "n_probs": LIKELY, "temperature": 0.0}
            raw = await self._ask_server("/completion", ask | {"id_slot": slot, "cache_prompt": True})
            places = msgspec.json.decode(raw, type=_NextTokens).completion_probabilities
            return _odds(places[0].top_logprobs) if places else None

    async def warm(self, opening: Sequence[dict[str, str]], *, keep: bool = True) -> None:
        """Read what many conversations begin with, and put it into the cache: no caller waits for that again.

        Without `keep` it is one caller's own prompt. It is never put into the cache, and it is read beforehand only
        where that keeps no answer waiting: one such prompt at a time, a short one, while nothing is answered.
        """
        messages = list(opening)
        text = _text(messages)
        if not keep:
            await self._read_caller_prompt(messages, text)
            return
        if self._prompt_cache.has(text):
            async with self._slot(messages):
                pass  # taken from the cache, or thrown away because it could not be
        if self._prompt_cache.has(text):
            return
        async with self._slot(messages) as slot:
            greeted = [*messages, {"role": "user", "content": "Hello"}]
            await self._ask_server(
                "/v1/chat/completions", {"messages": greeted, "max_tokens": 1, "id_slot": slot} | NO_THINKING
            )
            written = f"{self._prompt_cache.name(text)}.{os.getpid()}.part"  # another engine server may write the same
            await self._ask_server(f"/slots/{slot}?action=save", {"filename": written})
            self._prompt_cache.put(text, self._folder / written)

    async def _read_caller_prompt(self, messages: list[dict[str, str]], text: str) -> None:
        if self._reading_caller_prompt or self._answering or len(text) > MAX_CALLER_PROMPT_CHARS:
            return  # it is read when the caller's first question comes
        self._reading_caller_prompt = True
        try:
            async with self._slot(messages) as slot:
                greeted = [*messages, {"role": "user", "content": "Hello"}]
                await self._ask_server(
                    "/v1/chat/completions", {"messages": greeted, "max_tokens": 1, "id_slot": slot} | NO_THINKING
                )
        finally:
            self._reading_caller_prompt = False

    @asynccontextmanager
    async def _slot(self, messages: Sequence[dict[str, str]]) -> AsyncGenerator[int, None]:
        """A slot that knows as much of the conversation as can be had without reading."""
        text = _text(messages)
        cached, much = self._prompt_cache.nearest(text)
        own = bool(cached) and much < len(cached)  # a prompt of the caller's own, which takes seconds to read
        async with self._free_for_caller_prompts if own else nullcontext(), self._free:
            slot, from_cache = self._slots.take(text, much)
            self._answering += 1
            try:
                if not own:
                    self._prompt_cache.has(cached)  # used just now, so not to be thrown away next
                if from_cache:
                    await self._restore(slot, cached)
                yield slot
            finally:
                self._answering -= 1
                self._slots.give(slot, text)

    async def _restore(self, slot: int, cached: str) -> None:
        try:
            await self._ask_server(f"/slots/{slot}?action=restore", {"filename": self._prompt_cache.name(cached)})
        except EngineError as cause:
            log.warning("cached prompt unusable, discarding it", why=str(cause))
            self._prompt_cache.drop(cached)

    async def _ask_server(self, path: str, body: dict[str, Any]) -> bytes:
        async with self._session() as http, http.post(path, json=body) as answer:
            raw = await answer.read()
            if answer.status != 200:
                raise _fault(_chunk.decode(raw).error or _Fault(message=str(answer.status)))
            return raw

    def _session(self) -> aiohttp.ClientSession:
        """A session a request, so that there is nothing to close when the model goes."""
        return aiohttp.ClientSession(
            self._server.listening_address,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None),  # who asked us has a deadline, and goes away
            connector=aiohttp.TCPConnector(force_close=True),
        )


def _text(messages: Sequence[dict[str, str]]) -> str:
    return "".join(f"{message['role']}\0{message['content']}\0" for message in messages)


def _pieces(chunk: _Chunk) -> list[GeneratedText]:
    pieces = []
    for choice in chunk.choices:
        if choice.delta.content:
            pieces.append(GeneratedText(choice.delta.content))
        if choice.finish_reason:
            timings = chunk.timings
            pieces.append(
                GeneratedText("", choice.finish_reason, timings.prompt_n + timings.cache_n, timings.predicted_n)
            )
    return pieces


def _odds(next_tokens: Sequence[_Chance]) -> float:
    """Log odds of an end among the chances of the next token; a mark of the model's own is written as nothing."""
    ends = sum(math.exp(chance.logprob) for chance in next_tokens if _ends(chance.token))
    ends = min(1 - 1e-4, max(1e-4, ends))
    return math.log(ends / (1 - ends))


def _ends(token: str) -> bool:
    return "\n" in token or not token or token.strip() in ENDS


def _fault(fault: _Fault) -> Exception:
    """llama.cpp's own words; they hold numbers and names of settings, never the prompt."""
    if fault.type == "exceed_context_size_error":
        return PromptTooLong(f"the messages are longer than the {CONTEXT} tokens that one call has")
    return EngineError(f"the language model failed: {fault.message}")
