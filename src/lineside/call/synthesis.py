"""From a piece of the answer to its sound, with the written words that end in it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.audio.frame import STT_RATE, SpokenAudio
from lineside.engines.protocols import TextToSpeech
from lineside.engines.timeouts import tried_twice
from lineside.text.alignment import Alignment
from lineside.text.normalize import spoken

# Seconds; an engine that is slower has failed. The caller is told to wait long before that.
FIRST_SOUND, NEXT_SOUND = 6.0, 4.0


async def synthesize(
    tts: TextToSpeech, piece: str, voice: str, language: str = "en"
) -> AsyncGenerator[SpokenAudio, None]:
    """Synthesise one piece; the marks are the words of the *written* text. Raises `EngineError`.

    The last stretch has no samples and the words that are left: all of the piece has been heard when the sound before
    it has been.
    """
    alignment, rate = Alignment(spoken(piece, language)), STT_RATE
    for said in alignment.portions():
        async with aclosing(_portion(tts, said, voice)) as stream:
            async for audio in stream:
                rate = audio.rate
                words = [(at, written) for at, word in audio.words if (written := alignment.written(word))]
                yield SpokenAudio(audio.pcm, rate, tuple(words))
    yield SpokenAudio(b"", rate, ((0, f"{alignment.rest()} "),))


def _portion(tts: TextToSpeech, said: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
    return tried_twice(lambda: tts.speak(said, voice), first=FIRST_SOUND, later=NEXT_SOUND, who="the voice")
