"""What comes in and goes out, shaped as OpenAI's API (platform.openai.com/docs/api-reference): any client fits."""

import json
import re
import secrets
import time
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np
import soxr
from aiohttp import web
from aiohttp.http import HttpProcessingError

from lineside.audio.log_mel import RATE
from lineside.audio.wav import read_wav
from lineside.engine_server.asr.whisper import Samples, WhisperTranscript
from lineside.engine_server.llm.llama import GeneratedText
from lineside.errors import UNREADABLE, ConfigError

AUDIO_BYTES = 32 << 20  # of one upload: five minutes at 48 kHz; a larger one is refused
AUDIO_SECONDS = 300.0
JSON_BYTES = 1 << 20

T = TypeVar("T", bound=msgspec.Struct)


UNKNOWN_MODEL = "unknown_model"  # one of the codes of refusals


class RequestRefused(Exception):
    """A request that cannot be served; `param` is the field that is wrong, `code` a short name to act on."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of `/v1/chat/completions`; what it has besides is ignored."""

    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1, max_length=1000)]
    model: str = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    stream: bool = False

    @property
    def tokens(self) -> int:
        """The most it may answer; OpenAI has two names for it."""
        return self.max_completion_tokens or self.max_tokens or 150


class WarmRequest(msgspec.Struct, frozen=True):
    """The body of `/v1/warm`: what conversations are going to begin with, the system prompt and any examples."""

    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1, max_length=100)]
    model: str = ""
    keep: bool = True  # the operator's prompt, for every call to come; false: one caller's own


class SpeechRequest(msgspec.Struct, frozen=True):
    """The body of `/v1/audio/speech`."""

    input: Annotated[str, msgspec.Meta(max_length=4096)]
    model: str = ""
    voice: str = ""
    response_format: Literal["wav", "pcm"] = "wav"
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] = 1.0


class LoadRequest(msgspec.Struct, frozen=True):
    """The body of `/v1/models/load`."""

    model: str


class UnloadRequest(msgspec.Struct, frozen=True):
    """The body of `/v1/models/unload`. With `wait`, requests under way are let end first."""

    model: str
    wait: bool = False


async def body(request: web.Request, kind: type[T]) -> T:
    """The body as what it should be. Raises `RequestRefused` naming the field."""
    if (request.content_length or 0) > JSON_BYTES or len(raw := await request.read()) > JSON_BYTES:
        raise RequestRefused(413, f"the body has more than the {JSON_BYTES} bytes that are read")
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE as no:
        raise RequestRefused(400, str(no), _field(str(no))) from None


def _field(complaint: str) -> str | None:
    """The field that msgspec complains about: "… missing required field `content` - at `$.messages[0]`"."""
    places = re.findall(r"at `\$\.?(.*?)`", complaint) + re.findall(r"field `(\w+)`", complaint)
    return ".".join(filter(None, places)) or None


async def upload(request: web.Request) -> dict[str, str | bytes]:
    """The fields of a form; files as bytes. Raises `RequestRefused`."""
    try:
        form = await request.post()
    except (ValueError, AssertionError, HttpProcessingError):  # all of them seen from damaged forms
        raise RequestRefused(400, "the body is no multipart/form-data with a field 'file'", "file") from None
    fields: dict[str, str | bytes] = {}
    for name, value in form.items():
        if isinstance(value, web.FileField):
            with value.file as file:
                fields[name] = file.read()
        else:
            fields[name] = value if isinstance(value, str) else ""
    return fields


def samples(raw: bytes) -> Samples:
    """A WAV file as samples between -1 and 1 at `RATE`; several channels are mixed. Raises `RequestRefused`."""
    try:
        frame = read_wav(raw)
    except ConfigError as no:
        raise RequestRefused(400, str(no), "file") from None
    if frame.seconds > AUDIO_SECONDS:
        raise RequestRefused(400, f"the file is {frame.seconds:.0f} s long; at most {AUDIO_SECONDS:.0f} s", "file")
    sound: Samples = np.frombuffer(frame.pcm, "<i2").astype(np.float32) / np.float32(32768)
    return sound if frame.rate == RATE else np.asarray(soxr.resample(sound, frame.rate, RATE), np.float32)


def refusal(status: int, message: str, param: str | None = None, code: str | None = None) -> web.Response:
    """OpenAI's error shape."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    headers = {"Retry-After": "1"} if status == 503 else {}
    return web.json_response({"error": error(kind, message, param, code)}, status=status, headers=headers)


def error(kind: str, message: str, param: str | None = None, code: str | None = None) -> dict[str, str | None]:
    """What is inside OpenAI's error shape."""
    return {"message": message, "type": kind, "param": param, "code": code}


def transcription(heard: WhisperTranscript, shape: str) -> web.Response:
    """What was heard, as `json`, `text` or `verbose_json`."""
    if shape == "text":
        return web.Response(text=heard.text + "\n")
    if shape == "json":
        return web.json_response({"text": heard.text})
    segments = [{"id": number} | msgspec.to_builtins(segment) for number, segment in enumerate(heard.segments)]
    about = {"task": "transcribe", "language": heard.language, "duration": heard.seconds}
    return web.json_response(about | {"text": heard.text, "segments": segments})


class Completion:
    """One chat completion's outer shape, the same id on every chunk."""

    def __init__(self, model: str) -> None:
        self._about = {"id": f"chatcmpl-{secrets.token_hex(8)}", "created": int(time.time()), "model": model}

    def event(self, piece: GeneratedText) -> bytes:
        """One server-sent event."""
        delta = {"role": "assistant", "content": piece.text} if piece.finish is None else {}
        choice = {"index": 0, "delta": delta, "finish_reason": piece.finish}
        return event(self._about | {"object": "chat.completion.chunk", "choices": [choice]})

    def whole(self, text: str, last: GeneratedText) -> dict[str, Any]:
        """The answer in one piece."""
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": last.finish}
        usage = {"prompt_tokens": last.prompt_tokens, "completion_tokens": last.completion_tokens}
        usage["total_tokens"] = sum(usage.values())
        return self._about | {"object": "chat.completion", "choices": [choice], "usage": usage}


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event (HTML standard, section 9.2)."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"
