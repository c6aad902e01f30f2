"""Parrot: a language model that says what the caller said. The smallest engine that is one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from lineside.engine_options import EngineHost, EngineOptions, option
from lineside.engines.protocols import EngineInfo, LlmRequest, Message, Thought, Token
from lineside.errors import EngineError


class Parrot:
    """Answers with the caller's words."""

    class Options(EngineOptions):
        """Parrot: says what the caller said."""

        opening: str = option("You said:", env="PARROT_OPENING", about="the words before those of the caller")
        pause: float = option(0.01, env="PARROT_PAUSE_S", about="seconds between two words", ge=0.0, le=1.0)

    def __init__(self, options: Options, host: EngineHost) -> None:
        # An engine with a server asks it through `host.http`: its connections, limited as the operator set.
        self.info = EngineInfo()
        self._options = options

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        """See `lineside.engines.protocols.LanguageModel`."""
        said = messages[-1].content
        for word in f"{self._options.opening} {said}".split()[: ask.max_tokens]:
            await asyncio.sleep(self._options.pause)
            yield Token(f"{word} ")

    async def check(self) -> None:
        """See `lineside.engines.protocols.HealthChecked`."""
        if not self._options.opening:
            raise EngineError("parrot has no opening; set PARROT_OPENING")
