"""Engines whose time is real on a clock that leaves out waiting.

A call waits most of its time: for the caller's next frame, for sound to be played. Nobody need wait for that again,
since the caller's samples are there. What an engine takes is waited for: a replay's latencies are this machine's own.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from lineside.agents.knowledge.agent_knowledge import Knows
from lineside.agents.knowledge.knowledge import Answer
from lineside.audio.frame import SpokenAudio, Utterance
from lineside.audio.turn_model import TurnModel
from lineside.engines.protocols import (
    CallsTools,
    LanguageModel,
    LlmPiece,
    LlmRequest,
    Message,
    PredictsTurnEnd,
    SpeechToText,
    TextToSpeech,
    Transcription,
)
from lineside.replay.jumping_loop import WorkInProgress

T = TypeVar("T")


class TimedSTT:
    """A recogniser whose time is real."""

    def __init__(self, stt: SpeechToText, work: WorkInProgress) -> None:
        self.info = stt.info
        self._stt, self._work = stt, work

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        with self._work.done():
            return await self._stt.transcribe(utterance)


class TimedLLM:
    """A language model whose time is real."""

    def __init__(self, llm: LanguageModel, work: WorkInProgress) -> None:
        self.info = llm.info
        self._llm, self._work = llm, work

    def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        return _in_real_time(self._llm.reply(messages, ask), self._work)

    async def calls_tools(self, choice: str) -> bool:
        """See `CallsTools`."""
        with self._work.done():
            return isinstance(self._llm, CallsTools) and await self._llm.calls_tools(choice)


class PredictingTimedLLM(TimedLLM):
    """One that can tell whether words may end, too."""

    def __init__(self, llm: LanguageModel, foresees: PredictsTurnEnd, work: WorkInProgress) -> None:
        super().__init__(llm, work)
        self._foresees = foresees

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `PredictsTurnEnd`."""
        with self._work.done():
            return await self._foresees.may_end(messages, ask)


def timed_llm(llm: LanguageModel, work: WorkInProgress) -> TimedLLM:
    """A language model whose time is real, with all that it can."""
    return PredictingTimedLLM(llm, llm, work) if isinstance(llm, PredictsTurnEnd) else TimedLLM(llm, work)


class TimedTTS:
    """A voice whose time is real."""

    def __init__(self, tts: TextToSpeech, work: WorkInProgress) -> None:
        self.info = tts.info
        self._tts, self._work = tts, work

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        return _in_real_time(self._tts.speak(sentence, voice), self._work)


class TimedKnowledge:
    """What an agent knows, asked in real time."""

    def __init__(self, knows: Knows, work: WorkInProgress) -> None:
        self._knows, self._work = knows, work

    async def answer(self, question: str, *, before: str = "", asked: str = "") -> Answer:
        """See `Knows`."""
        with self._work.done():
            return await self._knows.answer(question, before=before, asked=asked)


def timed_turn_model(turns: TurnModel, work: WorkInProgress) -> TurnModel:
    """A turn model whose time is real."""

    async def judged(pcm: bytes) -> float | None:
        with work.done():
            return await turns(pcm)

    return judged


async def _in_real_time(stream: AsyncGenerator[T, None], work: WorkInProgress) -> AsyncGenerator[T, None]:
    """What it yields; time runs while it is waited for, and not while its reader waits for something else."""
    async with aclosing(stream):
        while True:
            with work.done():
                try:
                    piece = await anext(stream)
                except StopAsyncIteration:
                    return
            yield piece
