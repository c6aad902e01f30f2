"""Servers that misbehave, over every client of a server: a named error, the next engine, nothing lost, bounded memory.

One table of misbehaviours, one of clients; every pair is told. The next engine is a scripted one.
"""

import asyncio
import gzip
import json
import re
import shutil
import ssl
import subprocess
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web

from lineside.audio.frame import Utterance
from lineside.audio.wav import wav_header
from lineside.engines import fallback_chain
from lineside.engines.circuit_breaker import FAILURES
from lineside.engines.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from lineside.engines.openai_http import retry_after
from lineside.engines.protocols import LanguageModel, LlmRequest, SpeechToText, Token
from lineside.engines.vendors.elevenlabs import ElevenLabs
from lineside.engines.vendors.embedded import FasterWhisper
from lineside.engines.vendors.kokoro import Kokoro
from lineside.engines.vendors.melotts import MeloTTS
from lineside.engines.vendors.ollama import Ollama
from lineside.engines.vendors.openai import OpenAILLM, OpenAISTT, OpenAITTS
from lineside.engines.vendors.piper import Piper
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.engines.vendors.whisper_server import WhisperServer
from lineside.errors import EngineBusy, EngineDisconnected, EngineError
from tests.engines.fixtures import all_of, built
from tests.engines.test_fallback import ASKED
from tests.fakes import serving, speech

SENTENCE = "We open at nine."
SPOKEN = Utterance(b"\x10\x20" * 16_000, 0.0, 0.8)
MOST_SENT = 24 << 20  # bytes that a server gets rid of before the client leaves: its own and the kernel's buffers
MOST_MEMORY = 40 << 20
SENT = web.AppKey("sent", list[int])  # bytes that the client took, so far


class Client(NamedTuple):
    """One way to a server: how it is built, and what a good answer to it looks like."""

    name: str
    kind: Any
    given: Callable[[str], dict[str, Any]]
    good: bytes
    content_type: str
    role: str


def url_of(setting: str, **more: Any) -> Callable[[str], dict[str, Any]]:
    return lambda url: {setting: url, **more}


SSE = b'data: {"choices":[{"delta":{"content":"We open at nine."}}]}\n\ndata: [DONE]\n\n'
BOMB = gzip.compress(bytes(64 << 20), 9)
LINES = b'{"message":{"content":"We open at nine."}}\n{"message":{"content":""},"done":true}\n'
HEARD = json.dumps({"text": SENTENCE, "segments": []}).encode()
SOUND = speech(SENTENCE, 24_000)
WAV = wav_header(24_000) + SOUND
KEYS = {"elevenlabs_api_key": "k"}

CLIENTS = (
    Client("openai llm", OpenAILLM, url_of("openai_url", openai_model="m"), SSE, "text/event-stream", "llm"),
    Client("ollama", Ollama, url_of("ollama_url"), LINES, "application/x-ndjson", "llm"),
    Client("openai stt", OpenAISTT, url_of("openai_url"), HEARD, "application/json", "stt"),
    Client("whisper-server", WhisperServer, url_of("whisper_server_url"), HEARD, "application/json", "stt"),
    Client("faster-whisper", FasterWhisper, url_of("faster_whisper_url"), HEARD, "application/json", "stt"),
    Client("openai tts", OpenAITTS, url_of("openai_url"), WAV, "audio/wav", "tts"),
    Client("piper", Piper, url_of("piper_url"), WAV, "audio/wav", "tts"),
    Client("kokoro", Kokoro, url_of("kokoro_url"), SOUND, "audio/pcm", "tts"),
    Client("melotts", MeloTTS, url_of("melotts_url"), WAV, "audio/wav", "tts"),
    Client("elevenlabs", ElevenLabs, url_of("elevenlabs_url", **KEYS), SOUND, "audio/pcm", "tts"),
)

Misbehave = Callable[[web.Request, Client], Awaitable[web.StreamResponse]]


class Badness(NamedTuple):
    """One misbehaviour. `well`: the answer is there all the same."""

    handler: Misbehave
    words: str
    well: bool = False
    kind: type[EngineError] = EngineError


BAD: dict[str, Badness] = {}


def bad(words: str = ".", *, well: bool = False, kind: type[EngineError] = EngineError) -> Callable[[Any], Any]:
    def add(handler: Any) -> Any:
        BAD[handler.__name__] = Badness(handler, words, well, kind)
        return handler

    return add


async def begun(request: web.Request, kind: str, **headers: str) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": kind, **headers})
    await answer.prepare(request)
    return answer


async def endless(request: web.Request, client: Client, piece: bytes, first: bytes = b"") -> web.StreamResponse:
    """Until the client leaves; what it took is counted."""
    answer = await begun(request, client.content_type)
    await answer.write(first)
    while True:
        await answer.write(piece)
        request.app[SENT][0] += len(piece)
        assert request.app[SENT][0] < MOST_SENT, "the client reads for ever"


@bad("within|nothing for|did not answer")
async def stalls_before_anything(request: web.Request, client: Client) -> web.StreamResponse:
    await asyncio.sleep(1000)
    raise AssertionError


@bad("within|nothing for|did not answer")
async def stalls_in_mid_stream(request: web.Request, client: Client) -> web.StreamResponse:
    answer = await begun(request, client.content_type)
    await answer.write(client.good[: min(40, len(client.good) // 3)])
    await asyncio.sleep(1000)
    raise AssertionError


@bad("disconnected|unexpected response|too little")
async def breaks_off_in_mid_stream(request: web.Request, client: Client) -> web.StreamResponse:
    answer = await begun(request, client.content_type, **{"Content-Length": str(len(client.good))})
    await answer.write(client.good[: min(40, len(client.good) // 3)])
    assert request.transport is not None
    request.transport.close()
    return answer


@bad("no such model|application/json|no WAV|not a WAV|too little")
async def error_body_with_status_200(request: web.Request, client: Client) -> web.StreamResponse:
    return web.json_response({"error": {"message": "no such model"}})


@bad("no such model|application/json|too little|not a WAV|JSON")
async def error_body_with_status_200_as_plain_bytes(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(body=b'{"error": "no such model"}', content_type=client.content_type)


@bad("page|text/html|unexpected")
async def page_of_a_proxy(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(text="<!doctype html><title>Sign in</title>", content_type="text/html")


@bad("empty|no audio|unexpected|too little")
async def nothing_at_all(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(body=b"", content_type=client.content_type)


@bad("204|empty")
async def no_content(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(status=204)


@bad("more than|too much|not a WAV|line of|silence")
async def gigabytes(request: web.Request, client: Client) -> web.StreamResponse:
    first = client.good[:44] if client.content_type == "audio/wav" else b""
    return await endless(request, client, b"\x11\x12" * 32_768, first)


@bad("more than|too much|not a WAV|too little|silence|nothing for")
async def endless_white_space(request: web.Request, client: Client) -> web.StreamResponse:
    return await endless(request, client, b" \n\t\r" * 16_384)


@bad("more than|too much|not a WAV|line of|silence|empty")
async def endless_zeros(request: web.Request, client: Client) -> web.StreamResponse:
    return await endless(request, client, bytes(65_536))


@bad("more than|too much|not a WAV|unexpected|too little|line of|nested")
async def endless_brackets(request: web.Request, client: Client) -> web.StreamResponse:
    return await endless(request, client, b"[" * 65_536, b'data: {"a":' if client.role == "llm" else b"")


@bad("more than|too much|not a WAV|unexpected|too little|silence|line of|empty")
async def bomb_of_gzip(request: web.Request, client: Client) -> web.StreamResponse:
    answer = await begun(request, client.content_type, **{"Content-Encoding": "gzip"})
    await answer.write(BOMB)
    return answer


@bad(well=True)
async def compressed_with_gzip(request: web.Request, client: Client) -> web.StreamResponse:
    body = gzip.compress(client.good)
    return web.Response(body=body, headers={"Content-Type": client.content_type, "Content-Encoding": "gzip"})


@bad("disconnected|unexpected|too little|not a WAV|empty")
async def said_to_be_compressed_and_is_not(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(body=client.good, headers={"Content-Type": client.content_type, "Content-Encoding": "gzip"})


@bad(well=True)
async def wrong_charset(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(body=client.good, headers={"Content-Type": f"{client.content_type}; charset=klingon-8"})


@bad(well=True)
async def byte_order_mark(request: web.Request, client: Client) -> web.StreamResponse:
    mark = b"" if client.role == "tts" else b"\xef\xbb\xbf"
    return web.Response(body=mark + client.good, content_type=client.content_type)


@bad(well=True)
async def half_a_character(request: web.Request, client: Client) -> web.StreamResponse:
    """At the end of a word, cut by a proxy: the rest is there."""
    body = client.good if client.role == "tts" else client.good.replace(b"nine.", b"nine.\xe2\x82", 1)
    return web.Response(body=body, content_type=client.content_type)


@bad(well=True)
async def byte_by_byte(request: web.Request, client: Client) -> web.StreamResponse:
    answer = await begun(request, client.content_type)
    for at in range(min(200, len(client.good))):
        await answer.write(client.good[at : at + 1])
    await answer.write(client.good[200:])
    return answer


@bad(r"redirects to http://elsewhere\.test/v1: set its address to that")
async def redirect_307(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "http://elsewhere.test/v1"})


@bad(r"redirects to http://elsewhere\.test/v1: set its address to that")
async def redirect_302(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "http://elsewhere.test/v1"})


@bad("answered 429: slow down", kind=EngineBusy)
async def rate_limit(request: web.Request, client: Client) -> web.StreamResponse:
    return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "20"})


@bad("answered 503: Loading", kind=EngineBusy)
async def loading(request: web.Request, client: Client) -> web.StreamResponse:
    return web.json_response({"error": {"message": "Loading model", "code": 503}}, status=503)


@bad("answered 500: Internal Server Error")
async def server_error(request: web.Request, client: Client) -> web.StreamResponse:
    return web.Response(status=500, text="Internal Server Error")


@bad("answered 502")
async def error_page_without_end(request: web.Request, client: Client) -> web.StreamResponse:
    answer = web.StreamResponse(status=502, headers={"Content-Type": "text/html"})
    await answer.prepare(request)
    while True:
        await answer.write(b"<br>" * 16_384)
        request.app[SENT][0] += 65_536
        assert request.app[SENT][0] < MOST_SENT


@bad("unexpected|disconnected")
async def header_without_end(request: web.Request, client: Client) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n")
    await asyncio.sleep(0.05)
    request.transport.close()
    raise asyncio.CancelledError


@bad("unexpected|disconnected")
async def no_http(request: web.Request, client: Client) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)
    await asyncio.sleep(0.05)
    request.transport.close()
    raise asyncio.CancelledError


async def answer_of(engine: Any) -> str:
    """What comes of one question, utterance or sentence."""
    if isinstance(engine, LanguageModel):
        pieces = await all_of(engine.reply(ASKED, LlmRequest()))
        return "".join(piece.text for piece in pieces if isinstance(piece, Token)).strip()
    if isinstance(engine, SpeechToText):
        return (await engine.transcribe(SPOKEN)).text
    sounds = await all_of(engine.speak(SENTENCE, ""))
    assert any(any(sound.pcm) for sound in sounds)
    return " ".join(word for sound in sounds for _, word in sound.words)


def chained(client: Client, engine: Any) -> Any:
    """The client, and a scripted engine behind it."""
    if client.role == "llm":
        return FallbackLLM([("bad", engine), ("next", ScriptedLLM(answers=[SENTENCE]))])
    if client.role == "stt":
        return FallbackSTT([("bad", engine), ("next", ScriptedSTT(hears=[SENTENCE]))])
    return FallbackTTS([("bad", engine), ("next", ScriptedTTS(takes=0.01))])


def told(client: Client, badness: Badness, story: Callable[[Any, web.Application], Awaitable[None]]) -> None:
    async def main() -> None:
        async def handle(request: web.Request) -> web.StreamResponse:
            await request.read()
            try:
                return await badness.handler(request, client)
            except ConnectionError:
                raise asyncio.CancelledError from None

        app = web.Application(client_max_size=64 << 20)
        app[SENT] = [0]
        app.router.add_route("*", "/{path:.*}", handle)
        async with serving(app) as url, aiohttp.ClientSession() as http:
            await story(built(client.kind, http, **client.given(url)), app)

    asyncio.run(asyncio.wait_for(main(), 120))


LARGE = ("gigabytes", "endless_white_space", "endless_zeros", "endless_brackets", "bomb_of_gzip")


@contextmanager
def bounded_memory(*, at_all: bool) -> Iterator[None]:
    """It takes time to count."""
    if not at_all:
        yield
        return
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stalls is waited for a third of a second."""
    wait_at_most(0.3, monkeypatch)


def wait_at_most(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("stt", "llm", "tts"):
        monkeypatch.setitem(fallback_chain.FIRST, role, seconds)
        monkeypatch.setitem(fallback_chain.LATER, role, seconds)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
@pytest.mark.parametrize("name", BAD)
def test_whatever_a_server_does_the_caller_is_answered(
    name: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By it or by the next engine, with all words; what was wrong has a name and an address; memory is bounded."""
    badness, failures = BAD[name], list[EngineError]()
    if "nothing for" not in badness.words:
        wait_at_most(90.0, monkeypatch)  # it answers somehow, however busy this machine is

    async def story(engine: Any, app: web.Application) -> None:
        chain = chained(client, engine)
        chain._notice = lambda role, which, why, switched: failures.append(why)
        assert (await answer_of(chain)).split() == SENTENCE.split()

    with bounded_memory(at_all=name in LARGE):
        told(client, badness, story)
    if badness.well:
        assert failures == []
        return
    *before, why = failures
    assert len(before) <= isinstance(why, EngineDisconnected)  # it was asked twice, at once
    assert re.search(badness.words, str(why)), str(why)
    assert isinstance(why, badness.kind)
    assert len(str(why)) < 400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("20", 20.0),
        ("0.5", 0.5),
        (" 3 ", 3.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("Mon, 1 Jan 2001 00:00:00 GMT", 0.0),
    ],
)
def test_when_a_server_wants_to_be_asked_again(header: str, seconds: float) -> None:
    """As seconds, as a date that may be over, or as nonsense."""
    assert retry_after(header) == seconds


def test_a_server_that_asks_for_a_rest_has_it_and_another_answers() -> None:
    """429 with Retry-After: one request, and none until the time is over, at most a minute; it is trusted meanwhile."""
    asked = [0]

    async def limited(request: web.Request, client: Client) -> web.StreamResponse:
        asked[0] += 1
        return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "20"})

    async def story(engine: Any, app: web.Application) -> None:
        chain = chained(CLIENTS[0], engine)
        for _ in range(5):
            assert await answer_of(chain) == SENTENCE
        assert asked == [1]
        assert chain._candidates[0].breaker.well
        assert await answer_of(FallbackLLM([("next", ScriptedLLM(answers=[SENTENCE]))])) == SENTENCE

    told(CLIENTS[0], Badness(limited, "."), story)


def test_a_burst_of_errors_costs_no_caller_more_than_a_request() -> None:
    """Three failures, then the server is left alone; every caller is answered by the next engine."""
    asked = [0]

    async def failing(request: web.Request, client: Client) -> web.StreamResponse:
        asked[0] += 1
        return web.Response(status=(500, 502, 504)[asked[0] % 3], text="upstream")

    async def story(engine: Any, app: web.Application) -> None:
        chain = chained(CLIENTS[0], engine)
        for _ in range(10):
            assert await answer_of(chain) == SENTENCE
        assert asked == [FAILURES]

    told(CLIENTS[0], Badness(failing, "."), story)


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody here trusts, and its key, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "made.pem"
    ask = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=elsewhere.test"]
    subprocess.run([*ask, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + made.read_bytes())
    return both


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_certificate_that_is_wrong_is_named_and_the_next_engine_answers(client: Client, self_signed: Path) -> None:
    """Not: nobody answers."""
    failures = list[EngineError]()

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed)
        runner = web.AppRunner(web.Application(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as http:
            chain = chained(client, built(client.kind, http, **client.given(url)))
            chain._notice = lambda role, which, why, switched: failures.append(why)
            assert (await answer_of(chain)).split() == SENTENCE.split()
        await runner.cleanup()

    asyncio.run(main())
    assert "certificate is not valid here" in str(failures[0])


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_kept_connection_that_is_closed_costs_no_answer(client: Client) -> None:
    """llama.cpp's server promises to keep it and closes it after a stream: the request goes out again."""
    seen, dropped = set[asyncio.BaseTransport](), [0]  # kept: the address of one that is gone is soon another's

    async def once(request: web.Request, client: Client) -> web.StreamResponse:
        assert request.transport is not None
        if request.transport in seen:
            dropped[0] += 1
            request.transport.abort()
            raise asyncio.CancelledError
        seen.add(request.transport)
        return web.Response(body=client.good, content_type=client.content_type)

    async def story(engine: Any, app: web.Application) -> None:
        for _ in range(4):
            assert (await answer_of(engine)).split() == SENTENCE.split()
        assert dropped == [3]

    told(client, Badness(once, "."), story)
