"""The sound of a caller: a voice that speaks their lines, kept on the disk, and what is heard behind them."""

import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.audio.frame import SAMPLE_BYTES
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav, wav_bytes
from lineside.engines.protocols import TextToSpeech
from lineside.engines.registry import EngineRegistry
from lineside.errors import ConfigError, EngineError, TransportError
from lineside.whole_files import write_whole

LEVEL = -26.0  # dB below full scale while speaking: what telephone networks are laid out for (ITU-T P.56, G.100)
BLOCK = 0.02  # seconds whose loudness is measured together
SPEAKING = -30.0  # dB under the loudest block: what is softer is no speech

Samples = npt.NDArray[np.float32]


class CallerVoice(Struct, frozen=True):
    """A voice that callers speak with: an engine of text to speech and one of its voices, empty for its own default."""

    engine: str
    voice: str = ""

    def __str__(self) -> str:
        return f"{self.engine}:{self.voice}" if self.voice else self.engine


def parse_voice(text: str) -> CallerVoice:
    """`ENGINE` or `ENGINE:VOICE`."""
    engine, _, voice = text.partition(":")
    return CallerVoice(engine, voice)


def usual_voices(registry: EngineRegistry) -> tuple[CallerVoice, ...]:
    """Voices that are not the agent's and need no model of their own. Raises `ConfigError` where there is none."""
    agents = registry.defaults["tts"]
    if agents == "espeak":
        return (CallerVoice("hibari"),)
    if "espeak" not in registry.names("tts"):
        raise ConfigError(
            "callers need a voice that is not the agent's: --voice ENGINE:VOICE, or apt install espeak-ng"
        )
    return tuple(CallerVoice("espeak", voice) for voice in ("en-us", "en-gb"))


class CallerVoices:
    """Speaks callers' lines; what was spoken once is read from the disk."""

    def __init__(self, registry: EngineRegistry, folder: Path) -> None:
        """`folder`: where the sound is kept; it may be deleted at any time."""
        self._registry, self._folder = registry, folder

    async def speak(self, voice: CallerVoice, text: str, rate: int) -> Samples:
        """The line at that rate, at the level of a telephone. Raises `ConfigError` for a voice that there is not."""
        key = hashlib.sha256("\0".join((voice.engine, voice.voice, text)).encode()).hexdigest()
        file = self._folder / f"{key[:32]}.wav"
        if not file.is_file():
            write_whole(file, await self._spoken(voice, text))
        sound = read_wav(file)
        return levelled(resampled(sound.pcm, sound.rate, rate), rate)

    async def _spoken(self, voice: CallerVoice, text: str) -> bytes:
        try:
            self._registry.choose(tts=voice.engine, voice=voice.voice)
            tts = cast(TextToSpeech, self._registry.engine("tts", voice.engine))
            async with aclosing(tts.speak(text, voice.voice)) as stretches:
                made = [stretch async for stretch in stretches if stretch.pcm]
        except TransportError as unknown:
            raise ConfigError(f"--voice {voice}: {unknown}") from None
        except EngineError as failure:
            raise ConfigError(f"--voice {voice} cannot speak: {failure}") from failure
        if not made:
            raise ConfigError(f"--voice {voice} said nothing for {text!r}")
        return wav_bytes(b"".join(stretch.pcm for stretch in made), made[0].rate)


class Background:
    """What is heard behind a caller all the time: a recording, over and over."""

    def __init__(self, samples: Samples, under: float, rate: int) -> None:
        """`under`: decibels under the speaking caller."""
        self._samples = levelled(samples, rate) * np.float32(10 ** (-under / 20))
        self._at = 0

    def next(self, count: int) -> Samples:
        """The next samples of it."""
        places = (self._at + np.arange(count)) % len(self._samples)
        self._at = (self._at + count) % len(self._samples)
        return cast(Samples, self._samples[places])

    def begin_at(self, share: float) -> None:
        """Begin somewhere else in it; `share` of its length."""
        self._at = int(share * len(self._samples))


def read_background(file: Path, under: float, rate: int) -> Background:
    """A recording to be heard behind callers. Raises `ConfigError` naming what is wrong with it."""
    sound = read_wav(file)
    samples = resampled(sound.pcm, sound.rate, rate)
    if not len(samples) or not samples.any():
        raise ConfigError(f"{file} holds no sound")
    return Background(samples, under, rate)


def resampled(pcm: bytes, rate: int, to: int) -> Samples:
    """Signed 16-bit samples at another rate, between -1 and 1."""
    if rate != to:
        resampler = InputResampler(rate, to)
        pcm = resampler.feed(pcm) + resampler.end()
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


def levelled(samples: Samples, rate: int) -> Samples:
    """At the level of a telephone, measured while there is speech."""
    size = max(1, round(BLOCK * rate))
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(blocks):
        return samples
    power = np.square(blocks).mean(axis=1)
    speech = power[power > power.max() * 10 ** (SPEAKING / 10)]
    if not len(speech):
        return samples
    return samples * np.float32(10 ** (LEVEL / 20) / np.sqrt(speech.mean()))


def pcm_of(samples: Samples) -> bytes:
    """Signed 16-bit; what is too loud is clipped, as a telephone does."""
    return (np.clip(samples, -1.0, 32767 / 32768) * 32768).astype("<i2").tobytes()


def ogg(left: bytes, right: bytes, rate: int) -> bytes:
    """Both sides of a call, signed 16-bit, as Ogg Vorbis; the shorter one is filled up with silence."""
    import io

    import soundfile

    longest = max(len(left), len(right)) // SAMPLE_BYTES
    sides = [np.frombuffer(side.ljust(longest * SAMPLE_BYTES, b"\0"), "<i2") for side in (left, right)]
    both, kept = np.stack(sides, axis=1), io.BytesIO()
    with soundfile.SoundFile(kept, "w", rate, 2, "VORBIS", format="OGG") as file:
        for at in range(0, longest, rate):
            file.write(both[at : at + rate])  # libsndfile puts all of a write on the stack, and dies of minutes
    return kept.getvalue()


def cycled(voices: Sequence[CallerVoice], number: int) -> CallerVoice:
    """The voice of that call: they take turns."""
    return voices[number % len(voices)]
