"""A sentence of an operator's, spoken by the voice they chose: voices are compared before a call has one."""

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import cast

from lineside.api.engines import EngineList
from lineside.api.errors import ApiError, of_engines, unknown
from lineside.api.schemas import SayText
from lineside.audio.wav import wav_bytes
from lineside.call.synthesis import synthesize
from lineside.engines.protocols import TextToSpeech
from lineside.text.sentences import Sentences

AT_ONCE = 2  # samples in the making; the voices are the callers' first of all
MOST_A_MINUTE = 30  # one more is refused: a loop of somebody's would take the voices from the calls
MOST_SECONDS = 60.0  # of sound; a voice that does not stop is stopped here
MINUTE = 60.0


class VoiceSamples:
    """Has the voices of this process speak for operators."""

    def __init__(self, engine_list: EngineList, now: Callable[[], float] = time.monotonic) -> None:
        self._engine_list, self._now = engine_list, now
        self._making = 0
        self._begun: deque[float] = deque(maxlen=MOST_A_MINUTE)

    async def say(self, wanted: SayText) -> bytes:
        """A WAV of the text in that voice itself: no other one stands in for it. Raises `ApiError`."""
        tts = self._voice(wanted)
        sounds, rate = bytearray(), 0
        with self._admitted():
            async with of_engines(), aclosing(_spoken(tts, wanted)) as spoken:
                async for pcm, rate in spoken:
                    sounds += pcm
                    if len(sounds) > MOST_SECONDS * rate * 2:
                        break
        if not sounds:
            raise ApiError(400, "nothing_to_say", "the voice has nothing to say: the text has no speakable words")
        return wav_bytes(bytes(sounds), rate)

    def _voice(self, wanted: SayText) -> TextToSpeech:
        voices = {name: engine for (role, name), engine in self._engine_list.all.items() if role == "tts"}
        engine = voices.get(wanted.engine or next(iter(voices), ""))
        if engine is None:
            raise unknown("engine", wanted.engine, (name for name, one in voices.items() if one is not None))
        known = engine.info.choices
        if wanted.voice and known and wanted.voice not in known:
            raise unknown("voice", wanted.voice, known)
        return cast(TextToSpeech, engine)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        now = self._now()
        if len(self._begun) == MOST_A_MINUTE and now - self._begun[0] < MINUTE:
            seconds = round(MINUTE - (now - self._begun[0])) + 1
            raise ApiError(429, "too_many", f"{MOST_A_MINUTE} samples a minute are made; try again in {seconds} s")
        if self._making >= AT_ONCE:
            raise ApiError(429, "too_many", f"{AT_ONCE} samples are being made; try again when one is finished")
        self._begun.append(now)
        self._making += 1
        try:
            yield
        finally:
            self._making -= 1


async def _spoken(tts: TextToSpeech, wanted: SayText) -> AsyncGenerator[tuple[bytes, int], None]:
    """The sound of the text, sentence by sentence, as a call would have it spoken, with its rate."""
    cutter = Sentences()
    for sentence in (*cutter.feed(wanted.text), *cutter.end()):
        async with aclosing(synthesize(tts, sentence, wanted.voice)) as stretches:
            async for sound in stretches:
                if sound.pcm:
                    yield sound.pcm, sound.rate
