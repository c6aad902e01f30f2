"""The embedded recogniser and language model, in an engine server that lineside starts beside itself.

They are reached as any other engine server is, by HTTP; only the address comes from lineside's own start-up. The voices
of that server are `piper` and `kokoro`.
"""

from collections.abc import AsyncGenerator, Sequence

from lineside.audio.frame import Utterance
from lineside.embedded_models import INSTRUCT_MODELS, LLM_MODELS
from lineside.engine_options import EngineHost, EngineOptions, Url, option
from lineside.engines import examine_http, model_admin, openai_chat, openai_http, openai_transcribe
from lineside.engines.protocols import (
    BackendModel,
    EngineInfo,
    Fact,
    LlmPiece,
    LlmRequest,
    Message,
    Transcription,
)
from lineside.engines.reasoning import Habits


class FasterWhisper:
    """Whisper in INT8 through CTranslate2, on the CPU: embedded, or in a container that FASTER_WHISPER_URL names."""

    class Options(EngineOptions):
        """faster-whisper: Whisper on the CPU."""

        url: Url = option(
            "",
            env="FASTER_WHISPER_URL",
            about="Server that speaks /v1/audio/transcriptions; empty = the embedded engine server",
        )
        model: str = option(
            "faster-whisper-base", env="FASTER_WHISPER_MODEL", about="Whisper model of the engine faster-whisper"
        )

    def __init__(self, options: Options, host: EngineHost) -> None:
        self._embedded, self._model = not options.url, options.model
        self.info = EngineInfo(choices=(options.model,), embedded=self._embedded)
        self._http, self._dialects = host.http, openai_transcribe.TranscriptionDialects()
        self._endpoint = openai_http.Endpoint("faster-whisper", options.url or host.embedded_url)

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        fields = {"model": self._model}
        if self._embedded and utterance.digits is not None:
            fields["digits"] = str(utterance.digits)  # our own engine server listens for them
        return await openai_transcribe.transcribe(self._http, self._endpoint, utterance, fields, self._dialects)

    async def check(self) -> None:
        """See `HealthChecked`."""
        await openai_http.get(self._http, self._endpoint, "/health")
        if self._embedded:
            await model_admin.require(self._http, self._endpoint, self._model)

    async def examine(self) -> list[Fact]:
        """See `Examinable`."""
        return examine_http.transcription_facts(self._dialects.now)

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return await model_admin.listed(self._http, self._endpoint, "stt")

    async def load(self, model: str) -> None:
        """See `ModelKeeper`."""
        await model_admin.load(self._http, self._endpoint, model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`."""
        await model_admin.unload(self._http, self._endpoint, model, wait=wait)

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        if self._embedded:
            await self.load(self._model)


class LlamaCpp:
    """Qwen2.5 through llama.cpp, on the CPU; 0.5 or 1.5 billion weights, as the machine allows."""

    class Options(EngineOptions):
        """The embedded language model has no options of its own: EMBEDDED_LLM names it for the engine server too."""

    def __init__(self, options: Options, host: EngineHost) -> None:
        self._http, self._model = host.http, host.embedded_llm
        self._endpoint = openai_http.Endpoint("the embedded language model", host.embedded_url, timeout=60.0)
        self._habits = Habits()
        known = dict.fromkeys(
            (host.embedded_llm, *LLM_MODELS, *INSTRUCT_MODELS)
        )  # one that is not loaded is, when named
        self.info = EngineInfo(choices=tuple(known), embedded=True)

    def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        return openai_chat.chat(self._http, self._endpoint, ask.model or self._model, messages, ask, self._habits)

    async def check(self) -> None:
        """See `HealthChecked`; its file has to be there."""
        await openai_http.get(self._http, self._endpoint, "/health")
        await model_admin.require(self._http, self._endpoint, self._model)

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return await model_admin.listed(self._http, self._endpoint, "llm")

    async def load(self, model: str) -> None:
        """See `ModelKeeper`."""
        await model_admin.load(self._http, self._endpoint, model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`."""
        await model_admin.unload(self._http, self._endpoint, model, wait=wait)

    async def warm(self, opening: Sequence[Message], *, keep: bool = True) -> None:
        """See `Warmable`."""
        await model_admin.warm(self._http, self._endpoint, self._model, opening, keep=keep)

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `PredictsTurnEnd`."""
        return await model_admin.may_end(self._http, self._endpoint, ask.model or self._model, messages)

    async def read_ahead(self, messages: Sequence[Message], ask: LlmRequest) -> bool:
        """See `Prefills`: to say whether words may end it has to read them, without the marks of a message's end."""
        await self.may_end(messages, ask)
        return True

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        await self.load(choice or self._model)
