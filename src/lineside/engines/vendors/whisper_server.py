"""whisper-server: whisper.cpp's own server, on the GPU where there is one. The host agent starts it.

`POST /inference` and `GET /health` (github.com/ggml-org/whisper.cpp, examples/server: README.md and server.cpp). Its
models are files that it was started with; which one, the host agent knows and decides.
"""

import re

import msgspec

from lineside.audio.frame import Utterance
from lineside.engine_options import EngineHost, EngineOptions, Url, option
from lineside.engines import examine_http, openai_http, openai_transcribe
from lineside.engines.protocols import EngineInfo, Fact, Transcription

FORM = {
    "temperature": "0.0",
    "temperature_inc": "0.2",
    "no_language_probabilities": "true",  # or it runs its encoder a second time, for a figure that nobody reads
}
# What it writes where nobody speaks: "[BLANK_AUDIO]", "[ Silence ]"; "(wind blowing)", which can also be words.
NOTE, ASIDES_ALONE = re.compile(r"\[[^\]]*\]"), re.compile(r"(\s*\([^)]*\))+\s*")


class WhisperServer:
    """Whatever model the server was started with."""

    class Options(EngineOptions):
        """whisper-server: whisper.cpp's own server."""

        url: Url = option(
            "http://127.0.0.1:8178",
            env="WHISPER_SERVER_URL",
            about="whisper.cpp's server; the host agent can start it",
        )

    def __init__(self, options: Options, host: EngineHost) -> None:
        self.info = EngineInfo()
        self._http, self._dialects = host.http, openai_transcribe.TranscriptionDialects()
        hint = "start it: lineside host, then the service whisper-server"
        self._endpoint = openai_http.Endpoint("whisper-server", options.url, hint=hint)

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        heard = await openai_transcribe.transcribe(
            self._http, self._endpoint, utterance, FORM, self._dialects, path="/inference"
        )
        text = " ".join(NOTE.sub(" ", heard.text).split())
        return msgspec.structs.replace(heard, text="" if ASIDES_ALONE.fullmatch(text) else text)

    async def check(self) -> None:
        """See `HealthChecked`."""
        await openai_http.get(self._http, self._endpoint, "/health")

    async def examine(self) -> list[Fact]:
        """See `Examinable`."""
        connection = await examine_http.connection_fact(self._endpoint, "/health")
        return [*examine_http.transcription_facts(self._dialects.now), connection]
