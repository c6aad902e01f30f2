"""Scripted engines: they answer by the book, at set times, with sound that is tones. For tests, demos and load.

The `scripted` names in the registry give these defaults; tests build them with their own scripts. They are offered only
where an operator names them: no caller of an ordinary gateway can choose them.
"""

import asyncio
import math
from array import array
from collections.abc import AsyncGenerator, Sequence
from functools import lru_cache
from typing import TypeVar

from lineside.audio.frame import SAMPLE_BYTES, SpokenAudio, Utterance
from lineside.engine_options import EngineHost, EngineOptions
from lineside.engines.protocols import EngineInfo, LlmPiece, LlmRequest, Message, Thought, Token, Transcription
from lineside.errors import EngineError

RATE = 16_000
SECONDS_PER_WORD = 0.3

ANSWER = "This is a scripted answer. It has two sentences."
RECORDED = 1000  # requests that each remembers for the test that asks afterwards; then the oldest are forgotten

T = TypeVar("T")


class ScriptedOptions(EngineOptions):
    """Scripted engines have no options."""

    test_double = True


class ScriptedSTT:
    """Hears what its script says, one line an utterance, the last one for ever."""

    Options = ScriptedOptions

    def __init__(
        self,
        options: ScriptedOptions | None = None,
        host: EngineHost | None = None,
        *,
        hears: Sequence[str] = ("scripted words",),
        takes: float = 0.05,
        fails: int = 0,
    ) -> None:
        self.info = EngineInfo()
        self._hears, self._takes, self.fails = list(hears), takes, fails
        self._next = 0
        self.utterances: list[Utterance] = []

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        await asyncio.sleep(self._takes)
        if self.fails > 0:
            self.fails -= 1
            raise EngineError("the scripted STT was told to fail")
        _record(self.utterances, utterance)
        text = self._hears[self._next]
        self._next = min(self._next + 1, len(self._hears) - 1)
        quiet = not any(utterance.pcm)
        return Transcription("" if quiet else text, sure=1.0, no_speech=float(quiet))


class ScriptedLLM:
    """Answers its script, one line a question, the last one for ever. `<think>…</think>` is reasoning.

    A line that is an assistant's message calls tools after its words.
    """

    Options = ScriptedOptions

    def __init__(
        self,
        options: ScriptedOptions | None = None,
        host: EngineHost | None = None,
        *,
        answers: Sequence[str | Message] = (ANSWER,),
        first: float = 0.05,
        each: float = 0.005,
        fails: int = 0,
        ends: float | None = None,
    ) -> None:
        """`ends`: the log odds that whatever is said may end there; None: it cannot tell."""
        self.info = EngineInfo()
        self._ends = ends
        self._next = 0
        self.foresaw: list[tuple[Message, ...]] = []
        self._answers, self._first, self._each, self.fails = list(answers), first, each, fails
        self.asked: list[tuple[Message, ...]] = []
        self.offered: list[tuple[str, ...]] = []  # names of the tools that it was given
        self.closed_early = 0

    async def calls_tools(self, choice: str) -> bool:
        """See `CallsTools`."""
        return True

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        _record(self.asked, tuple(messages))
        _record(self.offered, tuple(tool.name for tool in ask.tools))
        line = self._answers[self._next]
        answer, calls = (line, ()) if isinstance(line, str) else (line.content, line.calls)
        self._next = min(self._next + 1, len(self._answers) - 1)
        await asyncio.sleep(self._first)
        if self.fails > 0:
            self.fails -= 1
            raise EngineError("the scripted language model was told to fail")
        thinking, finished = False, False
        try:
            for word in answer.split(" ")[: ask.max_tokens] if answer else ():
                thinking = thinking or word == "<think>"
                if thinking:
                    yield Thought(word + " ")
                else:
                    yield Token(word + " ")
                thinking = thinking and word != "</think>"
                await asyncio.sleep(self._each)
            for call in calls:
                yield call
            finished = True
        finally:
            self.closed_early += not finished

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `PredictsTurnEnd`."""
        _record(self.foresaw, tuple(messages))
        await asyncio.sleep(self._each)
        return self._ends


class ScriptedTTS:
    """Speaks in tones: every word 0.3 s, in a stretch of its own."""

    Options = ScriptedOptions

    def __init__(
        self,
        options: ScriptedOptions | None = None,
        host: EngineHost | None = None,
        *,
        takes: float = 0.05,
        fails: int = 0,
    ) -> None:
        self.info = EngineInfo()
        self.takes, self.fails = takes, fails
        self.spoken: list[str] = []

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        await asyncio.sleep(self.takes)
        if self.fails > 0:
            self.fails -= 1
            raise EngineError("the scripted TTS was told to fail")
        _record(self.spoken, sentence)
        tone = _tone()
        for word in sentence.split():
            if any(c.isalnum() for c in word):
                yield SpokenAudio(tone, RATE, ((len(tone) // SAMPLE_BYTES, word),))


def _record(records: list[T], record: T) -> None:
    records.append(record)
    del records[:-RECORDED]


@lru_cache(maxsize=1)
def _tone() -> bytes:
    """The sound of a word: 500 Hz in whole periods, so that words join without a click."""
    samples = round(RATE * SECONDS_PER_WORD)
    return array("h", (round(8000 * math.sin(2 * math.pi * 500 * n / RATE)) for n in range(samples))).tobytes()
