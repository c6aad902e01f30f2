"""Piper: small voices that run faster than real time on a CPU.

They are in the engine server that lineside starts beside itself, or in a container that speaks `/v1/audio/speech` at
PIPER_URL. A voice goes by its own name, or by what is wanted of it: `fast`, `quality`, `high`, which are engines of
their own too.
"""

from collections.abc import AsyncGenerator

import structlog

from lineside.audio.frame import SpokenAudio
from lineside.engine_options import EngineHost, EngineOptions, Url, option
from lineside.engines import model_admin, openai_http
from lineside.engines.protocols import BackendModel, EngineInfo
from lineside.errors import ModelMissing
from lineside.models.catalogue import find
from lineside.models.presets import PIPER_PRESETS, SPARE, piper_voice
from lineside.models.store import state
from lineside.models.voices import VOICES

log = structlog.get_logger()

NAMES = tuple(voice.name for voice in VOICES if voice.engine == "piper")
OTHERS = tuple(voice.name for voice in VOICES if voice.engine != "piper")  # in the same engine server


class Piper:
    """All voices, Joe first."""

    usual = SPARE  # the voice when none is named

    class Options(EngineOptions):
        """Piper: small voices, faster than real time on a CPU."""

        url: Url = option(
            "",
            env="PIPER_URL",
            about="Server that speaks /v1/audio/speech with Piper voices; empty = the embedded engine server",
        )

    def __init__(self, options: Options, host: EngineHost) -> None:
        self._embedded = not options.url
        known = dict.fromkeys((self.usual, *PIPER_PRESETS, *NAMES))
        self.info = EngineInfo(tuple(known), self._embedded, preset_of="" if type(self) is Piper else "piper")
        self._http, self._root = host.http, host.models_dir
        self._endpoint = openai_http.Endpoint("piper", options.url or host.embedded_url)
        self._noticed: set[str] = set()

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        name, notice = piper_voice(voice or self.usual, self._root)
        if notice and notice not in self._noticed:  # once a preset, not once a sentence
            self._noticed.add(notice)
            log.warning("voice not installed, using another", why=notice)
        return openai_http.speech(self._http, self._endpoint, name, name, sentence)

    def resolved(self, choice: str) -> str:
        """See `ResolvesChoice`: a preset is the voice that it speaks as here."""
        return piper_voice(choice or self.usual, self._root)[0]

    def not_downloaded(self) -> str:
        """See `SpeaksWithAnother`."""
        wanted = PIPER_PRESETS.get(self.usual, self.usual)
        return wanted if self._embedded and self.resolved("") != wanted else ""

    async def check(self) -> None:
        """See `HealthChecked`; embedded, a voice has to be here."""
        voice = find(self.resolved(""))
        if self._embedded and state(voice, self._root) not in ("ready", "unchecked"):
            raise ModelMissing(f"not downloaded: lineside models pull {voice.name}", model=voice.name)
        await openai_http.get(self._http, self._endpoint, "/health")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return tuple(k for k in await model_admin.listed(self._http, self._endpoint, "tts") if k.name not in OTHERS)

    async def load(self, model: str) -> None:
        """See `ModelKeeper`; presets are known too."""
        await model_admin.load(self._http, self._endpoint, piper_voice(model, self._root)[0])

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`; presets are known too."""
        await model_admin.unload(self._http, self._endpoint, piper_voice(model, self._root)[0], wait=wait)

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        if self._embedded:
            await self.load(choice or self.usual)


class PiperFast(Piper):
    """The smallest that is free to use."""

    usual = "fast"


class PiperQuality(Piper):
    """The voice between."""

    usual = "quality"


class PiperHigh(Piper):
    """The most natural voice."""

    usual = "high"
