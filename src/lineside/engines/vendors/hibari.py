"""hibari: one small American voice, the usual one. It is in the engine server that lineside starts beside itself."""

from collections.abc import AsyncGenerator

from lineside.audio.frame import SpokenAudio
from lineside.engine_options import EngineHost, EngineOptions
from lineside.engines import model_admin, openai_http
from lineside.engines.protocols import BackendModel, EngineInfo
from lineside.errors import ModelMissing
from lineside.models.store import state
from lineside.models.voices import HIBARI


class Hibari:
    """Its voice Heart."""

    class Options(EngineOptions):
        """hibari: a small American voice, several times faster than Piper; embedded only."""

    def __init__(self, options: Options, host: EngineHost) -> None:
        self.info = EngineInfo(choices=(HIBARI.name,), embedded=True)
        self._http, self._root = host.http, host.models_dir
        self._endpoint = openai_http.Endpoint("hibari", host.embedded_url)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        return openai_http.speech(self._http, self._endpoint, HIBARI.name, HIBARI.name, sentence)

    async def check(self) -> None:
        """See `HealthChecked`; its file has to be here."""
        if state(HIBARI, self._root) not in ("ready", "unchecked"):
            raise ModelMissing(f"not downloaded: lineside models pull {HIBARI.name}", model=HIBARI.name)
        await openai_http.get(self._http, self._endpoint, "/health")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return tuple(k for k in await model_admin.listed(self._http, self._endpoint, "tts") if k.name == HIBARI.name)

    async def load(self, model: str) -> None:
        """See `ModelKeeper`."""
        await model_admin.load(self._http, self._endpoint, model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`."""
        await model_admin.unload(self._http, self._endpoint, model, wait=wait)

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        await self.load(HIBARI.name)
