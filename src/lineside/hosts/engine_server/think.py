"""Thinking: a GGUF model through llama.cpp, whose own server runs inside this process, on a port only we have the key to.

Reached by HTTP rather than by its callback, because only so does it stop when a caller goes away while it is still
reading the prompt: the callback is first called after the first token.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from lineside.errors import ConfigError, EngineError

CONTEXT = 4096  # tokens of one call: the prompt, its facts and some forty turns


class Piece(msgspec.Struct, frozen=True):
    """Some of the answer. The last one has no text and says why it ended: `stop` or `length`."""

    text: str
    finish: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Timings(msgspec.Struct):
    prompt_n: int = 0
    cache_n: int = 0
    predicted_n: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    timings: _Timings | None = None


_chunk = msgspec.json.Decoder(_Chunk)


class Llama:
    """One language model with as many slots as callers it answers at once."""

    def __init__(self, model: Path, threads: int = 2, slots: int = 3) -> None:
        import xllamacpp

        self.slots = slots
        self._key = secrets.token_hex(32)
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.n_ctx, params.n_parallel = CONTEXT * slots, slots
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.verbosity = 0
        params.warmup = params.fit_params = params.ui = params.endpoint_slots = False
        params.cache_ram_mib = 0
        params.n_threads_http = slots + 2
        params.api_keys, params.cors_origins = [self._key], ""
        try:
            self._server: Any = xllamacpp.Server(params)
        except Exception as cause:
            raise ConfigError(f"the model {model} cannot be loaded: {cause}") from cause
        self._http: aiohttp.ClientSession | None = None

    async def think(
        self, messages: Sequence[dict[str, str]], max_tokens: int, temperature: float
    ) -> AsyncGenerator[Piece, None]:
        """Yield the answer as it comes; closing early stops the model."""
        self._http = self._http or aiohttp.ClientSession(
            self._server.listening_address,
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=aiohttp.ClientTimeout(total=None),
            connector=aiohttp.TCPConnector(force_close=True, limit=self.slots + 2),
        )
        body = {"messages": list(messages), "max_tokens": max_tokens, "temperature": temperature, "stream": True}
        async with self._http.post("/v1/chat/completions", json=body) as answer:
            if answer.status != 200:
                raise EngineError(f"llama.cpp answered {answer.status}")
            async for line in answer.content:
                if not line.startswith(b"data: {"):
                    continue
                chunk = _chunk.decode(line[6:])
                for choice in chunk.choices:
                    if choice.delta.content:
                        yield Piece(choice.delta.content)
                    if choice.finish_reason:
                        told = chunk.timings or _Timings()
                        yield Piece("", choice.finish_reason, told.prompt_n + told.cache_n, told.predicted_n)

    async def warm(self, system: str) -> None:
        """Let every slot read the system prompt, so that a caller's first answer need not wait for that."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "Hello"}]

        async def read() -> None:
            async for _ in self.think(messages, 1, 0.0):
                pass

        async with asyncio.TaskGroup() as slots:
            for _ in range(self.slots):
                slots.create_task(read())

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http:
            await self._http.close()
