"""What the app needs of its models; tests give it models that need no files."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Protocol

from lineside.engine_server.asr.whisper import Samples, WhisperTranscript
from lineside.engine_server.llm.llama import GeneratedText
from lineside.engine_server.tts.piper import SynthesizedSentence


class SttModel(Protocol):
    """Sound to words; blocks."""

    def transcribe(
        self, samples: Samples, language: str = "en", prompt: str = "", digits: int | None = None
    ) -> WhisperTranscript:
        """Samples between -1 and 1 at 16 kHz; `digits`: see `Utterance.digits`. Raises `UnknownLanguage`."""
        ...


class LlmModel(Protocol):
    """Messages to an answer."""

    def reply(
        self, messages: Sequence[dict[str, str]], max_tokens: int, temperature: float
    ) -> AsyncGenerator[GeneratedText, None]:
        """Yield the answer as it comes; closing early stops the work. Raises `EngineError` and `PromptTooLong`."""
        ...

    async def may_end(self, messages: Sequence[dict[str, str]]) -> float | None:
        """Log odds that the last message's words may end where they do; None: it cannot say. Raises as `reply` does."""
        ...

    async def warm(self, opening: Sequence[dict[str, str]], *, keep: bool = True) -> None:
        """Read beforehand what many conversations begin with. Raises as `reply` does."""
        ...


class TtsModel(Protocol):
    """Text to sound; every step of the iterator blocks."""

    rate: int

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        """Yield sentence after sentence. `voice` is one that the model has."""
        ...
