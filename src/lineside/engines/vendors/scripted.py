"""Scripted engines: they answer by the book, at set times, with sound that is tones. For tests, demos and load.

The `scripted` names in the registry give these defaults; tests build them with their own scripts.
"""

import asyncio
import math
from array import array
from collections.abc import AsyncGenerator, Sequence
from functools import lru_cache

import aiohttp

from lineside.audio.frame import FRAME_SECONDS, AudioFrame, Sound, Utterance
from lineside.engines.protocols import LlmRequest, Message, Thought, Token, Transcription
from lineside.errors import EngineError
from lineside.settings import Settings

RATE = 16_000
SECONDS_PER_WORD = 0.3
FRAMES_PER_WORD = round(SECONDS_PER_WORD / FRAME_SECONDS)

ANSWER = "This is a scripted answer. It has two sentences."


class ScriptedSTT:
    """Hears what its script says, one line an utterance, the last one for ever."""

    choices: tuple[str, ...] = ()

    def __init__(
        self,
        settings: Settings | None = None,
        http: aiohttp.ClientSession | None = None,
        *,
        hears: Sequence[str] = ("scripted words",),
        takes: float = 0.05,
        fails: int = 0,
    ) -> None:
        self._hears, self._takes, self.fails = list(hears), takes, fails
        self.utterances: list[Utterance] = []

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        await asyncio.sleep(self._takes)
        if self.fails > 0:
            self.fails -= 1
            raise EngineError("scripted ears were told to fail")
        self.utterances.append(utterance)
        text = self._hears[min(len(self.utterances), len(self._hears)) - 1]
        quiet = not any(utterance.pcm)
        return Transcription("" if quiet else text, sure=1.0, no_speech=float(quiet))


class ScriptedLLM:
    """Answers its script, one line a question, the last one for ever. `<think>…</think>` is reasoning."""

    choices: tuple[str, ...] = ()

    def __init__(
        self,
        settings: Settings | None = None,
        http: aiohttp.ClientSession | None = None,
        *,
        answers: Sequence[str] = (ANSWER,),
        first: float = 0.05,
        each: float = 0.005,
        fails: int = 0,
        ends: float | None = None,
    ) -> None:
        """`ends`: the log odds that whatever is said may end there; None: it cannot tell."""
        self._ends = ends
        self.foresaw: list[tuple[Message, ...]] = []
        self._answers, self._first, self._each, self.fails = list(answers), first, each, fails
        self.asked: list[tuple[Message, ...]] = []
        self.closed_early = 0

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        """See `LanguageModel`."""
        self.asked.append(tuple(messages))
        await asyncio.sleep(self._first)
        if self.fails > 0:
            self.fails -= 1
            raise EngineError("the scripted mind was told to fail")
        answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
        thinking, finished = False, False
        try:
            for word in answer.split(" ")[: ask.max_tokens]:
                thinking = thinking or word == "<think>"
                if thinking:
                    yield Thought(word + " ")
                else:
                    yield Token(word + " ")
                thinking = thinking and word != "</think>"
                await asyncio.sleep(self._each)
            finished = True
        finally:
            self.closed_early += not finished

    async def may_end(self, messages: Sequence[Message], ask: LlmRequest) -> float | None:
        """See `Foreseeing`."""
        self.foresaw.append(tuple(messages))
        await asyncio.sleep(self._each)
        return self._ends


class ScriptedTTS:
    """Speaks in tones: every word a third of a second, its last frame saying the word."""

    choices: tuple[str, ...] = ()

    def __init__(
        self,
        settings: Settings | None = None,
        http: aiohttp.ClientSession | None = None,
        *,
        takes: float = 0.05,
        fails: int = 0,
    ) -> None:
        self.takes, self.fails = takes, fails
        self.spoken: list[str] = []

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        await asyncio.sleep(self.takes)
        if self.fails > 0:
            self.fails -= 1
            raise EngineError("the scripted voice was told to fail")
        self.spoken.append(sentence)
        for number, word in enumerate(w for w in sentence.split() if any(c.isalnum() for c in w)):
            for index in range(FRAMES_PER_WORD):
                at = (number * FRAMES_PER_WORD + index) * FRAME_SECONDS
                yield Sound(AudioFrame(_tone(), RATE, at), word if index == FRAMES_PER_WORD - 1 else "")


@lru_cache(maxsize=1)
def _tone() -> bytes:
    """Twenty milliseconds of 500 Hz, whole periods, so that frames join without a click."""
    samples = round(RATE * FRAME_SECONDS)
    return array("h", (round(8000 * math.sin(2 * math.pi * 500 * n / RATE)) for n in range(samples))).tobytes()
