"""Transcriptions of OpenAI-shaped servers, asked as each server wants it."""

import io
import math
from collections.abc import Mapping

import aiohttp

from lineside.audio.frame import STT_RATE, Utterance
from lineside.audio.wav import wav_bytes
from lineside.engines.openai_http import Endpoint, posted, read_body
from lineside.engines.protocols import Transcription
from lineside.engines.transcription_dialect import TRIES, Heard, TranscriptionDialect, read_transcription
from lineside.errors import EngineRefused


async def transcribe(
    http: aiohttp.ClientSession,
    endpoint: Endpoint,
    utterance: Utterance,
    fields: Mapping[str, str] | None = None,
    dialects: "TranscriptionDialects | None" = None,
    *,
    path: str = "/v1/audio/transcriptions",
) -> Transcription:
    """`POST` the utterance as WAV in a form, with these fields besides, in the way that the server wants."""
    dialects = dialects or TranscriptionDialects()
    given = {**(fields or {}), "language": utterance.language, "prompt": utterance.prompt}
    dialect = dialects.now
    for left in reversed(range(TRIES)):
        form = dialect.form(given)
        try:
            heard = await _heard(http, endpoint, utterance, form, path)
        except EngineRefused as no:
            learned = dialect.learned(no.status, no.said, no.param, tuple(form))
            if learned is None or not left:
                raise
            dialect = learned
            continue
        dialects.now = dialect
        return _transcription(heard)
    raise AssertionError("the last try raises or answers")


class TranscriptionDialects:
    """What one recogniser's server wants, as far as it is known."""

    def __init__(self, response_format: str = "verbose_json") -> None:
        self.now = TranscriptionDialect(response_format)


async def _heard(
    http: aiohttp.ClientSession, endpoint: Endpoint, utterance: Utterance, fields: Mapping[str, str], path: str
) -> Heard:
    def form() -> aiohttp.FormData:
        made = aiohttp.FormData()
        wav = io.BytesIO(wav_bytes(utterance.pcm, STT_RATE))  # bare bytes of over 1 MB would block
        made.add_field("file", wav, filename="utterance.wav", content_type="audio/wav")
        for name, value in fields.items():
            made.add_field(name, value)
        return made

    async with posted(http, endpoint, path, form) as answer:
        asked = fields.get("response_format", "text")
        raw = await read_body(endpoint, answer, may_be_empty=asked == "text")
        return read_transcription(raw, answer.content_type, asked)


def _transcription(heard: Heard) -> Transcription:
    probable = sum(heard.logprobs) / len(heard.logprobs) if heard.logprobs else None
    sure = min(1.0, math.exp(probable)) if probable is not None else 1.0
    nobody = [min(1.0, max(0.0, share)) for share in heard.no_speech]
    return Transcription(
        heard.text,
        sure=sure,
        no_speech=max(nobody, default=None),
        avg_logprob=probable,
        language=heard.language,
        nod=heard.nods[0] if len(heard.nods) == 1 else None,
        clear=min(heard.clear) > 0 if heard.clear else None,
    )
