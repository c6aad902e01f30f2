"""The embedded recogniser and language model, in an engine server that lineside starts beside itself.

They are reached as any other engine server is, by HTTP; only the address comes from lineside's own start-up. The voices
of that server are `engines.piper` and `engines.kokoro`.
"""

from collections.abc import AsyncGenerator, Sequence

import aiohttp

from lineside.audio.frame import Utterance
from lineside.engines import model_admin, openai_http
from lineside.engines.protocols import BackendModel, LlmRequest, Message, Thought, Token, Transcription
from lineside.engines.reasoning import Habits
from lineside.settings import LLM_MODELS, Settings


class FasterWhisper:
    """Whisper in INT8 through CTranslate2, on the CPU: embedded, or in a container that FASTER_WHISPER_URL names."""

    embedded = True  # lives in the engine server that lineside starts beside itself

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.embedded = not settings.faster_whisper_url
        self.choices = (settings.faster_whisper_model,)
        self._http = http
        self._place = openai_http.Endpoint("faster-whisper", settings.faster_whisper_url or settings.embedded_url)

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        return await openai_http.transcribe(self._http, self._place, self.choices[0], utterance)

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/health")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return await model_admin.listed(self._http, self._place, "stt")

    async def load(self, model: str) -> None:
        """See `ModelKeeper`."""
        await model_admin.load(self._http, self._place, model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`."""
        await model_admin.unload(self._http, self._place, model, wait=wait)

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        if self.embedded:
            await self.load(self.choices[0])


class LlamaCpp:
    """Qwen2.5 through llama.cpp, on the CPU; 0.5 or 1.5 billion weights, as the machine allows."""

    embedded = True

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._place = openai_http.Endpoint("the embedded language model", settings.embedded_url, timeout=60.0)
        self._habits = Habits()
        self.choices = tuple(dict.fromkeys((settings.llm_model, *LLM_MODELS)))  # one that is not loaded is, when named

    def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        """See `LanguageModel`."""
        return openai_http.chat(self._http, self._place, ask.model or self.choices[0], messages, ask, self._habits)

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/health")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return await model_admin.listed(self._http, self._place, "llm")

    async def load(self, model: str) -> None:
        """See `ModelKeeper`."""
        await model_admin.load(self._http, self._place, model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`."""
        await model_admin.unload(self._http, self._place, model, wait=wait)

    async def warm(self, opening: Sequence[Message]) -> None:
        """See `Warmable`."""
        await model_admin.warm(self._http, self._place, self.choices[0], opening)

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `Foreseeing`."""
        return await model_admin.may_end(self._http, self._place, ask.model or self.choices[0], messages)

    async def read_ahead(self, messages: Sequence[Message], ask: LlmRequest) -> bool:
        """See `ReadsAhead`: to say whether words may end it has to read them, without the marks of a message's end."""
        await self.may_end(messages, ask)
        return True

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        await self.load(choice or self.choices[0])
