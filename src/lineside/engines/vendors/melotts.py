"""MeloTTS: five English accents, in a container of its own.

MeloTTS has no server of its own but a demo page. The protocol here is that of the API container whose image is
published as timhagel/melotts-api-server (github.com/timhagel/MeloTTS-Docker-API-Server, README and app.py): `POST
/convert/tts` with `text`, `speed`, `language` and `speaker_id`, answered with a WAV at 44.1 kHz that calls itself
audio/mpeg. Where the same route stands under a prefix (hangrylabs/melotts has it under /tts), MELOTTS_URL ends with it.
"""

from collections.abc import AsyncGenerator

import aiohttp

from lineside.audio.frame import Sound
from lineside.engines import openai_http
from lineside.settings import Settings

ACCENTS = ("EN-US", "EN-BR", "EN_INDIA", "EN-AU", "EN-Default")  # MeloTTS docs/install.md has them in this spelling


class MeloTTS:
    """English, in the accent that is wanted."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.choices = tuple(dict.fromkeys((settings.melotts_accent, *ACCENTS)))
        self._http, self._speed = http, settings.melotts_speed
        self._place = openai_http.Endpoint(
            "melotts", settings.melotts_url, hint="start its container: docker compose up melotts"
        )

    @staticmethod
    def offered(settings: Settings) -> bool:
        """Only where somebody runs it."""
        return bool(settings.melotts_url)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        request = {
            "text": sentence,
            "speed": self._speed,
            "language": "EN",
            "speaker_id": voice or self.choices[0],
        }
        return openai_http.speech(self._http, self._place, "", "", sentence, path="/convert/tts", request=request)

    async def check(self) -> None:
        """See `Checked`. It has no route for that; FastAPI's description of the others stands in for it."""
        await openai_http.look(self._http, self._place, "/openapi.json")
