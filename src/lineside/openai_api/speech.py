"""`POST /v1/audio/speech`: text to sound, each sentence sent as soon as it is made where the format lets it."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from lineside.audio.output_resampler import OutputResampler
from lineside.call.synthesis import synthesize
from lineside.engines.protocols import TextToSpeech
from lineside.openai_api.engine_choice import EngineChoice
from lineside.openai_api.errors import OpenAiError, engines_fail_as_openai
from lineside.openai_api.json_body import json_body
from lineside.openai_api.server_sent import StreamedAnswer, event_stream, sent_event
from lineside.openai_api.speech_formats import CONTENT_TYPES, RATE, STREAMED, Format, check_format, head, written
from lineside.text.sentences import Sentences

MOST_SECONDS = 900.0  # of sound for one text; a voice that does not stop is stopped here
TOKENS_A_SECOND = 20  # of sound, as OpenAI counts
OWN_SPEED = "the voices of this gateway speak at their own speed; leave speed out"


class VoiceName(Struct, frozen=True):
    """A voice by its id."""

    id: str


class SpokenText(Struct, frozen=True):
    """The body; what it has besides, such as `instructions`, is passed over."""

    input: Annotated[str, Meta(min_length=1, max_length=4096)]
    model: str = ""
    voice: str | VoiceName = ""
    response_format: str = "mp3"
    speed: Annotated[float, Meta(ge=0.25, le=4.0)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


class Speech:
    """Speaks texts with the engines of this process."""

    def __init__(self, engines: EngineChoice) -> None:
        self._engines = engines

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Answer one request. Raises `OpenAiError`."""
        asked = await json_body(request, SpokenText)
        shape = check_format(asked.response_format)
        if asked.speed != 1.0:
            raise OpenAiError(400, OWN_SPEED, "speed")
        voice = asked.voice if isinstance(asked.voice, str) else asked.voice.id
        tts, voice = self._engines.tts(asked.model, voice)
        async with aclosing(_sound(tts, asked.input, voice)) as sound:
            first = await anext(sound, b"")
            if not first:
                raise OpenAiError(400, "input has no words that can be spoken", "input")
            if shape not in STREAMED:
                pcm = first + b"".join([piece async for piece in sound])
                file = await asyncio.to_thread(written, pcm, shape)
                if asked.stream_format == "sse":
                    return await _events(request, asked.input, file, len(pcm), _nothing())
                return web.Response(body=file, content_type=CONTENT_TYPES[shape])
            if asked.stream_format == "sse":
                return await _events(request, asked.input, head(shape) + first, len(first), sound)
            return await _streamed(request, shape, first, sound)


async def _streamed(
    request: web.Request, shape: Format, first: bytes, rest: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    send = StreamedAnswer(request, {"Content-Type": CONTENT_TYPES[shape]})
    await send(head(shape) + first)
    async for piece in rest:
        await send(piece)
    return send.response


async def _events(
    request: web.Request, text: str, first: bytes, size: int, rest: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    """The sound in events, with the tokens that it would have been at the end."""
    async with event_stream(request) as send:
        await send(_delta(first))
        async for piece in rest:
            size += len(piece)
            await send(_delta(piece))
        spoken, read = round(size / 2 / RATE * TOKENS_A_SECOND), max(1, len(text) // 4)
        usage = {"input_tokens": read, "output_tokens": spoken, "total_tokens": read + spoken}
        await send(sent_event({"type": "speech.audio.done", "usage": usage}))
    return send.response


def _delta(sound: bytes) -> bytes:
    return sent_event({"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode()})


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


async def _sound(tts: TextToSpeech, text: str, voice: str) -> AsyncGenerator[bytes, None]:
    """The text as sound at `RATE`, a sentence after the other. Raises `OpenAiError`."""
    cutter, seconds = Sentences(), 0.0
    converter: OutputResampler | None = None
    from_rate = 0
    for sentence in (*cutter.feed(text), *cutter.end()):
        async with engines_fail_as_openai(), aclosing(synthesize(tts, sentence, voice)) as stretches:
            async for audio in stretches:
                if not audio.pcm:
                    continue
                if converter is None or audio.rate != from_rate:
                    if converter is not None and (rest := converter.end()):
                        yield rest
                    converter, from_rate = OutputResampler(audio.rate, RATE), audio.rate
                seconds += audio.seconds
                if seconds > MOST_SECONDS:
                    raise OpenAiError(502, f"the voice spoke for more than {MOST_SECONDS:g} s", code="engine_failed")
                if pcm := converter.feed(audio.pcm):
                    yield pcm
    if converter is not None and (rest := converter.end()):
        yield rest
