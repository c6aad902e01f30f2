"""ElevenLabs: voices in the cloud, for a key.

`POST /v1/text-to-speech/{voice_id}/stream` with `output_format=pcm_22050` streams bare 16-bit samples; `GET
/v1/models` tells whether the key is good (elevenlabs.io/docs/api-reference/text-to-speech/stream). Through aiohttp and
not through the vendor's library, so that closing a sentence closes its stream and all calls share one pool.
"""

from collections.abc import AsyncGenerator
from urllib.parse import quote

import aiohttp

from lineside.audio.frame import Sound
from lineside.engines import openai_http
from lineside.settings import Settings

RATE = 22_050  # Hz; the highest bare rates are for dearer plans only


class ElevenLabs:
    """The one voice that is paid for."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.choices = (settings.elevenlabs_voice_id,)
        self._http, self._model = http, settings.elevenlabs_model_id
        self._headers = {"xi-api-key": settings.elevenlabs_api_key}
        self._place = openai_http.Endpoint("elevenlabs", settings.elevenlabs_url)

    @staticmethod
    def offered(settings: Settings) -> bool:
        """Only with a key."""
        return bool(settings.elevenlabs_api_key)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[Sound, None]:
        """See `TextToSpeech`."""
        path = f"/v1/text-to-speech/{quote(voice or self.choices[0], safe='')}/stream?output_format=pcm_{RATE}"
        request = {"text": sentence, "model_id": self._model}
        return openai_http.speech(
            self._http, self._place, "", "", sentence, path=path, request=request, rate=RATE, headers=self._headers
        )

    async def check(self) -> None:
        """See `Checked`; a wrong key is found here."""
        await openai_http.look(self._http, self._place, "/v1/models", self._headers)
