"""Kokoro: 82 million weights, the most natural of the small voices; it wants a bigger machine than Piper.

It is in the engine server that lineside starts beside itself, or in Kokoro-FastAPI at KOKORO_URL, whose protocol is
`POST /v1/audio/speech` with `model: kokoro`; bare samples there have 16 bits at 24 kHz
(github.com/remsky/Kokoro-FastAPI, README, and api/src/routers/openai_compatible.py).
"""

from collections.abc import AsyncGenerator

import aiohttp

from lineside.audio.frame import Sound
from lineside.engines import model_admin, openai_http
from lineside.engines.protocols import BackendModel
from lineside.models.voices import KOKORO
from lineside.settings import Settings

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

    embedded = True

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.embedded = not settings.kokoro_url
        self.choices = tuple(dict.fromkeys((settings.kokoro_voice, *(OURS if self.embedded else ALL))))
        self._http = http
        self._place = openai_http.Endpoint("kokoro", settings.kokoro_url or settings.embedded_url)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        voice = voice or self.choices[0]
        if self.embedded:
            return openai_http.speech(self._http, self._place, KOKORO.name, voice, sentence)
        return openai_http.speech(self._http, self._place, "kokoro", voice, sentence, rate=RATE)

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/health")

    async def kept(self) -> tuple[BackendModel, ...]:
        """See `ModelKeeper`."""
        return tuple(k for k in await model_admin.listed(self._http, self._place, "tts") if "kokoro" in k.name)

    async def load(self, model: str) -> None:
        """See `ModelKeeper`. Kokoro-FastAPI has no such thing: its model is loaded as long as it runs."""
        await model_admin.load(self._http, self._place, model)

    async def unload(self, model: str, *, wait: bool) -> None:
        """See `ModelKeeper`."""
        await model_admin.unload(self._http, self._place, model, wait=wait)

    async def prepare(self, choice: str) -> None:
        """See `Preparable`."""
        if self.embedded:
            await self.load(KOKORO.name)
