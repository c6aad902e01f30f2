"""ElevenLabs: voices in the cloud, for a key.

`POST /v1/text-to-speech/{voice_id}/stream` with `output_format=pcm_22050` streams bare 16-bit samples; `GET
/v1/models` tells whether the key is good (elevenlabs.io/docs/api-reference/text-to-speech/stream). Through aiohttp and
not through the vendor's library, so that closing a sentence closes its stream and all calls share one pool.
"""

from collections.abc import AsyncGenerator
from urllib.parse import quote

from lineside.audio.frame import SpokenAudio
from lineside.engine_options import EngineHost, EngineOptions, Url, option
from lineside.engines import openai_http
from lineside.engines.protocols import EngineInfo

RATE = 22_050  # Hz; the highest bare rates are for dearer plans only


class ElevenLabs:
    """The one voice that is paid for."""

    class Options(EngineOptions):
        """ElevenLabs: voices in the cloud."""

        api_key: str = option(
            "", env="ELEVENLABS_API_KEY", secret=True, about="Key of ElevenLabs; empty = the engine is not offered"
        )
        url: Url = option("https://api.elevenlabs.io", env="ELEVENLABS_URL", about="Address of the ElevenLabs API")
        voice_id: str = option("21m00Tcm4TlvDq8ikWAM", env="ELEVENLABS_VOICE_ID", about="ElevenLabs voice")
        model_id: str = option("eleven_turbo_v2_5", env="ELEVENLABS_MODEL_ID", about="ElevenLabs model")

        def missing(self) -> str:
            """See `EngineOptions`."""
            return "" if self.api_key else "ELEVENLABS_API_KEY"

    def __init__(self, options: Options, host: EngineHost) -> None:
        self.info = EngineInfo(choices=(options.voice_id,))
        self._http, self._model, self._voice = host.http, options.model_id, options.voice_id
        self._headers = {"xi-api-key": options.api_key}
        self._endpoint = openai_http.Endpoint("elevenlabs", options.url)

    def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        """See `TextToSpeech`."""
        path = f"/v1/text-to-speech/{quote(voice or self._voice, safe='')}/stream?output_format=pcm_{RATE}"
        request = {"text": sentence, "model_id": self._model}
        return openai_http.speech(
            self._http, self._endpoint, "", "", sentence, path=path, request=request, rate=RATE, headers=self._headers
        )

    async def check(self) -> None:
        """See `HealthChecked`; a wrong key is found here."""
        await openai_http.get(self._http, self._endpoint, "/v1/models", self._headers)
