"""The conventions that engine servers share: OpenAI-shaped HTTP, spoken through one aiohttp client.

Functions, not classes: an engine's own file says where it lives and what it is called, and these carry it there. The
shapes are those of platform.openai.com/docs/api-reference; what reasoning looks like, `engines.reasoning` says.
"""

import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp.http_exceptions import HttpProcessingError

from lineside.addresses import without_secrets
from lineside.audio.frame import SpokenAudio
from lineside.engines.chat_stream import error_words
from lineside.engines.tts_audio import spoken_audio
from lineside.errors import (
    UNREADABLE,
    ConfigError,
    EngineBusy,
    EngineDisconnected,
    EngineError,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    ModelMissing,
)
from lineside.http_bodies import body_up_to

CONNECT = 2.0  # seconds; whoever is not there by then is not there
CHECK = 2.0  # seconds for a whole look at a server
ANSWER_BYTES = 1 << 20  # of a transcript or a list; a longer answer is none
NO_SERVER = "no engine server was started, because no default engine needs it; set EMBEDDED_URL to one that runs"
MISSING = ("not_fetched", "model_not_found")  # an error's code: lineside's own engine server's, and OpenAI's
SAID = 200  # characters of what a server says about an error

AZURE = re.compile(r"://[^/]*\.azure\.com(?:[:/]|$)", re.IGNORECASE)
DEPLOYMENT = re.compile(r"/deployments/[^/]+$")
# What people paste behind the address: the routes themselves.
ROUTES = re.compile(
    r"/(?:chat/completions|completions|responses|models|audio(?:/(?:transcriptions|speech))?|inference)$"
)


class Endpoint(msgspec.Struct, frozen=True):
    """Where an engine server is, and how it is asked."""

    who: str  # for error messages
    url: str  # as an operator has it; with or without /v1 at its end
    key: str = ""
    timeout: float = 30.0  # seconds for a whole request; stages set tighter ones of their own
    hint: str = ""  # what to do when nobody answers there

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        if not self.key:
            return {}
        # Azure names the header in its own way, and takes OpenAI's only from its newer address on.
        azure = {"api-key": self.key} if AZURE.search(self.url) else {}
        return {"Authorization": f"Bearer {self.key}", **azure}

    def address(self, path: str) -> str:
        """Where a path of OpenAI's is on this server. Azure's deployments have no /v1 and keep their query."""
        base, _, query = self.url.partition("?")
        base = ROUTES.sub("", base.rstrip("/"))
        if DEPLOYMENT.search(base):
            path = path.removeprefix("/v1")
        elif path.startswith("/v1/"):
            base = base.removesuffix("/v1")
        return base + path + (f"?{query}" if query else "")

    @property
    def shown(self) -> str:
        """Who and where, for messages; without a password in the address."""
        return f"{self.who} at {without_secrets(self.url)}"


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
    async with posted(http, endpoint, path, asked, headers) as answer:
        _refuse_text(endpoint, answer)
        async with aclosing(spoken_audio(endpoint.who, sentence, answer.content.iter_any(), rate)) as made:
            async for sound in made:
                yield sound


@asynccontextmanager
async def posted(
    http: aiohttp.ClientSession,
    endpoint: Endpoint,
    path: str,
    body: object,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    """An answer that has begun, with status 200. `body`: JSON, or what makes a form. Raises `EngineError`."""
    async with engine_errors(endpoint):
        answer = await sent(
            http,
            "POST",
            endpoint.address(path),
            body,
            headers=headers or endpoint.headers(),
            timeout=request_timeout(endpoint),
        )
        async with answer:
            await raise_for_status(endpoint, answer)
            yield answer


async def sent(
    http: aiohttp.ClientSession, method: str, url: str, body: object = None, **given: Any
) -> aiohttp.ClientResponse:
    """Send a request; send it again where a connection that was kept open turns out to be closed.

    llama.cpp's server promises to keep a connection and closes it after each streamed answer: who asks again at once
    writes into nothing.
    """
    for last in (False, True):
        of_body = {"data": body()} if callable(body) else {"json": body}
        try:
            return await http.request(method, url, allow_redirects=False, **of_body, **given)
        except aiohttp.ClientConnectorError:
            raise  # nobody is there
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if last:
                raise
    raise AssertionError("the last try raises or answers")


async def get(
    http: aiohttp.ClientSession, endpoint: Endpoint, path: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """`GET`, two seconds at most. Raises `EngineError` where the answer is not 200."""
    soon = msgspec.structs.replace(endpoint, timeout=CHECK)
    url = endpoint.address(path)
    async with (
        engine_errors(soon),
        http.get(
            url, headers=headers or endpoint.headers(), timeout=request_timeout(soon), allow_redirects=False
        ) as answer,
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
        raise EngineTimeout(f"{endpoint.shown} did not answer in {endpoint.timeout:g} s{hint}") from cause
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as cause:
        why = "its certificate is not valid here" if "ertificate" in type(cause).__name__ else "it does not speak TLS"
        raise EngineUnreachable(f"{endpoint.shown}: {why} ({cause.__cause__ or cause})") from cause
    except aiohttp.ClientConnectorError as cause:
        raise EngineUnreachable(f"{endpoint.who}: nobody answers at {without_secrets(endpoint.url)}{hint}") from cause
    except (aiohttp.ClientError, ConnectionError) as cause:
        raise EngineDisconnected(f"{endpoint.shown} disconnected: {type(cause).__name__}") from cause
    except HttpProcessingError as cause:  # a line without end, which is no ClientError; its message quotes the line
        raise EngineError(f"{endpoint.shown} gave an unexpected response: {type(cause).__name__}") from cause
    except (*UNREADABLE, ConfigError) as cause:
        raise EngineError(f"{endpoint.shown} gave an unexpected response: {cause}") from cause


async def raise_for_status(endpoint: Endpoint, answer: aiohttp.ClientResponse) -> None:
    """Raise what the server says of an answer that is not 200."""
    if answer.status == 200:
        return
    raw = (await body_up_to(answer.content, 20_000)).decode(errors="replace")
    decoded: Any = None
    try:
        decoded = json.loads(raw)
        said, param = error_words(decoded), _param(decoded)
    except UNREADABLE:
        said, param = raw, ""
    if answer.status in (429, 503):
        again = retry_after(answer.headers.get("Retry-After", ""))
        raise EngineBusy(f"{endpoint.shown} answered {answer.status}: {said[:SAID]}", again)
    if answer.status in (404, 409) and _code(decoded) in MISSING:
        raise ModelMissing(f"{endpoint.shown} answered {answer.status}: {said[:SAID]}", answer.status, said, param)
    if 300 <= answer.status < 400:
        where = without_secrets(answer.headers.get("Location", "nowhere"))
        raise EngineError(f"{endpoint.shown} redirects to {where[:SAID]}: set its address to that")
    raise EngineRefused(f"{endpoint.shown} answered {answer.status}: {said[:SAID]}", answer.status, said, param)


async def read_body(endpoint: Endpoint, answer: aiohttp.ClientResponse, *, may_be_empty: bool = False) -> bytes:
    """The whole answer. Raises `EngineError` for one that is far too long, or none."""
    raw = bytearray()
    async for piece in answer.content.iter_any():
        raw += piece
        if len(raw) > ANSWER_BYTES:
            raise EngineError(f"{endpoint.shown} answered with more than {ANSWER_BYTES} bytes")
    if not raw and not may_be_empty:
        raise EngineError(f"{endpoint.shown} gave an empty response")
    return bytes(raw)


def request_timeout(endpoint: Endpoint) -> aiohttp.ClientTimeout:
    """The limits of one request."""
    return aiohttp.ClientTimeout(total=endpoint.timeout, sock_connect=CONNECT)


def retry_after(header: str) -> float:
    """Seconds until a server wants to be asked again (RFC 9110, section 10.2.3): a number, or a date; else 0."""
    try:
        if re.fullmatch(r"\s*\d{1,9}(?:\.\d{1,9})?\s*", header):
            return float(header)
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _code(decoded: Any) -> str:
    """The short name of an error: OpenAI's `error.code`."""
    error = decoded.get("error", decoded) if isinstance(decoded, dict) else {}
    return error["code"] if isinstance(error, dict) and isinstance(error.get("code"), str) else ""


def _param(decoded: Any) -> str:
    """The field that an error names: OpenAI's `error.param`, the end of FastAPI's `detail[0].loc`."""
    error = decoded.get("error", decoded) if isinstance(decoded, dict) else {}
    if isinstance(error, dict) and isinstance(error.get("param"), str):
        return str(error["param"])
    detail = decoded.get("detail") if isinstance(decoded, dict) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict) and detail[0].get("loc"):
        return str(detail[0]["loc"][-1])
    return ""


def _refuse_text(endpoint: Endpoint, answer: aiohttp.ClientResponse) -> None:
    if answer.content_type.startswith(("text/", "application/json")):
        raise EngineError(f"{endpoint.shown} answered with {answer.content_type} instead of audio")
