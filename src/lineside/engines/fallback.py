"""The chains of engines by their roles: what "the next one goes on where it stopped" means for each."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.engines.continued_answer import ContinuedAnswer
from lineside.engines.fallback_chain import LAST, Attempt, FallbackChain, known_choice
from lineside.engines.protocols import (
    CallsTools,
    KeepsWarm,
    LanguageModel,
    LlmPiece,
    LlmRequest,
    Message,
    PredictsTurnEnd,
    Prefills,
    SpeechToText,
    TextToSpeech,
    Token,
    ToolCall,
    Transcription,
    Warmable,
)
from lineside.engines.same_answers import VOICED, plain
from lineside.engines.timeouts import answer_within
from lineside.engines.tts_cache import CachedTTS
from lineside.errors import EngineError

A_SECOND = 0.1  # seconds more for each second of speech that a recogniser is given …
MOST_FOR_SPEECH = 1.2  # … up to so many


class FallbackSTT(FallbackChain[SpeechToText]):
    """A chain of recognisers."""

    role = "stt"

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        for attempt in self._attempts():
            candidate = attempt.candidate
            seconds = attempt.first + min(MOST_FOR_SPEECH, A_SECOND * utterance.seconds)
            try:
                with self._waiting(candidate):
                    heard = await answer_within(candidate.engine.transcribe(utterance), seconds, candidate.name)
                self._look_whether_stuck(attempt, heard, utterance)
            except EngineError as why:
                self._failed(attempt, why)
                continue
            self.well(candidate)
            self._answers(attempt)
            return heard
        raise EngineError("no STT engine is given")

    def _look_whether_stuck(self, attempt: Attempt[SpeechToText], heard: Transcription, utterance: Utterance) -> None:
        """Raises `EngineError` for what it is known to hear in everything, where another can be asked."""
        candidate, text = attempt.candidate, plain(heard.text)
        if candidate.same.note(heard.text, utterance.voiced):
            self._try(candidate, same=text)
        if candidate.stuck is None or (not text and utterance.voiced < VOICED):
            return
        if text != candidate.stuck:
            candidate.stuck = None
        elif not attempt.last:
            raise EngineError(f"{candidate.name} hears the same in everything")


class FallbackLLM(FallbackChain[LanguageModel]):
    """A chain of language models. One that takes over in mid-answer is shown what was said, and goes on from there."""

    role = "llm"

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`. Once a tool was called nobody takes over: they would call it again."""
        said, called = "", False
        for attempt in self._attempts(ask.model):
            candidate = attempt.candidate
            theirs = _for(candidate.engine, ask)
            shown = (*messages, Message("assistant", said)) if said else messages
            rest, begun, told = ContinuedAnswer(said), False, False
            try:
                async with aclosing(candidate.engine.reply(shown, theirs)) as answer:
                    with self._reading(attempt, theirs.model) as patience:
                        async for token in answer:
                            patience.came()
                            if not begun:
                                begun = self._began(candidate)
                            if not isinstance(token, Token):
                                called = called or isinstance(token, ToolCall)
                                yield token
                            elif text := rest.feed(token.text):
                                said += text
                                if not told:
                                    told = True
                                    self._answers(attempt, theirs.model)
                                yield Token(text)
                            patience.wait()
                if not said.strip() and not called:
                    raise EngineError(f"{candidate.name} answered nothing")
            except EngineError as why:
                self._failed(attempt, why, theirs.model)
                if called:
                    raise
                continue
            if called and not told:
                self._answers(attempt, theirs.model)
            self.well(candidate)
            return

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `PredictsTurnEnd`: the one that will answer is asked, if it can tell; no other would know sooner."""
        llm = self._will_answer(ask.model)
        if not isinstance(llm, PredictsTurnEnd):
            return None
        return await llm.may_end(messages, _for(llm, ask))

    async def read_ahead(self, messages: Sequence[Message], ask: LlmRequest) -> bool:
        """See `Prefills`: the one that will answer reads it, if it can."""
        llm = self._will_answer(ask.model)
        if not isinstance(llm, Prefills):
            return False
        return await llm.read_ahead(messages, _for(llm, ask))

    async def calls_tools(self, choice: str) -> bool:
        """See `CallsTools`: of the one that will answer."""
        llm = self._will_answer(choice)
        return isinstance(llm, CallsTools) and await llm.calls_tools(known_choice(choice, llm))

    def _will_answer(self, choice: str) -> LanguageModel | None:
        return next((candidate.engine for candidate in self._knowing_first(choice) if candidate.breaker.well), None)

    async def warm(self, opening: Sequence[Message], *, keep: bool = True) -> None:
        """See `Warmable`: the one that would answer now reads it."""
        llm = await self.first_up()
        if isinstance(llm, Warmable):
            await llm.warm(opening, keep=keep)

    async def touch(self) -> None:
        """See `KeepsWarm`."""
        for candidate in self._candidates:
            if isinstance(candidate.engine, KeepsWarm):
                await candidate.engine.touch()


def _for(llm: LanguageModel, ask: LlmRequest) -> LlmRequest:
    """The request as this one is asked: a model that it knows, tools if it may be able to call them."""
    tools = ask.tools if isinstance(llm, CallsTools) else ()
    return replace(ask, model=known_choice(ask.model, llm), tools=tools)


class FallbackTTS(FallbackChain[TextToSpeech]):
    """A chain of voices. One that takes over in mid-sentence says the words that have not been said."""

    role = "tts"

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`; the rate may change where another voice takes over."""
        words = sentence.split()
        for attempt in self._speech_attempts(" ".join(words), voice):
            candidate, text, said, begun, told = attempt.candidate, " ".join(words), 0, False, False
            theirs = known_choice(voice, candidate.engine)
            try:
                async with aclosing(candidate.engine.speak(text, theirs)) as sound:
                    with self._reading(attempt, voice) as patience:
                        async for audio in sound:
                            patience.came()
                            if not begun:
                                begun = self._began(candidate)
                            if audio.pcm and not told:
                                told = True
                                self._answers(attempt, theirs)
                            said += sum([len(marked.split()) for _, marked in audio.words])
                            yield audio
                            patience.wait()
                if not said and any(c.isalnum() for c in text):
                    raise EngineError(f"{candidate.name} said nothing")
            except EngineError as why:
                words = words[said:]
                if not words:
                    return  # only its last breath is missing
                self._failed(attempt, why, voice)
                continue
            self.well(candidate)
            return

    def remembers(self, sentence: str, voice: str) -> bool:
        """Whether the first of them can say this without being asked to synthesise anything."""
        first = self._candidates[0].engine
        return isinstance(first, CachedTTS) and first.remembers(sentence, known_choice(voice, first))

    def _speech_attempts(self, sentence: str, voice: str) -> Iterator[Attempt[TextToSpeech]]:
        """As `_attempts`; but what the first knows by heart it says, dead or alive."""
        if self.remembers(sentence, voice):
            first = self._candidates[0]
            yield Attempt(first, first, True, LAST, LAST)
        else:
            yield from self._attempts(voice)
