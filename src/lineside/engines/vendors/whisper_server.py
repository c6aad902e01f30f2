"""whisper-server: whisper.cpp's own server, on the GPU where there is one. The host agent starts it.

`POST /inference` and `GET /health` (github.com/ggml-org/whisper.cpp, examples/server: README.md and server.cpp). Its
models are files that it was started with; which one, the host agent knows and decides.
"""

import re

import aiohttp
import msgspec

from lineside.audio.frame import Utterance
from lineside.engines import openai_http
from lineside.engines.protocols import Transcription
from lineside.settings import Settings

FORM = {
    "temperature": "0.0",
    "temperature_inc": "0.2",
    "response_format": "verbose_json",
    "no_language_probabilities": "true",  # or it runs its encoder a second time, for a figure that nobody reads
}
# What it writes where nobody speaks: "[BLANK_AUDIO]", "[ Silence ]"; "(wind blowing)", which can also be words.
NOTE, ASIDES_ALONE = re.compile(r"\[[^\]]*\]"), re.compile(r"(\s*\([^)]*\))+\s*")


class WhisperServer:
    """Whatever model the server was started with."""

    choices: tuple[str, ...] = ()

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http = http
        hint = "start it: lineside host, then the service whisper-server"
        self._place = openai_http.Endpoint("whisper-server", settings.whisper_server_url, hint=hint)

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        heard = await openai_http.transcribe(self._http, self._place, "", utterance, path="/inference", fields=FORM)
        text = " ".join(NOTE.sub(" ", heard.text).split())
        return msgspec.structs.replace(heard, text="" if ASIDES_ALONE.fullmatch(text) else text)

    async def check(self) -> None:
        """See `Checked`."""
        await openai_http.look(self._http, self._place, "/health")
