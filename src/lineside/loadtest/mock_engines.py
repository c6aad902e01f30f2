"""Engines that take a fixed time, so that what remains of an answer's time is the gateway's own.

They keep their times by deadline: a token that was late makes no later one late, so what a busy event loop adds is
added once and not thirty times. Every answer is worded anew, because the gateway remembers sentences it has spoken.
"""

import asyncio
import itertools
import math
from array import array
from collections.abc import AsyncGenerator, Sequence

from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES, SpokenAudio, Utterance
from lineside.engine_options import EngineHost, EngineOptions
from lineside.engines.protocols import EngineInfo, LlmRequest, Message, Thought, Token, Transcription

ASR = 0.05  # seconds to the transcript
FIRST_TOKEN, EACH_TOKEN, TOKENS, SENTENCES = 0.05, 0.005, 30, 3
TTS = 0.05  # seconds to the first sound of a sentence; all of it is there then
SENTENCE_SECONDS = 1.0  # of sound in each
RATE = 22_050  # as Piper's voices have: the gateway has to resample

FIRST_SENTENCE = FIRST_TOKEN + EACH_TOKEN * (TOKENS // SENTENCES - 1)
TO_FIRST_SOUND = ASR + FIRST_SENTENCE + TTS  # seconds from the transcript's being asked for, by the engines alone
ANSWER_SECONDS = SENTENCES * SENTENCE_SECONDS

# Ten words without a clause at which a sentence could be cut.
WORDS = ["the", "line", "you", "asked", "about", "will", "work", "again", "before", "noon"]
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]
TONE = 400  # Hz: whole periods in 20 ms, so that frames join without a click


class MockSTT:
    """Hears a question in everything, never the same: who says the same again and again is hung up on (`patience`)."""

    Options = EngineOptions

    def __init__(self, options: EngineOptions, host: EngineHost | None = None) -> None:
        self.info = EngineInfo()
        self._questions = itertools.count(1)

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        await asyncio.sleep(ASR)
        return Transcription(f"When will line {next(self._questions)} work again?")


class MockLLM:
    """Three sentences of ten words, a token each."""

    Options = EngineOptions

    def __init__(self, options: EngineOptions, host: EngineHost | None = None) -> None:
        self.info = EngineInfo()
        self._sentences = itertools.count()

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        """See `LanguageModel`."""
        clock = asyncio.get_running_loop().time
        due = clock() + FIRST_TOKEN
        for token in [word for _ in range(SENTENCES) for word in self._sentence()][: ask.max_tokens]:
            await asyncio.sleep(max(0.0, due - clock()))
            yield Token(token)
            due += EACH_TOKEN

    def _sentence(self) -> list[str]:
        words = [*WORDS[:-1], f"{_name(next(self._sentences))}."]
        return [f"{word} " for word in words[: TOKENS // SENTENCES]]


class MockTTS:
    """A second of tone for every sentence, soft at both ends."""

    Options = EngineOptions

    def __init__(self, options: EngineOptions, host: EngineHost | None = None) -> None:
        self.info = EngineInfo()
        self._tone = tone()

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        await asyncio.sleep(TTS)
        words, samples = sentence.split(), len(self._tone) // SAMPLE_BYTES
        ends = ((samples * number // len(words), word) for number, word in enumerate(words, 1))
        yield SpokenAudio(self._tone, RATE, tuple(ends))


def _name(number: int) -> str:
    """A word for a number, another one for each of the first 216 000."""
    syllables = len(SYLLABLES)
    return "".join(SYLLABLES[number // syllables**place % syllables] for place in range(3))


def tone() -> bytes:
    whole, edge = round(RATE * SENTENCE_SECONDS), round(RATE * FRAME_SECONDS)
    return array(
        "h",
        (
            round(6000 * math.sin(2 * math.pi * TONE * n / RATE) * min(1.0, n / edge, (whole - n) / edge))
            for n in range(whole)
        ),
    ).tobytes()
