"""The embedded engines: Whisper, Qwen and Piper in an engine server that lineside starts beside itself.

They are reached as any other engine server is, by HTTP; only the address comes from lineside's own start-up.
"""

from collections.abc import AsyncGenerator, Sequence

import aiohttp

from lineside.audio.frame import Sound, Utterance
from lineside.engines import wire
from lineside.engines.protocols import Ask, Message, Thought, Token, Transcript
from lineside.settings import Settings


class FasterWhisper:
    """Whisper base in INT8 through CTranslate2, on the CPU."""

    embedded = True  # lives in the engine server that lineside starts beside itself
    choices = ("faster-whisper-base",)

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._place = wire.Place("faster-whisper", settings.embedded_url)

    def transcribe(self, utterance: Utterance) -> AsyncGenerator[Transcript, None]:
        """See `SpeechToText`."""
        return wire.transcribe(self._http, self._place, self.choices[0], utterance)


class LlamaCpp:
    """Qwen2.5 through llama.cpp, on the CPU; 0.5 or 1.5 billion weights, as the machine allows."""

    embedded = True

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._place = wire.Place("the embedded language model", settings.embedded_url, timeout=60.0)
        self.choices = (settings.llm_model,)

    def reply(self, messages: Sequence[Message], ask: Ask) -> AsyncGenerator[Token | Thought, None]:
        """See `LanguageModel`."""
        return wire.chat(self._http, self._place, ask.model or self.choices[0], messages, ask)


class Piper:
    """Piper: small voices that run faster than real time on a CPU."""

    embedded = True
    choices = ("en_US-joe-medium",)

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._place = wire.Place("piper", settings.embedded_url)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        return wire.speech(self._http, self._place, "piper", voice or self.choices[0], sentence)
