"""What the wire makes of servers that misbehave."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import aiohttp
import pytest
from aiohttp import web

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.audio.wav import wav_bytes, wav_header
from lineside.engines import openai_chat, openai_http, openai_transcribe
from lineside.engines.protocols import LlmPiece, LlmRequest, Message, Thought, Token, Transcription
from lineside.errors import EngineBusy, EngineDisconnected, EngineError, EngineTimeout, EngineUnreachable
from tests.engines.fixtures import all_of
from tests.fakes import serving

T = TypeVar("T")
QUESTION = (Message("user", "What colour is the sky?"),)


def one(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    """A server that does this whatever it is asked."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    return app


def asked(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ask: Callable[[aiohttp.ClientSession, openai_http.Endpoint], AsyncGenerator[T, None]],
    timeout: float = 5.0,
) -> list[T]:
    async def main() -> list[T]:
        async with serving(one(handler)) as url, aiohttp.ClientSession() as http:
            return await all_of(ask(http, openai_http.Endpoint("the test", url, key="secret", timeout=timeout)))

    return asyncio.run(main(), debug=True)


def answers(status: int, body: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.headers["Authorization"] == "Bearer secret"
        return web.Response(status=status, body=body)

    return handler


def chat(http: aiohttp.ClientSession, endpoint: openai_http.Endpoint) -> AsyncGenerator[LlmPiece, None]:
    return openai_chat.chat(http, endpoint, "m", QUESTION, LlmRequest())


def speech(http: aiohttp.ClientSession, endpoint: openai_http.Endpoint) -> AsyncGenerator[SpokenAudio, None]:
    return openai_http.speech(http, endpoint, "m", "v", "one two three")


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (503, b'{"error":{"message":"queue is full"}}', EngineBusy, "queue is full"),
        (429, b"slow down", EngineBusy, "slow down"),
        (500, b"<html>oops", EngineError, "500: <html>oops"),
        (404, b'{"error":{"message":"no such model"}}', EngineError, "no such model"),
        (401, b'{"detail":{"status":"invalid_api_key","message":"bad key"}}', EngineError, "401: bad key"),
        (404, b'{"error":"model not found"}', EngineError, "404: model not found"),
        (500, b'{"detail":[]}', EngineError, "500: no reason"),
        (400, b'{"error":' + b"[" * 19_000, EngineError, "400: "),
        (200, b"data: {not json}\n\n", EngineError, "unexpected response"),
        (200, b"<html><body>Welcome to nginx!</body></html>", EngineError, "gave an empty answer"),
        (200, b"", EngineError, "gave an empty answer"),
        (200, b"data: [DONE]\n\n", EngineError, "gave an empty answer"),
        (200, b'data: {"error":{"message":"out of memory"}}\n\n', EngineError, "disconnected: out of memory"),
        (200, b"data: " + b"x" * 1_000_000, EngineError, "a line of more than"),
        (
            200,
            b'data: {"choices":[{"delta":{"content":"word "}}]}\n\n' * 5000,
            EngineError,
            "does not stop answering|does not end its response",
        ),
    ],
)
def test_an_answer_that_is_none_is_an_engine_error(
    status: int, body: bytes, error: type[EngineError], says: str
) -> None:
    """Whatever a server answers, the reply ends with an error that tells what it said."""
    with pytest.raises(error, match=says):
        asked(answers(status, body), chat)


def test_a_stream_of_tokens_and_reasoning_is_read() -> None:
    """Server-sent events in pieces that end anywhere; comments and empty deltas are passed over."""
    body = b': hi\n\ndata: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n'
    body += b'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n'
    body += b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
    body += b"data: [DONE]\n\n"

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for index in range(0, len(body), 7):
            await response.write(body[index : index + 7])
        return response

    assert asked(handler, chat) == [Thought("hm"), Token("Hi")]


@pytest.mark.parametrize("known", [True, False])
def test_sound_says_all_its_words_whether_its_length_is_told_or_not(known: bool) -> None:
    """Each ends where it should; the last one at the end of the sound."""
    pcm = b"\x10\x27" * 22050
    body = wav_bytes(pcm, 22050) if known else wav_header(22050) + pcm
    sounds = asked(answers(200, body), speech)
    assert b"".join(s.pcm for s in sounds) == pcm
    assert " ".join(word for s in sounds for _, word in s.words) == "one two three"
    said, before = dict[str, float](), 0.0
    for audio in sounds:
        said |= {word: before + at / audio.rate for at, word in audio.words}
        before += audio.seconds
    assert said["one"] == pytest.approx(4 / 14 if known else 4 / 15, abs=0.001)  # its letters of all, or of a second
    assert said["three"] == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("body", [b"", b"not a wav at all", wav_header(22050)[:20]])
def test_sound_that_is_none_is_an_engine_error(body: bytes) -> None:
    """A voice that answers nothing, or something else, has failed."""
    with pytest.raises(EngineError):
        asked(answers(200, body), speech)


def test_a_server_that_breaks_off_is_unreachable() -> None:
    """The connection dies in the middle of the answer."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n')
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(EngineDisconnected, match="disconnected"):
        asked(handler, chat)


def test_a_server_that_says_nothing_is_given_up() -> None:
    """The request as a whole has an end."""

    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    with pytest.raises(EngineTimeout, match=r"did not answer in 0\.2 s"):
        asked(handler, chat, timeout=0.2)


def test_nobody_there_is_unreachable() -> None:
    """A refused connection names the address."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            await all_of(chat(http, openai_http.Endpoint("the test", "http://127.0.0.1:9")))

    with pytest.raises(EngineUnreachable, match=r"nobody answers at http://127\.0\.0\.1:9"):
        asyncio.run(main(), debug=True)


def test_closing_a_stream_early_closes_the_request() -> None:
    """The server sees that nobody listens any more."""

    async def main() -> None:
        gone = asyncio.Event()

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n')
                    await asyncio.sleep(0.01)
            finally:
                gone.set()

        async with serving(one(handler)) as url, aiohttp.ClientSession() as http:
            async with aclosing(chat(http, openai_http.Endpoint("the test", url))) as tokens:
                await anext(tokens)
            async with asyncio.timeout(60):
                await gone.wait()

    asyncio.run(main(), debug=True)


def test_what_a_server_repeats_of_a_request_is_in_no_error() -> None:
    """FastAPI's complaints quote what was sent, which is what somebody said; the error may be logged."""
    body = b'{"detail":[{"loc":["body","input"],"msg":"too long","input":"my card number is 1234","ctx":{"x":"1234"}}]}'
    with pytest.raises(EngineError, match=r"422: too long$") as failure:
        asked(answers(422, body), speech)
    assert "1234" not in str(failure.value)


# Over a minute: 2 MiB.
async def heard(http: aiohttp.ClientSession, endpoint: openai_http.Endpoint) -> AsyncGenerator[Transcription, None]:
    yield await openai_transcribe.transcribe(
        http, endpoint, Utterance(bytes(2 << 20), 0.0, 0.0)
    )  # over a minute: 2 MiB


@pytest.mark.parametrize(
    ("body", "comes"),
    [
        (
            b'{"text":" Hi. ","segments":[{"avg_logprob":0.0,"no_speech_prob":0.5}]}',
            Transcription("Hi.", no_speech=0.5, avg_logprob=0.0),
        ),
        (b'{"text":"Hi."}', Transcription("Hi.")),
        (b'{"text":"Hi.","language":"english"}', Transcription("Hi.", language="english")),
        (b'{"text":"Mm.","segments":[{"nod":1.5}]}', Transcription("Mm.", nod=1.5)),
        (b'{"text":"So I. Mm.","segments":[{"nod":-2.5},{"nod":1.5}]}', Transcription("So I. Mm.")),
        (b'{"text":"","segments":null}', Transcription("")),
        (b'{"text":"","segments":[{"avg_logprob":null,"no_speech_prob":7}]}', Transcription("", no_speech=1.0)),
    ],
)
def test_a_transcript_is_read(body: bytes, comes: Transcription) -> None:
    """With its probabilities, without them, and with ones that are none; from an utterance of more than a megabyte."""
    assert asked(answers(200, body), heard) == [comes]


def test_what_was_said_before_goes_with_the_sound_where_it_is_known() -> None:
    """OpenAI's field `prompt`: a recogniser leans towards its words. Without one the field is not there."""
    forms: list[list[str | None]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        forms.append([part.name async for part in await request.multipart()])  # type: ignore[union-attr]
        return web.Response(body=b'{"text":"Hi."}')

    async def with_words(
        http: aiohttp.ClientSession, endpoint: openai_http.Endpoint
    ) -> AsyncGenerator[Transcription, None]:
        yield await openai_transcribe.transcribe(http, endpoint, Utterance(b"", 0.0, 0.0, prompt="Mm-hmm."))

    asked(handler, with_words)
    asked(handler, heard)
    assert [("prompt" in form) for form in forms] == [True, False]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "gave an empty response"),
        (b"<html>", "unexpected response"),
        (b'{"words":"Hi."}', "unexpected response.*JSON without a text"),
        (b'{"text":"' + b"word " * 400_000 + b'"}', "more than 1048576 bytes"),
    ],
)
def test_a_transcript_that_is_none_is_an_engine_error(body: bytes, says: str) -> None:
    """Nothing, a page, another shape, a book."""
    with pytest.raises(EngineError, match=says):
        asked(answers(200, body), heard)


def test_a_page_where_sound_was_asked_for_is_an_engine_error() -> None:
    """A proxy that answers 200 with a page about its troubles."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>Bad gateway", content_type="text/html")

    with pytest.raises(EngineError, match="answered with text/html instead of audio"):
        asked(handler, speech)


def test_an_engine_server_that_was_never_started_is_said_so() -> None:
    """Where the default engines are all elsewhere, and a caller names an embedded one."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            await all_of(speech(http, openai_http.Endpoint("piper", "")))

    with pytest.raises(EngineUnreachable, match="piper has no address: no engine server was started"):
        asyncio.run(main(), debug=True)
