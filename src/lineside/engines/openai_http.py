"""The conventions that engine servers share: OpenAI-shaped HTTP, spoken through one aiohttp client.

Functions, not classes: an engine's own file says where it lives and what it is called, and these carry it there. The
shapes are those of platform.openai.com/docs/api-reference; what reasoning looks like, `engines.reasoning` says.
"""

import io
import json
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import msgspec
from aiohttp.http_exceptions import HttpProcessingError

from lineside.audio.frame import EAR_RATE, SpokenAudio, Utterance
from lineside.audio.wav import wav_bytes
from lineside.engines.protocols import LlmRequest, Message, Thought, Token, Transcription
from lineside.engines.reasoning import Answer, Habits
from lineside.engines.tts_audio import spoken_audio
from lineside.errors import ConfigError, EngineBusy, EngineError, EngineTimeout, EngineUnreachable

CONNECT = 2.0  # seconds; whoever is not there by then is not there
CHECK = 2.0  # seconds for a whole look at a server
ANSWER_BYTES = 1 << 20  # of a transcript or a list; a longer answer is none
NO_SERVER = "no engine server was started, because no default engine needs it; set EMBEDDED_URL to one that runs"
SAID = 200  # characters of what a server says about an error

T = TypeVar("T")


class Endpoint(msgspec.Struct, frozen=True):
    """Where an engine server is, and how it is asked."""

    who: str  # for error messages
    url: str  # up to but without /v1
    key: str = ""
    timeout: float = 30.0  # seconds for a whole request; stages set tighter ones of their own
    hint: str = ""  # what to do when nobody answers there

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


class _Segment(msgspec.Struct):
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    nod: float | None = None  # ours alone


class _Transcription(msgspec.Struct):
    text: str
    language: str | None = None
    segments: list[_Segment] | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk)
_transcription = msgspec.json.Decoder(_Transcription)


async def transcribe(
    http: aiohttp.ClientSession,
    endpoint: Endpoint,
    model: str,
    utterance: Utterance,
    *,
    path: str = "/v1/audio/transcriptions",
    fields: Mapping[str, str] | None = None,
) -> Transcription:
    """`POST` the utterance as WAV in a form. `fields`: what the form has besides; OpenAI's, if nothing is said."""
    form = aiohttp.FormData()
    wav = io.BytesIO(wav_bytes(utterance.pcm, EAR_RATE))  # bare bytes of over 1 MB would be sent in one blocking piece
    form.add_field("file", wav, filename="utterance.wav", content_type="audio/wav")
    for name, value in (fields or {"model": model, "response_format": "verbose_json"}).items():
        form.add_field(name, value)
    if utterance.prompt:
        form.add_field("prompt", utterance.prompt)
    async with (
        engine_errors(endpoint),
        http.post(
            endpoint.url + path, data=form, headers=endpoint.headers(), timeout=request_timeout(endpoint)
        ) as answer,
    ):
        await raise_for_status(endpoint, answer)
        heard = _transcription.decode(await read_body(endpoint, answer))
    segments = heard.segments or []
    logs = [s.avg_logprob for s in segments if s.avg_logprob is not None]
    probable = sum(logs) / len(logs) if logs else None
    sure = min(1.0, math.exp(probable)) if probable is not None else 1.0
    nobody = [min(1.0, max(0.0, s.no_speech_prob)) for s in segments if s.no_speech_prob is not None]
    nod = segments[0].nod if len(segments) == 1 else None
    return Transcription(
        heard.text.strip(),
        sure=sure,
        no_speech=max(nobody, default=None),
        avg_logprob=probable,
        language=heard.language or "",
        nod=nod,
    )


async def chat(
    http: aiohttp.ClientSession,
    endpoint: Endpoint,
    model: str,
    messages: Sequence[Message],
    ask: LlmRequest,
    habits: Habits | None = None,
) -> AsyncGenerator[Token | Thought, None]:
    """`POST /v1/chat/completions`, streamed as server-sent events. `habits`: what is known of the server's models."""
    sorting = Answer(endpoint.who, model, ask, habits or Habits())
    request = {
        "model": model,
        "messages": msgspec.to_builtins(messages),
        "max_tokens": sorting.max_tokens,
        "temperature": ask.temperature,
        "stream": True,
    }
    url = f"{endpoint.url}/v1/chat/completions"
    async with (
        engine_errors(endpoint),
        http.post(url, json=request, headers=endpoint.headers(), timeout=request_timeout(endpoint)) as answer,
    ):
        await raise_for_status(endpoint, answer)
        async for line in answer.content:
            if not line.startswith(b"data:"):
                continue
            if (data := line[5:].strip()) == b"[DONE]":
                break
            chunk = _chunk.decode(data)
            if chunk.error:
                raise EngineError(f"{endpoint.who} at {endpoint.url} broke off: {_message(chunk.error)}")
            for choice in chunk.choices:
                thought = choice.delta.reasoning_content or choice.delta.reasoning or ""
                for piece in sorting.feed(thought, choice.delta.content or ""):
                    yield piece
            if sorting.full:
                return
        for piece in sorting.end():
            yield piece


async def speech(
    http: aiohttp.ClientSession,
    endpoint: Endpoint,
    model: str,
    voice: str,
    sentence: str,
    *,
    path: str = "/v1/audio/speech",
    request: Mapping[str, Any] | None = None,
    rate: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[SpokenAudio, None]:
    """`POST` a sentence, get sound. `request`: the body, where it is not OpenAI's; `rate`: of bare samples, not WAV."""
    if not any(c.isalnum() for c in sentence):
        return
    asked = request or {"model": model, "input": sentence, "voice": voice, "response_format": "pcm" if rate else "wav"}
    async with (
        engine_errors(endpoint),
        http.post(
            endpoint.url + path, json=asked, headers=headers or endpoint.headers(), timeout=request_timeout(endpoint)
        ) as answer,
    ):
        await raise_for_status(endpoint, answer)
        _refuse_text(endpoint, answer)
        async with aclosing(spoken_audio(endpoint.who, sentence, answer.content.iter_any(), rate)) as made:
            async for sound in made:
                yield sound


async def get(
    http: aiohttp.ClientSession, endpoint: Endpoint, path: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """`GET`, two seconds at most. Raises `EngineError` where the answer is not 200."""
    soon = msgspec.structs.replace(endpoint, timeout=CHECK)
    url = endpoint.url + path
    async with (
        engine_errors(soon),
        http.get(url, headers=headers or endpoint.headers(), timeout=request_timeout(soon)) as answer,
    ):
        await raise_for_status(soon, answer)
        return await read_body(soon, answer)


@asynccontextmanager
async def engine_errors(endpoint: Endpoint) -> AsyncGenerator[None, None]:
    """What can go wrong on the way, said in our own words."""
    hint = f"; {endpoint.hint}" if endpoint.hint else ""
    if not endpoint.url:
        raise EngineUnreachable(f"{endpoint.who} has no address: {NO_SERVER}")
    try:
        yield
    except (TimeoutError, aiohttp.ServerTimeoutError) as cause:
        raise EngineTimeout(
            f"{endpoint.who} at {endpoint.url} did not answer in {endpoint.timeout:g} s{hint}"
        ) from cause
    except aiohttp.ClientConnectorError as cause:
        raise EngineUnreachable(f"{endpoint.who}: nobody answers at {endpoint.url}{hint}") from cause
    except (aiohttp.ClientError, ConnectionError) as cause:
        raise EngineUnreachable(f"{endpoint.who} at {endpoint.url} broke off: {type(cause).__name__}") from cause
    except HttpProcessingError as cause:  # a line without end, which is no ClientError; its message quotes the line
        raise EngineError(
            f"{endpoint.who} at {endpoint.url} answered with something else: {type(cause).__name__}"
        ) from cause
    except (msgspec.MsgspecError, ConfigError, ValueError) as cause:
        raise EngineError(f"{endpoint.who} at {endpoint.url} answered with something else: {cause}") from cause


async def raise_for_status(endpoint: Endpoint, answer: aiohttp.ClientResponse) -> None:
    """Raise what the server says of an answer that is not 200."""
    if answer.status == 200:
        return
    raw = (await answer.content.read(20_000)).decode(errors="replace")
    try:
        said = _message(json.loads(raw))
    except ValueError:
        said = raw[:SAID]
    kind = EngineBusy if answer.status in (429, 503) else EngineError
    raise kind(f"{endpoint.who} at {endpoint.url} answered {answer.status}: {said}")


async def read_body(endpoint: Endpoint, answer: aiohttp.ClientResponse) -> bytes:
    """The whole answer. Raises `EngineError` for one that is far too long, or none."""
    raw = bytearray()
    async for piece in answer.content.iter_any():
        raw += piece
        if len(raw) > ANSWER_BYTES:
            raise EngineError(f"{endpoint.who} at {endpoint.url} answered with more than {ANSWER_BYTES} bytes")
    if not raw:
        raise EngineError(f"{endpoint.who} at {endpoint.url} answered with nothing")
    return bytes(raw)


def request_timeout(endpoint: Endpoint) -> aiohttp.ClientTimeout:
    """The limits of one request."""
    return aiohttp.ClientTimeout(total=endpoint.timeout, sock_connect=CONNECT)


def _message(said: Any) -> str:
    """The sentence in an error: OpenAI's `error.message`, Ollama's `error`, FastAPI's `detail`, ElevenLabs' both.

    Only that: FastAPI's complaints about a field also quote what was sent, and that is what callers say.
    """
    if isinstance(said, dict):
        for name in ("message", "msg", "error", "detail", "status"):
            if said.get(name):
                return _message(said[name])
        return "no reason"
    if isinstance(said, list):
        return "; ".join(_message(one) for one in said[:3])[:SAID]
    return str(said)[:SAID]


def _refuse_text(endpoint: Endpoint, answer: aiohttp.ClientResponse) -> None:
    if answer.content_type.startswith(("text/", "application/json")):
        raise EngineError(
            f"{endpoint.who} at {endpoint.url} answered with {answer.content_type} where sound was asked for"
        )
