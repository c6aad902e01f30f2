"""From a piece of the answer to its sound, with the written words that end in it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.audio.frame import EAR_RATE, AudioFrame, Sound
from lineside.engines.protocols import TextToSpeech
from lineside.engines.timeouts import in_time, tried_twice
from lineside.text.alignment import Alignment
from lineside.text.normalize import spoken

# Seconds; an engine that is slower has failed. The caller is told to wait long before that.
FIRST_SOUND, NEXT_SOUND = 6.0, 4.0


async def synthesize(tts: TextToSpeech, piece: str, voice: str, language: str = "en") -> AsyncGenerator[Sound, None]:
    """Synthesise one piece; every frame says the words of the *written* text that end in it. Raises `EngineError`."""
    alignment, rate = Alignment(spoken(piece, language)), EAR_RATE
    said = alignment.said
    if said:
        sounds = tried_twice(
            lambda: in_time(tts.speak(said, voice), first=FIRST_SOUND, later=NEXT_SOUND, who="the voice")
        )
        async with aclosing(sounds) as stream:
            async for sound in stream:
                rate = sound.frame.rate
                yield Sound(sound.frame, alignment.written(sound.says))
    yield Sound(AudioFrame(b"", rate), f"{alignment.rest()} ")
