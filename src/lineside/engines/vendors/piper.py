"""Piper: small voices that run faster than real time on a CPU.

They are in the engine server that lineside starts beside itself, or in a container that speaks `/v1/audio/speech` at
PIPER_URL. A voice goes by its own name, or by what is wanted of it: `fast`, `quality`, `high`, which are engines of
their own too.
"""

from collections.abc import AsyncGenerator

import aiohttp
import structlog

from lineside.audio.frame import Sound
from lineside.engines import model_admin, openai_http
from lineside.engines.protocols import BackendModel
from lineside.models.presets import PIPER_PRESETS, SPARE, piper_voice
from lineside.models.voices import VOICES
from lineside.settings import Settings

log = structlog.get_logger()

NAMES = tuple(voice.name for voice in VOICES if voice.engine == "piper")


class Piper:
    """All voices, the one that is always fetched first."""

    embedded = True
    usual = SPARE  # the voice when none is named

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.embedded = not settings.piper_url
        self.choices = tuple(dict.fromkeys((self.usual, *PIPER_PRESETS, *NAMES)))
        self._http, self._root = http, settings.models_dir
        self._place = openai_http.Endpoint("piper", settings.piper_url or settings.embedded_url)
        self._noticed: set[str] = set()

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        name, notice = piper_voice(voice or self.usual, self._root)
        if notice and notice not in self._noticed:  # once a preset, not once a sentence
            self._noticed.add(notice)
            log.warning("another voice speaks", why=notice)
        return openai_http.speech(self._http, self._place, name, name, sentence)

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/health")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return tuple(k for k in await model_admin.listed(self._http, self._place, "tts") if "kokoro" not in k.name)

    async def load(self, model: str) -> None:
        """See `ModelKeeper`; presets are known too."""
        await model_admin.load(self._http, self._place, piper_voice(model, self._root)[0])

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`; presets are known too."""
        await model_admin.unload(self._http, self._place, piper_voice(model, self._root)[0], wait=wait)

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        if self.embedded:
            await self.load(choice or self.usual)


class PiperFast(Piper):
    """The smallest voice: the first sound soonest."""

    usual = "fast"


class PiperQuality(Piper):
    """The voice between."""

    usual = "quality"


class PiperHigh(Piper):
    """The most natural voice."""

    usual = "high"
