"""What an engine must be able to do. Engines inherit nothing: they only have these shapes.

Every method is an async generator that its reader closes (`async with aclosing(...)`); closing it early stops the
work behind it. Each may raise `EngineError` and its kinds, and nothing else.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from lineside.audio.frame import Sound, Utterance


class Transcript(Struct, frozen=True):
    """What an engine heard. `final` is the last one of its utterance; `text` may be empty."""

    text: str
    final: bool = True
    sure: float = 1.0  # mean probability of the words, 0 to 1
    no_speech: float = 0.0  # probability that nobody spoke, 0 to 1


class Message(Struct, frozen=True):
    """One message of the conversation, as language models take it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Token(Struct, frozen=True):
    """A piece of the answer."""

    text: str


class Thought(Struct, frozen=True):
    """A piece of reasoning: shown, never spoken."""

    text: str


class Ask(Struct, frozen=True):
    """What a language model is asked for besides the messages."""

    model: str = ""  # empty: the engine's own default
    max_tokens: int = 150
    temperature: float = 0.0


@runtime_checkable
class SpeechToText(Protocol):
    """Hears an utterance."""

    def transcribe(self, utterance: Utterance) -> AsyncGenerator[Transcript, None]:
        """Yield transcripts, the last one `final`. An utterance without words gives a final empty text."""
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """Thinks of an answer."""

    def reply(self, messages: Sequence[Message], ask: Ask) -> AsyncGenerator[Token | Thought, None]:
        """Yield the answer as it comes."""
        ...


@runtime_checkable
class TextToSpeech(Protocol):
    """Speaks a sentence."""

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """Yield the sentence as sound of one rate, in order; all words of it are in some sound's `says`.

        `voice` empty means the engine's own default. A sentence without speakable words yields nothing.
        """
        ...
