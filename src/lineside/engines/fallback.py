"""A chain of engines: when one fails, is slow or talks nonsense, the next one goes on where it stopped.

A chain is an engine itself. Only the last of a chain has the caller's whole patience; the others must begin within
`FIRST` and go on within `LATER` seconds. Each has a breaker, so that a dead engine costs its deadline three times and
not at every turn.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar

import structlog
from msgspec import Struct

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.engines.circuit_breaker import CircuitBreaker
from lineside.engines.protocols import (
    Engine,
    EngineInfo,
    HealthChecked,
    LanguageModel,
    LlmRequest,
    Message,
    PredictsTurnEnd,
    Prefills,
    SpeechToText,
    TextToSpeech,
    Thought,
    Token,
    Transcription,
    Warmable,
)
from lineside.engines.timeouts import answer_within, in_time
from lineside.engines.tts_cache import CachedTTS
from lineside.errors import EngineBusy, EngineError

log = structlog.get_logger()

# Seconds. With a filler at 1.6 s the caller's silence stays under two seconds whatever happens within them.
FIRST = {"stt": 3.0, "llm": 3.0, "tts": 1.5}
LATER = {"stt": 3.0, "llm": 2.0, "tts": 1.0}
LAST = 60.0  # for the last of a chain: whoever asks has a deadline of its own, far below

E = TypeVar("E", bound=Engine)
T = TypeVar("T")
Failed = Callable[[str, str, EngineError, bool], None]


class Candidate(Struct, Generic[E]):
    """One engine of a chain, and whether it is trusted."""

    name: str
    engine: E
    breaker: CircuitBreaker


class Attempt(Struct, Generic[E], frozen=True):
    """One try of one engine."""

    candidate: Candidate[E]
    last: bool  # nobody comes after it
    first: float  # seconds until it must have begun
    later: float  # seconds until it must go on

    def in_time(self, stream: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The stream, under these deadlines."""
        return in_time(stream, first=self.first, later=self.later, who=self.candidate.name)


class FallbackChain(Generic[E]):
    """Engines in the order in which they are asked."""

    role = ""

    def __init__(
        self, engines: Sequence[tuple[str, E]], failed: Failed = lambda role, name, why, switched: None
    ) -> None:
        """`failed` hears of every failure: role, engine, error, and whether another one goes on."""
        self._notice = failed
        self._candidates = [Candidate(name, engine, CircuitBreaker()) for name, engine in engines]
        self.switches = 0  # times that another than the first had to answer
        infos = [engine.info for _, engine in engines]
        known = dict.fromkeys(choice for info in infos for choice in info.choices)
        self.info = EngineInfo(
            choices=tuple(known) if all(info.choices for info in infos) else (),
            embedded=any(info.embedded for info in infos),
        )

    async def check(self) -> None:
        """Whether any of them would answer."""
        await self.first_up()

    async def first_up(self) -> E:
        """The first that says it would answer. Raises the last one's `EngineError`."""
        for candidate in self._candidates:
            try:
                if isinstance(candidate.engine, HealthChecked):
                    await candidate.engine.check()
                return candidate.engine
            except EngineError:
                if candidate is self._candidates[-1]:
                    raise
        raise EngineError(f"no {self.role} engine is given")

    def _attempts(self, wanted: str = "") -> "Iterator[Attempt[E]]":
        """Whom to ask: those who know what is wanted first; those who keep failing not at all.

        If all keep failing, all are asked: better a slim chance than none.
        """
        candidates = self._knowing_first(wanted)
        trusted = [candidate for candidate in candidates if candidate.breaker.lets(_now())] or candidates
        for candidate in trusted:
            candidate.breaker.tried(_now())
            last = candidate is trusted[-1]
            yield Attempt(candidate, last, LAST if last else FIRST[self.role], LAST if last else LATER[self.role])

    def _knowing_first(self, wanted: str) -> list[Candidate[E]]:
        """All of them, those who know the model or voice that is wanted before the others."""
        if not wanted:
            return self._candidates
        return sorted(self._candidates, key=lambda candidate: wanted not in candidate.engine.info.choices)

    def _failed(self, attempt: Attempt[E], why: EngineError) -> None:
        """Note it; raise it if nobody is left."""
        candidate, trusted = attempt.candidate, attempt.candidate.breaker.closed
        if not isinstance(why, EngineBusy):  # one that is busy is well
            candidate.breaker.failed(_now())
        self._notice(self.role, candidate.name, why, not attempt.last)
        if attempt.last:
            raise why
        self.switches += 1
        if trusted:  # that one which was given up is still dead is no news
            kind = type(why).__name__
            log.warning("engine failed, falling back to the next", role=self.role, engine=candidate.name, why=kind)


class FallbackSTT(FallbackChain[SpeechToText]):
    """A chain of recognisers."""

    role = "stt"

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        for attempt in self._attempts():
            try:
                heard = await answer_within(
                    attempt.candidate.engine.transcribe(utterance), attempt.first, attempt.candidate.name
                )
            except EngineError as why:
                self._failed(attempt, why)
                continue
            attempt.candidate.breaker.succeeded()
            return heard
        raise EngineError("no STT engine is given")


class FallbackLLM(FallbackChain[LanguageModel]):
    """A chain of language models. One that takes over in mid-answer is shown what was said, and goes on from there."""

    role = "llm"

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        """See `LanguageModel`."""
        said = ""
        for attempt in self._attempts(ask.model):
            candidate = attempt.candidate
            theirs = LlmRequest(_known(ask.model, candidate.engine), ask.max_tokens, ask.temperature)
            shown = (*messages, Message("assistant", said)) if said else messages
            rest = ContinuedAnswer(said)
            try:
                async with aclosing(attempt.in_time(candidate.engine.reply(shown, theirs))) as stream:
                    async for token in stream:
                        if isinstance(token, Thought):
                            yield token
                        elif text := rest.feed(token.text):
                            said += text
                            yield Token(text)
                if not said.strip():
                    raise EngineError(f"{candidate.name} answered nothing")
            except EngineError as why:
                self._failed(attempt, why)
                continue
            candidate.breaker.succeeded()
            return

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `PredictsTurnEnd`: the one that will answer is asked, if it can tell; no other would know sooner."""
        llm = self._will_answer(ask)
        if not isinstance(llm, PredictsTurnEnd):
            return None
        return await llm.may_end(messages, LlmRequest(_known(ask.model, llm), ask.max_tokens, ask.temperature))

    async def read_ahead(self, messages: Sequence[Message], ask: LlmRequest) -> bool:
        """See `Prefills`: the one that will answer reads it, if it can."""
        llm = self._will_answer(ask)
        if not isinstance(llm, Prefills):
            return False
        return await llm.read_ahead(messages, LlmRequest(_known(ask.model, llm), ask.max_tokens, ask.temperature))

    def _will_answer(self, ask: LlmRequest) -> LanguageModel | None:
        return next((candidate.engine for candidate in self._knowing_first(ask.model) if candidate.breaker.well), None)

    async def warm(self, opening: Sequence[Message], *, keep: bool = True) -> None:
        """See `Warmable`: the one that would answer now reads it."""
        llm = await self.first_up()
        if isinstance(llm, Warmable):
            await llm.warm(opening, keep=keep)


class FallbackTTS(FallbackChain[TextToSpeech]):
    """A chain of voices. One that takes over in mid-sentence says the words that have not been said."""

    role = "tts"

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`; the rate may change where another voice takes over."""
        words = sentence.split()
        for attempt in self._speech_attempts(" ".join(words), voice):
            candidate, text, said = attempt.candidate, " ".join(words), 0
            try:
                async with aclosing(
                    attempt.in_time(candidate.engine.speak(text, _known(voice, candidate.engine)))
                ) as stream:
                    async for audio in stream:
                        said += sum(len(marked.split()) for _, marked in audio.words)
                        yield audio
                if not said and any(c.isalnum() for c in text):
                    raise EngineError(f"{candidate.name} said nothing")
            except EngineError as why:
                words = words[said:]
                if not words:
                    return  # only its last breath is missing
                self._failed(attempt, why)
                continue
            candidate.breaker.succeeded()
            return

    def remembers(self, sentence: str, voice: str) -> bool:
        """Whether the first of them can say this without being asked to synthesise anything."""
        first = self._candidates[0].engine
        return isinstance(first, CachedTTS) and first.remembers(sentence, _known(voice, first))

    def _speech_attempts(self, sentence: str, voice: str) -> Iterator[Attempt[TextToSpeech]]:
        """As `_attempts`; but what the first knows by heart it says, dead or alive."""
        if self.remembers(sentence, voice):
            yield Attempt(self._candidates[0], True, LAST, LAST)
        else:
            yield from self._attempts(voice)


ALIKE, AT_LEAST = 0.75, 20  # of what was said, and characters: then it was begun again in slightly other words


class ContinuedAnswer:
    """The rest of an answer, from one who may begin it again: a beginning that was said already is left out. Pure."""

    def __init__(self, said: str) -> None:
        self._said = "".join(said.split())
        self._at = 0  # characters of it, spaces apart, that have been repeated
        self._held = ""  # what came so far, while it may turn out to be new
        self._repeats = bool(self._said)

    def feed(self, text: str) -> str:
        """What of this is new."""
        if not self._repeats:
            return text
        self._held += text
        for index, char in enumerate(text):
            if char.isspace():
                continue
            whole = self._at == len(self._said)
            if whole or char != self._said[self._at]:
                self._repeats = False
                again = whole or self._at >= max(AT_LEAST, ALIKE * len(self._said))
                return f" {text[index:]}" if again else self._held
            self._at += 1
        return ""


def _known(name: str, engine: Engine) -> str:
    """The model or voice by this name, where the engine has it; its own default otherwise."""
    choices = engine.info.choices
    return name if not choices or name in choices else ""


def _now() -> float:
    return asyncio.get_running_loop().time()
