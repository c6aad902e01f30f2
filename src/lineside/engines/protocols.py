"""What an engine must be able to do. Engines inherit nothing: they only have these shapes.

`transcribe` is a coroutine: cancelling it stops the work behind it. `reply` and `speak` are async generators that their
reader closes (`async with aclosing(...)`); closing one early stops the work behind it. Each may raise `EngineError` and
its kinds, and nothing else.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from lineside.audio.frame import SpokenAudio, Utterance


class Transcription(Struct, frozen=True):
    """What an engine heard. `text` is stripped, and empty where nobody spoke."""

    text: str
    sure: float = 1.0  # mean probability of the words, 0 to 1
    no_speech: float | None = None  # probability that nobody spoke, 0 to 1; None where the recogniser has none
    avg_logprob: float | None = None  # mean natural log-probability of its tokens; None where the recogniser has none
    language: str = ""  # as the recogniser names it ("en", "english"); empty where it does not say
    clear: bool | None = None  # digits that were asked for were heard beyond doubt; None: they were not listened for
    nod: float | None = None  # log odds that it is but a nod ("mm-hm"), by its sound; None where nobody can tell


class ToolSpec(Struct, frozen=True):
    """A tool, as a language model is shown it."""

    name: str
    description: str
    parameters: dict[str, Any]  # JSON Schema of an object


class ToolCall(Struct, frozen=True):
    """A language model wants a tool called. Complete, never a fragment; nothing of it has been checked."""

    id: str  # as the server has it; empty: it has none
    name: str
    arguments: str  # JSON, as it came


class Message(Struct, frozen=True, omit_defaults=True):
    """One message of the conversation, as language models take it.

    An assistant's message with `calls` is followed by one message of the role `tool` for each of them.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()  # of an assistant
    answers: str = ""  # of a tool: the id of the call
    tool: str = ""  # of a tool: its name


class Token(Struct, frozen=True):
    """A piece of the answer."""

    text: str


class Thought(Struct, frozen=True):
    """A piece of reasoning: shown, never spoken."""

    text: str


LlmPiece = Token | Thought | ToolCall


class LlmRequest(Struct, frozen=True):
    """What a language model is asked for besides the messages."""

    model: str = ""  # empty: the engine's own default
    max_tokens: int = 150
    temperature: float = 0.0
    tools: tuple[ToolSpec, ...] = ()  # that it may call; given only to one that can (`CallsTools`)


class EngineInfo(Struct, frozen=True):
    """What an engine says of itself before its back end is asked anything."""

    choices: tuple[str, ...] = ()  # models or voices that a call may name, the usual one first; empty: any
    embedded: bool = False  # whether it lives in the engine server that lineside starts
    preset_of: str = ""  # the engine that answers when this one is named, as piper does for fast; empty: itself


@runtime_checkable
class Engine(Protocol):
    """What all engines have."""

    @property
    def info(self) -> EngineInfo:
        """What it says of itself."""
        ...


@runtime_checkable
class SpeechToText(Engine, Protocol):
    """Hears an utterance."""

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """The words of the whole utterance. Raises `EngineError`."""
        ...


@runtime_checkable
class LanguageModel(Engine, Protocol):
    """Thinks of an answer."""

    def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """Yield the answer as it comes; calls of tools after all words, where `ask.tools` has some."""
        ...


@runtime_checkable
class TextToSpeech(Engine, Protocol):
    """Speaks a sentence."""

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """Yield the sentence as sound of one rate, in order, in stretches of any length; every word is marked once.

        `voice` empty means the engine's own default. A sentence without speakable words yields nothing.
        """
        ...


# ── what an engine may be able to do besides its role ──────────────────────────────────────────────────────────────


class BackendModel(Struct, frozen=True):
    """A model that an engine's back end has, in memory or on its disk."""

    name: str
    loaded: bool
    bytes: int | None = None  # on disk
    memory_bytes: int | None = None  # in memory, where the back end tells
    on_gpu: bool = False
    in_use: int = 0  # requests under way


class PullProgress(Struct, frozen=True):
    """How far a model has come that the back end itself fetches."""

    file: str
    done: int  # bytes
    total: int  # bytes; 0 while unknown


@runtime_checkable
class CallsTools(Protocol):
    """A language model that may be able to call tools."""

    async def calls_tools(self, choice: str) -> bool:
        """Whether this model may be given tools, as far as is known; `choice` empty: the engine's own default.

        Answers from memory where it was asked before. Raises `EngineError`.
        """
        ...


@runtime_checkable
class HealthChecked(Protocol):
    """Can be asked whether it would answer."""

    async def check(self) -> None:
        """Ask the back end, two seconds at most. Raises `EngineError` saying what is wrong and what to do."""
        ...


@runtime_checkable
class ResolvesChoice(Protocol):
    """Knows which model or voice is really meant by a choice, such as a preset."""

    def resolved(self, choice: str) -> str:
        """The model or voice that answers when this is asked for; `choice` empty: the engine's own default."""
        ...


@runtime_checkable
class SpeaksWithAnother(Protocol):
    """Answers with another model or voice than its own, where that has not been downloaded."""

    def not_downloaded(self) -> str:
        """The model that it answers without; empty: it answers with its own."""
        ...


@runtime_checkable
class Warmable(Protocol):
    """Answers sooner when it has read beforehand what a conversation begins with."""

    async def warm(self, opening: Sequence[Message], *, keep: bool = True) -> None:
        """Read it now, and keep it for good where `keep`: the operator's prompt, not a caller's own.

        Raises `EngineError`.
        """
        ...


@runtime_checkable
class PredictsTurnEnd(Protocol):
    """Can tell whether what a caller has said so far may be all of it, from the words alone and without writing any."""

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """Log odds that the words of the last message may end where they do, or None where it cannot tell.

        Much cheaper than an answer, and reading the messages makes the answer to them come sooner. Raises
        `EngineError`.
        """
        ...


@runtime_checkable
class Prefills(Protocol):
    """Answers sooner when it has read the beginning of a question while the rest is being said."""

    async def read_ahead(self, messages: Sequence[Message], ask: LlmRequest) -> bool:
        """Read them now, the last one being unfinished; False where that is no use. Raises `EngineError`."""
        ...


@runtime_checkable
class Preparable(Protocol):
    """Its model may have to be loaded first, which is better done before a call needs it."""

    async def prepare(self, choice: str) -> None:
        """Have what this model or voice needs in memory; nothing happens if it is. Raises `EngineError`."""
        ...


class Fact(Struct, frozen=True):
    """One thing that was found out about a server."""

    question: str
    found: str
    does: str = ""  # what lineside does about it, or what an operator can do
    ok: bool = True


@runtime_checkable
class Examinable(Protocol):
    """Can tell more of its server than its role shows."""

    async def examine(self) -> list[Fact]:
        """Ask the questions that tell, after it has been asked as calls do. Raises `EngineError`."""
        ...


@runtime_checkable
class KeepsWarm(Protocol):
    """Its back end unloads models that were not asked for a while."""

    async def touch(self) -> None:
        """Have those stay that calls use, if they would soon be unloaded; asked every 15 s. Raises `EngineError`."""
        ...


@runtime_checkable
class ModelKeeper(Protocol):
    """Its models can be loaded and unloaded."""

    async def kept(self) -> tuple[BackendModel, ...]:
        """The models of the back end. Raises `EngineError`."""
        ...

    async def load(self, model: str) -> None:
        """Have it in memory; nothing happens if it is. Raises `EngineError`, for an unknown name too."""
        ...

    async def unload(self, model: str, *, wait: bool) -> None:
        """Free its memory. In use: raises `EngineBusy`, or, with `wait`, waits for the requests under way (60 s)."""
        ...


@runtime_checkable
class PullsModels(Protocol):
    """Its back end fetches models itself."""

    def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Fetch it, telling how far it is; closing early stops, the next time goes on. Raises `EngineError`."""
        ...
