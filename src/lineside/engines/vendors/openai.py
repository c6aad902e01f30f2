"""Any server that speaks OpenAI's API: vLLM, llama.cpp, LM Studio, Speaches, LocalAI, or the cloud itself.

The routes are those of platform.openai.com/docs/api-reference: `/v1/audio/transcriptions`, `/v1/chat/completions`,
`/v1/audio/speech`, `/v1/models`. Ears and voice may live elsewhere than the mind. With a key and no address it is the
cloud.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp

from lineside.audio.frame import Sound, Utterance
from lineside.engines import model_admin, openai_http
from lineside.engines.protocols import LlmRequest, Message, Thought, Token, Transcription
from lineside.engines.reasoning import Habits
from lineside.errors import EngineError
from lineside.settings import Settings

CLOUD = "https://api.openai.com"


class OpenAISTT:
    """Hears an utterance."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http = http
        self.choices = (settings.openai_stt_model,)
        self._place = _place("the OpenAI-compatible recogniser", settings.openai_stt_url, settings)

    @staticmethod
    def offered(settings: Settings) -> bool:
        """Only where there is an address or a key."""
        return bool(settings.openai_stt_url or settings.openai_url or settings.openai_api_key)

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        model = self.choices[0]
        # The gpt-4o-transcribe models refuse verbose_json, by the same reference.
        shape = "json" if "transcribe" in model else "verbose_json"
        return await openai_http.transcribe(
            self._http, self._place, model, utterance, fields={"model": model, "response_format": shape}
        )

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/v1/models")


class OpenAILLM:
    """Thinks of an answer. Without OPENAI_MODEL it is whatever model the server lists first."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._place = _place("the OpenAI-compatible language model", "", settings, timeout=60.0)
        self._habits = Habits()
        self._model = settings.openai_model
        self.choices = (self._model,) if self._model else ()

    @staticmethod
    def offered(settings: Settings) -> bool:
        """Only where there is an address or a key."""
        return bool(settings.openai_url or settings.openai_api_key)

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        """See `LanguageModel`."""
        model = ask.model or self._model or await self._first_listed()
        async with aclosing(openai_http.chat(self._http, self._place, model, messages, ask, self._habits)) as tokens:
            async for token in tokens:
                yield token

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/v1/models")

    async def _first_listed(self) -> str:
        if self._place.url == CLOUD:
            raise EngineError("OPENAI_MODEL is empty: the cloud has many models, name the one that answers")
        models = await model_admin.listed(self._http, self._place)
        if not models:
            raise EngineError(f"{self._place.who} at {self._place.url} lists no model; load one there")
        self._model = models[0].name
        return self._model


class OpenAITTS:
    """Speaks a sentence."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http, self._model = http, settings.openai_tts_model
        self.choices = (settings.openai_tts_voice,)
        self._place = _place("the OpenAI-compatible voice", settings.openai_tts_url, settings)

    @staticmethod
    def offered(settings: Settings) -> bool:
        """Only where there is an address or a key."""
        return bool(settings.openai_tts_url or settings.openai_url or settings.openai_api_key)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`. As WAV, which tells its rate: that of bare samples differs from server to server."""
        return openai_http.speech(self._http, self._place, self._model, voice or self.choices[0], sentence)

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/v1/models")


def _place(who: str, url: str, settings: Settings, timeout: float = 30.0) -> openai_http.Endpoint:
    return openai_http.Endpoint(who, url or settings.openai_url or CLOUD, settings.openai_api_key, timeout)
