"""Kokoro: 82 million weights, the most natural of the small voices; it wants a bigger machine than Piper.

It is in the engine server that lineside starts beside itself, or in Kokoro-FastAPI at KOKORO_URL, whose protocol is
`POST /v1/audio/speech` with `model: kokoro`; bare samples there have 16 bits at 24 kHz
(github.com/remsky/Kokoro-FastAPI, README, and api/src/routers/openai_compatible.py).
"""

from collections.abc import AsyncGenerator

from lineside.audio.frame import SpokenAudio
from lineside.engine_options import EngineHost, EngineOptions, Url, option
from lineside.engines import model_admin, openai_http
from lineside.engines.protocols import BackendModel, EngineInfo
from lineside.errors import ModelMissing
from lineside.models.store import state
from lineside.models.voices import KOKORO

RATE = 24_000  # Hz, of Kokoro-FastAPI's bare samples
OURS = tuple(file.name.removesuffix(".bin") for file in KOKORO.files if file.name.endswith(".bin"))
# The English voices of Kokoro v1.0 (hexgrad/Kokoro-82M, VOICES.md), which Kokoro-FastAPI has all of.
ALL = (
    *("af_heart", "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river"),
    *("af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx"),
    *("am_puck", "am_santa", "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george"),
    "bm_lewis",
)


class Kokoro:
    """All its English voices."""

    class Options(EngineOptions):
        """Kokoro: the most natural of the small voices."""

        url: Url = option("", env="KOKORO_URL", about="Kokoro-FastAPI; empty = the embedded engine server")
        voice: str = option("af_heart", env="KOKORO_VOICE", about="Kokoro voice")

    def __init__(self, options: Options, host: EngineHost) -> None:
        self._embedded, self._voice = not options.url, options.voice
        known = dict.fromkeys((options.voice, *(OURS if self._embedded else ALL)))
        self.info = EngineInfo(choices=tuple(known), embedded=self._embedded)
        self._http, self._root = host.http, host.models_dir
        self._endpoint = openai_http.Endpoint("kokoro", options.url or host.embedded_url)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        voice = voice or self._voice
        if self._embedded:
            return openai_http.speech(self._http, self._endpoint, KOKORO.name, voice, sentence)
        return openai_http.speech(self._http, self._endpoint, "kokoro", voice, sentence, rate=RATE)

    async def check(self) -> None:
        """See `HealthChecked`; embedded, its files have to be here."""
        if self._embedded and state(KOKORO, self._root) not in ("ready", "unchecked"):
            raise ModelMissing(f"not downloaded: lineside models pull {KOKORO.name}", model=KOKORO.name)
        await openai_http.get(self._http, self._endpoint, "/health")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return tuple(k for k in await model_admin.listed(self._http, self._endpoint, "tts") if "kokoro" in k.name)

    async def load(self, model: str) -> None:
        """See `ModelKeeper`. Kokoro-FastAPI has no such thing: its model is loaded as long as it runs."""
        await model_admin.load(self._http, self._endpoint, model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`."""
        await model_admin.unload(self._http, self._endpoint, model, wait=wait)

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        if self._embedded:
            await self.load(KOKORO.name)
