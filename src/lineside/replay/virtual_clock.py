"""A clock that leaves out waiting: time runs while an engine works, and jumps while none does.

A call waits most of its time: for the caller's next frame, for sound to be played. Nobody need wait for that again,
since the caller's samples are there. What an engine takes is waited for: a replay's latencies are this machine's own.
"""

import asyncio
import selectors
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar

from lineside.audio.frame import Sound, Utterance
from lineside.call.turn_model import TurnModel
from lineside.engines.protocols import (
    LanguageModel,
    LlmRequest,
    Message,
    PredictsTurnEnd,
    SpeechToText,
    TextToSpeech,
    Thought,
    Token,
    Transcription,
)

T = TypeVar("T")


class WorkInProgress:
    """How much is under way that takes real time."""

    def __init__(self) -> None:
        self._under_way = 0

    def __bool__(self) -> bool:
        return self._under_way > 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The work around this block is only waiting for it."""
        self._under_way -= 1
        try:
            yield
        finally:
            self._under_way += 1

    @contextmanager
    def done(self) -> Iterator[None]:
        """The block takes real time."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing that is due whenever there is no work under way."""

    def __init__(self, work: WorkInProgress) -> None:
        self._jumping = _Jumping(work)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds, of which many were never waited for."""
        return time.monotonic() + self._jumping.skipped


class _Jumping(selectors.DefaultSelector):
    def __init__(self, work: WorkInProgress) -> None:
        super().__init__()
        self._work = work
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> "list[tuple[selectors.SelectorKey, int]]":
        if self._work or timeout is None:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.skipped += max(0.0, timeout)
        return ready


class TimedSTT:
    """A recogniser whose time is real."""

    def __init__(self, stt: SpeechToText, work: WorkInProgress) -> None:
        self._stt, self._work = stt, work

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        with self._work.done():
            return await self._stt.transcribe(utterance)


class TimedLLM:
    """A language model whose time is real."""

    def __init__(self, llm: LanguageModel, work: WorkInProgress) -> None:
        self._llm, self._work = llm, work

    def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        """See `LanguageModel`."""
        return _in_real_time(self._llm.reply(messages, ask), self._work)


class PredictingTimedLLM(TimedLLM):
    """One that can tell whether words may end, too."""

    def __init__(self, llm: LanguageModel, foresees: PredictsTurnEnd, work: WorkInProgress) -> None:
        super().__init__(llm, work)
        self._foresees = foresees

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `PredictsTurnEnd`."""
        with self._work.done():
            return await self._foresees.may_end(messages, ask)


def mind(llm: LanguageModel, work: WorkInProgress) -> TimedLLM:
    """A language model whose time is real, with all that it can."""
    return PredictingTimedLLM(llm, llm, work) if isinstance(llm, PredictsTurnEnd) else TimedLLM(llm, work)


class TimedTTS:
    """A voice whose time is real."""

    def __init__(self, tts: TextToSpeech, work: WorkInProgress) -> None:
        self._tts, self._work = tts, work

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        return _in_real_time(self._tts.speak(sentence, voice), self._work)


def judge(turns: TurnModel, work: WorkInProgress) -> TurnModel:
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
