"""`POST /v1/audio/transcriptions`: a recording of any length to words, stretch by stretch."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import IO

from aiohttp import web
from msgspec import Struct

from lineside.audio.frame import Utterance
from lineside.engines.protocols import SpeechToText, Transcription
from lineside.engines.timeouts import answer_within
from lineside.openai_api.engine_choice import EngineChoice
from lineside.openai_api.errors import OpenAiError, engines_fail_as_openai
from lineside.openai_api.server_sent import DONE, event_stream, sent_event
from lineside.openai_api.sound_file import pcm_blocks
from lineside.openai_api.stretches import Cutter, Judge, Stretch
from lineside.openai_api.transcription_formats import FORMATS, Format, HeardRecording, TranscriptSegment, whole
from lineside.openai_api.upload import UploadedForm, uploaded_form

HEARD_WITHIN = 120.0  # seconds for one stretch: a busy recogniser is waited for
LONGEST_PROMPT = 1000  # characters that a recogniser leans towards
NO_WORDS = "a recogniser of this gateway tells no time of a word; ask for segments"


class TranscriptionRequest(Struct, frozen=True):
    """What is asked for besides the file."""

    model: str = ""
    language: str = ""
    prompt: str = ""
    shape: Format = "json"
    stream: bool = False


class Transcriptions:
    """Hears recordings with the engines of this process."""

    def __init__(self, engines: EngineChoice, new_judge: Callable[[], Judge]) -> None:
        """`new_judge` makes what tells speech from the rest, for one recording; it is called in a thread."""
        self._engines, self._new_judge = engines, new_judge

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Answer one request. Raises `OpenAiError`."""
        async with uploaded_form(request) as form:
            asked = read_request(form)
            if form.file is None:
                raise OpenAiError(400, "the form has no file in its field 'file'", "file")
            stt = self._engines.stt(asked.model)
            async with aclosing(self._segments(form.file, stt, asked)) as segments:
                if asked.stream:
                    return await _streamed(request, segments)
                found = [item async for item in segments]
        heard = _recording(found, asked.language)
        content_type, body = whole(heard, asked.shape)
        if isinstance(body, str):
            return web.Response(text=body, content_type=content_type)
        return web.json_response(body)

    async def _segments(
        self, file: IO[bytes], stt: SpeechToText, asked: TranscriptionRequest
    ) -> AsyncGenerator[TranscriptSegment | float, None]:
        """Each stretch as it was heard, and at the end the recording's length in seconds."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "sound file") as thread:
            reader = await loop.run_in_executor(thread, lambda: StretchReader(file, self._new_judge()))
            while (stretch := await loop.run_in_executor(thread, reader.next)) is not None:
                heard = await _heard(stt, stretch, asked)
                yield TranscriptSegment.of(
                    stretch.began,
                    stretch.began + stretch.seconds,
                    heard.text,
                    sure=heard.sure,
                    avg_logprob=heard.avg_logprob,
                    no_speech=heard.no_speech,
                )
            yield reader.seconds


class StretchReader:
    """Reads a file stretch by stretch. For one thread."""

    def __init__(self, file: IO[bytes], judge: Judge) -> None:
        self._cutter = Cutter(judge)
        self._stretches = self._read(file)

    @property
    def seconds(self) -> float:
        """Of the recording, as far as it has been read."""
        return self._cutter.seconds

    def next(self) -> Stretch | None:
        """The next stretch in which somebody speaks; None at the end. Raises `OpenAiError`."""
        return next(self._stretches, None)

    def _read(self, file: IO[bytes]) -> Iterator[Stretch]:
        for pcm in pcm_blocks(file):
            yield from self._cutter.feed(pcm)
        yield from self._cutter.end()


def read_request(form: UploadedForm) -> TranscriptionRequest:
    """The fields of the form, checked. Raises `OpenAiError` naming the field."""
    shape = form.one("response_format", "json")
    if shape not in FORMATS:
        raise OpenAiError(400, f"response_format must be one of {', '.join(FORMATS)}", "response_format")
    if "word" in form.fields.get("timestamp_granularities", []):
        raise OpenAiError(400, NO_WORDS, "timestamp_granularities")
    if (stream := form.one("stream", "false").lower()) not in ("true", "false", "1", "0"):
        raise OpenAiError(400, "stream must be true or false", "stream")
    streamed = stream in ("true", "1")
    if streamed and shape not in ("json", "text"):
        raise OpenAiError(400, "a stream is json or text", "response_format")
    prompt = form.one("prompt")[:LONGEST_PROMPT]
    return TranscriptionRequest(form.one("model"), form.one("language"), prompt, shape, streamed)


async def _heard(stt: SpeechToText, stretch: Stretch, asked: TranscriptionRequest) -> Transcription:
    said = Utterance(stretch.pcm, stretch.began, stretch.voiced, prompt=asked.prompt, language=asked.language)
    async with engines_fail_as_openai():
        return await answer_within(stt.transcribe(said), HEARD_WITHIN, "the recogniser")


def _recording(found: list[TranscriptSegment | float], language: str) -> HeardRecording:
    segments = tuple(item for item in found if isinstance(item, TranscriptSegment))
    return HeardRecording(next((item for item in found if isinstance(item, float)), 0.0), segments, language)


async def _streamed(
    request: web.Request, segments: AsyncGenerator[TranscriptSegment | float, None]
) -> web.StreamResponse:
    found: list[TranscriptSegment | float] = []
    async with event_stream(request) as send:
        async for item in segments:
            if isinstance(item, TranscriptSegment) and item.text:
                delta = f" {item.text}" if any(isinstance(one, TranscriptSegment) for one in found) else item.text
                await send(sent_event({"type": "transcript.text.delta", "delta": delta}))
                found.append(item)
            elif isinstance(item, float):
                found.append(item)
        heard = _recording(found, "")
        done = {"type": "transcript.text.done", "text": heard.text, "usage": heard.usage}
        await send(sent_event(done))
        await send(DONE)
        return send.response
