"""Any server that speaks OpenAI's API: vLLM, llama.cpp, LM Studio, Speaches, LocalAI, or the cloud itself.

The routes are those of platform.openai.com/docs/api-reference: `/v1/audio/transcriptions`, `/v1/chat/completions`,
`/v1/audio/speech`, `/v1/models`. The recogniser and the voice may have addresses of their own. With a key and no
address it is the cloud.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Literal

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.engine_options import EngineHost, EngineOptions, Url, option
from lineside.engines import examine_http, model_admin, openai_chat, openai_http, openai_transcribe
from lineside.engines.chat_dialect import TOOLS, Dialects
from lineside.engines.protocols import EngineInfo, Fact, LlmPiece, LlmRequest, Message, Transcription
from lineside.engines.reasoning import Habits
from lineside.errors import EngineError

CLOUD = "https://api.openai.com"


class OpenAIOptions(EngineOptions):
    """Any OpenAI-compatible server: recogniser, language model, voice."""

    url: Url = option(
        "",
        env="OPENAI_URL",
        about="OpenAI-compatible server, without /v1: vLLM, llama.cpp, LM Studio, a cloud",
    )
    api_key: str = option("", env="OPENAI_API_KEY", secret=True, about="Key sent to the OpenAI-compatible servers")
    model: str = option("", env="OPENAI_MODEL", about="Language model to ask for; empty = the server's default")
    effort: Literal["least", "auto", "minimal", "low", "medium", "high"] = option(
        "least",
        env="OPENAI_REASONING_EFFORT",
        about="How much a reasoning model may think; least = as little as it can, auto = its own default",
    )
    tools: Literal["auto", "off"] = option(
        "auto",
        env="OPENAI_TOOLS",
        about="Whether the model may call an agent's tools; auto = until the server refuses them",
    )
    stt_url: Url = option("", env="OPENAI_STT_URL", about="OpenAI-compatible STT server; empty = OPENAI_URL")
    stt_model: str = option("whisper-1", env="OPENAI_STT_MODEL", about="STT model to ask for")
    tts_url: Url = option("", env="OPENAI_TTS_URL", about="OpenAI-compatible TTS server; empty = OPENAI_URL")
    tts_model: str = option("tts-1", env="OPENAI_TTS_MODEL", about="TTS model to ask for")
    tts_voice: str = option("alloy", env="OPENAI_TTS_VOICE", about="TTS voice to ask for")

    def missing(self) -> str:
        """See `EngineOptions`."""
        return "" if self.url or self.api_key else "OPENAI_URL or OPENAI_API_KEY"

    def little_thinking(self) -> tuple[tuple[str, Any], ...]:
        """The fields that ask a model not to think, or as little as it can; a server refuses those it does not know."""
        if self.effort == "auto":
            return ()
        if self.effort != "least":
            return (("reasoning_effort", self.effort),)
        switch = {"enable_thinking": False, "thinking": False}  # of the chat templates of Qwen3 and others
        ours = (("chat_template_kwargs", switch),) if self.url else ()
        return (("reasoning_effort", "low"), *ours)


class OpenAISTT:
    """Hears an utterance."""

    class Options(OpenAIOptions):
        """Its own address is enough."""

        def missing(self) -> str:
            """See `EngineOptions`."""
            return "" if self.stt_url or not super().missing() else "OPENAI_STT_URL, OPENAI_URL or OPENAI_API_KEY"

    def __init__(self, options: OpenAIOptions, host: EngineHost) -> None:
        self.info = EngineInfo(choices=(options.stt_model,))
        self._http, self._model = host.http, options.stt_model
        self._endpoint = _endpoint("the OpenAI-compatible recogniser", options.stt_url, options)
        # The gpt-4o-transcribe models refuse verbose_json, by the same reference.
        self._dialects = openai_transcribe.TranscriptionDialects(
            "json" if "transcribe" in self._model else "verbose_json"
        )

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        return await openai_transcribe.transcribe(
            self._http, self._endpoint, utterance, {"model": self._model}, self._dialects
        )

    async def check(self) -> None:
        """See `HealthChecked`."""
        await openai_http.get(self._http, self._endpoint, "/v1/models")

    async def examine(self) -> list[Fact]:
        """See `Examinable`."""
        connection = await examine_http.connection_fact(self._endpoint)
        return [*examine_http.transcription_facts(self._dialects.now), connection]


class OpenAILLM:
    """Thinks of an answer. Without OPENAI_MODEL it is whatever model the server lists first."""

    Options = OpenAIOptions

    def __init__(self, options: OpenAIOptions, host: EngineHost) -> None:
        self._http = host.http
        self._endpoint = _endpoint("the OpenAI-compatible language model", "", options, timeout=60.0)
        self._habits, self._dialects = Habits(), Dialects(options.little_thinking())
        self._model, self._tools = options.model, options.tools != "off"
        self.info = EngineInfo(choices=(options.model,) if options.model else ())

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        model = ask.model or self._model or await self._first_listed()
        answer = openai_chat.chat(self._http, self._endpoint, model, messages, ask, self._habits, self._dialects)
        async with aclosing(answer) as tokens:
            async for token in tokens:
                yield token

    async def calls_tools(self, choice: str) -> bool:
        """See `CallsTools`."""
        return self._tools and TOOLS not in self._dialects.of(choice or self._model).refused

    async def check(self) -> None:
        """See `HealthChecked`."""
        await openai_http.get(self._http, self._endpoint, "/v1/models")

    async def examine(self) -> list[Fact]:
        """See `Examinable`."""
        model = self._model or await self._first_listed()
        return await examine_http.chat_facts(self._http, self._endpoint, model, self._dialects.of(model))

    async def _first_listed(self) -> str:
        if self._endpoint.url == CLOUD:
            raise EngineError("OPENAI_MODEL is empty: name the model to use")
        models = await model_admin.listed(self._http, self._endpoint)
        if not models:
            raise EngineError(f"{self._endpoint.who} at {self._endpoint.url} lists no model; load one there")
        self._model = models[0].name
        return self._model


class OpenAITTS:
    """Speaks a sentence."""

    class Options(OpenAIOptions):
        """Its own address is enough."""

        def missing(self) -> str:
            """See `EngineOptions`."""
            return "" if self.tts_url or not super().missing() else "OPENAI_TTS_URL, OPENAI_URL or OPENAI_API_KEY"

    def __init__(self, options: OpenAIOptions, host: EngineHost) -> None:
        self.info = EngineInfo(choices=(options.tts_voice,))
        self._http, self._model, self._voice = host.http, options.tts_model, options.tts_voice
        self._endpoint = _endpoint("the OpenAI-compatible voice", options.tts_url, options)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`. As WAV, which tells its rate: that of bare samples differs from server to server."""
        return openai_http.speech(self._http, self._endpoint, self._model, voice or self._voice, sentence)

    async def check(self) -> None:
        """See `HealthChecked`."""
        await openai_http.get(self._http, self._endpoint, "/v1/models")

    async def examine(self) -> list[Fact]:
        """See `Examinable`."""
        return await examine_http.speech_facts(self._http, self._endpoint, self._model, self._voice)


def _endpoint(who: str, url: str, options: OpenAIOptions, timeout: float = 30.0) -> openai_http.Endpoint:
    return openai_http.Endpoint(who, url or options.url or CLOUD, options.api_key, timeout)
