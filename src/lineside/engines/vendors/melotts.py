"""MeloTTS: five English accents, in a container of its own.

MeloTTS has no server of its own but a demo page. The protocol here is that of the API container whose image is
published as timhagel/melotts-api-server (github.com/timhagel/MeloTTS-Docker-API-Server, README and app.py): `POST
/convert/tts` with `text`, `speed`, `language` and `speaker_id`, answered with a WAV at 44.1 kHz that calls itself
audio/mpeg. Where the same route stands under a prefix (hangrylabs/melotts has it under /tts), MELOTTS_URL ends with it.
"""

from collections.abc import AsyncGenerator
from typing import Literal, get_args

from lineside.audio.frame import SpokenAudio
from lineside.engine_options import EngineHost, EngineOptions, Url, option
from lineside.engines import openai_http
from lineside.engines.protocols import EngineInfo

Accent = Literal["EN-US", "EN-BR", "EN_INDIA", "EN-AU", "EN-Default"]  # as MeloTTS docs/install.md spells them
ACCENTS: tuple[Accent, ...] = get_args(Accent)


class MeloTTS:
    """English, in the accent that is wanted."""

    class Options(EngineOptions):
        """MeloTTS: five English accents, in a container."""

        url: Url = option("", env="MELOTTS_URL", about="MeloTTS API server; empty = the engine is not offered")
        accent: Accent = option("EN-US", env="MELOTTS_ACCENT", about="MeloTTS accent")
        speed: float = option(1.0, env="MELOTTS_SPEED", about="MeloTTS speaking rate; 1 = normal", ge=0.25, le=4.0)

        def missing(self) -> str:
            """See `EngineOptions`."""
            return "" if self.url else "MELOTTS_URL"

    def __init__(self, options: Options, host: EngineHost) -> None:
        self.info = EngineInfo(choices=tuple(dict.fromkeys((options.accent, *ACCENTS))))
        self._http, self._speed, self._accent = host.http, options.speed, options.accent
        self._endpoint = openai_http.Endpoint(
            "melotts", options.url, hint="start its container: docker compose up melotts"
        )

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        request = {
            "text": sentence,
            "speed": self._speed,
            "language": "EN",
            "speaker_id": voice or self._accent,
        }
        return openai_http.speech(self._http, self._endpoint, "", "", sentence, path="/convert/tts", request=request)

    async def check(self) -> None:
        """See `HealthChecked`. It has no route for that; FastAPI's description of the others stands in for it."""
        await openai_http.get(self._http, self._endpoint, "/openapi.json")
