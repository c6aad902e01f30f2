"""espeak-ng: the voice of last resort. It sounds like a machine, and begins within hundredths of a second.

A program of the system, started for each sentence: nothing to load, nothing that can have died. Its options are those
of its manual page (github.com/espeak-ng/espeak-ng, src/espeak-ng.1.ronn).
"""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from lineside.audio.frame import SpokenAudio
from lineside.engine_options import EngineHost, EngineOptions
from lineside.engines.protocols import EngineInfo
from lineside.engines.tts_audio import spoken_audio
from lineside.errors import ConfigError, EngineError
from lineside.processes.process import end_process, start_process

PROGRAM = "espeak-ng"
AT_ONCE = 8  # processes, ten milliseconds of a core each; a further sentence waits, under the reply's deadline
BLOCK = 4096  # bytes read at once
VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-029")
WORDS_A_MINUTE = "160"


class Espeak:
    """English, in four accents."""

    class Options(EngineOptions):
        """espeak-ng has no options."""

        def missing(self) -> str:
            """See `EngineOptions`."""
            return "" if shutil.which(PROGRAM) else f"the program {PROGRAM} (on Debian: apt install espeak-ng)"

    def __init__(self, options: Options, host: EngineHost) -> None:
        self.info = EngineInfo(choices=VOICES)
        self._free = asyncio.Semaphore(min(AT_ONCE, host.pool_size))

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`. Closing it ends the process."""
        if not any(c.isalnum() for c in sentence):
            return
        async with self._free:
            process = await _started("--stdout", "--stdin", "-s", WORDS_A_MINUTE, "-v", voice or VOICES[0])
            try:
                async with aclosing(spoken_audio(PROGRAM, sentence, _spoken(process, sentence))) as made:
                    async for sound in made:
                        yield sound
            except ConfigError as cause:
                raise EngineError(f"{PROGRAM} produced no audio: {cause}") from None
            finally:
                await end_process(process, grace=0, read_rest=True)

    async def check(self) -> None:
        """See `HealthChecked`."""
        if not shutil.which(PROGRAM):
            raise EngineError(f"{PROGRAM} is not installed; on Debian: apt install espeak-ng")


async def _started(*options: str) -> Process:
    try:
        return await start_process([PROGRAM, *options], stdin=PIPE, stdout=PIPE, stderr=DEVNULL, ends_with_us=False)
    except OSError as cause:
        raise EngineError(f"{PROGRAM} cannot be started: {cause.strerror}; on Debian: apt install espeak-ng") from None


async def _spoken(process: Process, sentence: str) -> AsyncGenerator[bytes, None]:
    if not process.stdin or not process.stdout:
        return  # never: both are pipes
    plain = sentence.replace("[[", "[ [")  # what stands between two of them it takes for phonemes
    with suppress(ConnectionError):  # it ended at once; that there is no sound will be seen
        process.stdin.write(plain.encode())
        await process.stdin.drain()
    process.stdin.close()
    while block := await process.stdout.read(BLOCK):
        yield block
