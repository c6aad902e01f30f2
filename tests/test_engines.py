"""Engines: one conformance suite for all that are registered, and what the wire makes of servers that misbehave."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web

from lineside.audio.frame import EAR_RATE, Sound, Utterance
from lineside.audio.resample import Resampler
from lineside.audio.wav import read_wav, wav_bytes, wav_header
from lineside.engines import wire
from lineside.engines.deadline import in_time, tried_twice
from lineside.engines.protocols import Ask, LanguageModel, Message, SpeechToText, TextToSpeech, Thought, Token
from lineside.engines.registry import ROLES, Registry
from lineside.errors import ConfigError, EngineBusy, EngineError, EngineTimeout, EngineUnreachable, LineError
from lineside.settings import Settings
from tests.calls import settings
from tests.conftest import Stack
from tests.test_ear import AUDIO
from tests.virtual import run

T = TypeVar("T")
SENTENCE = "Your router restarts in thirty seconds."
QUESTION = (Message("system", "Answer in one short sentence."), Message("user", "What colour is the sky?"))


def registered(role: str) -> list[Any]:
    """Every engine of a role; those that live in the engine server need the models."""
    names = Registry(Settings(_env_file=None), None).names(role)  # type: ignore[call-arg, arg-type]
    return [pytest.param(n, marks=() if n == "scripted" else pytest.mark.models) for n in names]


def conform(request: pytest.FixtureRequest, role: str, name: str, story: Callable[[Any], Awaitable[None]]) -> None:
    """Tell the story with the engine of that name, against the running stack where it needs one."""
    url = "" if name == "scripted" else request.getfixturevalue("stack").engine_url

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            await story(Registry(settings(embedded_url=url), http).engine(role, name))  # type: ignore[arg-type]

    asyncio.run(main(), debug=True)


async def all_of(stream: AsyncGenerator[T, None]) -> list[T]:
    async with aclosing(stream):
        return [item async for item in stream]


def spoken(name: str) -> Utterance:
    recording = read_wav(AUDIO / f"{name}.wav")
    resampler = Resampler(recording.rate, EAR_RATE)
    return Utterance(resampler.feed(recording.pcm) + resampler.end(), 0.0, recording.seconds)


# ── conformance ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", registered("stt"))
def test_a_recogniser_conforms(request: pytest.FixtureRequest, name: str) -> None:
    """One final transcript, the last; words where there are some, none in silence; probabilities that are some."""

    async def story(engine: SpeechToText) -> None:
        assert isinstance(engine, SpeechToText)
        heard = await all_of(engine.transcribe(spoken("order_status")))
        assert [t.final for t in heard] == [False] * (len(heard) - 1) + [True]
        assert heard[-1].text == heard[-1].text.strip() != ""
        assert all(0 <= t.sure <= 1 and 0 <= t.no_speech <= 1 for t in heard)
        silence = await all_of(engine.transcribe(Utterance(bytes(2 * EAR_RATE), 0.0, 0.0)))
        assert silence[-1].final
        assert silence[-1].text == ""

    conform(request, "stt", name, story)


@pytest.mark.parametrize("name", registered("llm"))
def test_a_language_model_conforms(request: pytest.FixtureRequest, name: str) -> None:
    """Tokens as they come, no more than asked for, and closing early leaves it ready for the next question."""

    async def story(engine: LanguageModel) -> None:
        assert isinstance(engine, LanguageModel)
        tokens = await all_of(engine.reply(QUESTION, Ask(max_tokens=30)))
        assert all(isinstance(token, Token | Thought) and token.text for token in tokens)
        assert len([t for t in tokens if isinstance(t, Token)]) > 1
        assert len(await all_of(engine.reply(QUESTION, Ask(max_tokens=3)))) <= 3
        async with aclosing(engine.reply(QUESTION, Ask(max_tokens=150))) as broken_off:
            await anext(broken_off)
        assert await all_of(engine.reply(QUESTION, Ask(max_tokens=2)))

    conform(request, "llm", name, story)


@pytest.mark.parametrize("name", registered("tts"))
def test_a_voice_conforms(request: pytest.FixtureRequest, name: str) -> None:
    """One rate, frames of 20 ms in order without holes, all the words once and in order, real sound, known voices."""

    async def story(engine: TextToSpeech) -> None:
        assert isinstance(engine, TextToSpeech)
        sounds: list[Sound] = await all_of(engine.speak(SENTENCE, ""))
        assert len({sound.frame.rate for sound in sounds}) == 1
        assert all(sound.frame.seconds <= 0.0201 for sound in sounds)
        at = 0.0
        for sound in sounds:
            assert sound.frame.at == pytest.approx(at, abs=1e-6)
            at += sound.frame.seconds
        assert 1.0 < at < 6.0
        assert " ".join(sound.says for sound in sounds if sound.says) == SENTENCE
        assert max(abs(s) for sound in sounds for s in memoryview(sound.frame.pcm).cast("h")) > 1000
        assert await all_of(engine.speak("?! —", "")) == []
        for voice in getattr(engine, "choices", ()):
            assert await all_of(engine.speak("Yes.", voice))
        async with aclosing(engine.speak(SENTENCE, "")) as broken_off:
            await anext(broken_off)

    conform(request, "tts", name, story)


@pytest.mark.models
def test_the_words_of_real_speech_are_right(stack: Stack) -> None:
    """The embedded recogniser hears what was said."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            engine = Registry(settings(embedded_url=stack.engine_url), http).engine("stt", "faster-whisper")
            for name, word in (("order_status", "order status"), ("yes", "yes"), ("thank_you", "thank you")):
                assert word in (await all_of(engine.transcribe(spoken(name))))[-1].text.lower()

    asyncio.run(main(), debug=True)


# ── the registry ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_role_has_a_scripted_engine_and_unknown_names_are_answered_with_the_known_ones() -> None:
    """What a caller may name is what is registered, and nothing else."""
    registry = Registry(settings(), None)  # type: ignore[arg-type]
    for role in ROLES:
        assert "scripted" in registry.names(role)
        with pytest.raises(LineError, match=rf"{role}_engine: 'x'.*scripted"):
            registry.engine(role, "x")
    with pytest.raises(ConfigError, match=r"DEFAULT_TTS_ENGINE='loud'.*piper"):
        Registry(settings(default_tts_engine="loud"), None)  # type: ignore[arg-type]


# ── the wire, against servers that misbehave ───────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncGenerator[str, None]:
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def asked(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ask: Callable[[aiohttp.ClientSession, wire.Place], AsyncGenerator[T, None]],
    timeout: float = 5.0,
) -> list[T]:
    async def main() -> list[T]:
        async with server(handler) as url, aiohttp.ClientSession() as http:
            return await all_of(ask(http, wire.Place("the test", url, key="secret", timeout=timeout)))

    return asyncio.run(main(), debug=True)


def answers(status: int, body: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.headers["Authorization"] == "Bearer secret"
        return web.Response(status=status, body=body)

    return handler


def chat(http: aiohttp.ClientSession, place: wire.Place) -> AsyncGenerator[Token | Thought, None]:
    return wire.chat(http, place, "m", QUESTION, Ask())


def speech(http: aiohttp.ClientSession, place: wire.Place) -> AsyncGenerator[Sound, None]:
    return wire.speech(http, place, "m", "v", "one two three")


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (503, b'{"error":{"message":"queue is full"}}', EngineBusy, "queue is full"),
        (429, b"slow down", EngineBusy, "slow down"),
        (500, b"<html>oops", EngineError, "500: <html>oops"),
        (404, b'{"error":{"message":"no such model"}}', EngineError, "no such model"),
        (200, b"data: {not json}\n\n", EngineError, "something else"),
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
    """Frames of 20 ms; the last one says what is left."""
    pcm = b"\x10\x27" * 22050
    body = wav_bytes(pcm, 22050) if known else wav_header(22050) + pcm
    sounds = asked(answers(200, body), speech)
    assert b"".join(s.frame.pcm for s in sounds) == pcm
    assert " ".join(s.says for s in sounds if s.says) == "one two three"
    said = {s.says: s.frame.at for s in sounds if s.says}
    assert said["one"] == pytest.approx(1 * 4 / 14 if known else 4 / 15, abs=0.03)  # its letters of all, or of a second
    assert said.get("three", said.get("two three")) == pytest.approx(0.98, abs=0.001)


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

    with pytest.raises(EngineUnreachable, match="broke off"):
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
            await all_of(chat(http, wire.Place("the test", "http://127.0.0.1:9")))

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

        async with server(handler) as url, aiohttp.ClientSession() as http:
            async with aclosing(chat(http, wire.Place("the test", url))) as tokens:
                await anext(tokens)
            async with asyncio.timeout(5):
                await gone.wait()

    asyncio.run(main(), debug=True)


# ── deadlines ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_item_and_a_later_one_have_deadlines() -> None:
    """Slow to begin and slow to go on are both too slow."""

    async def items(*pauses: float) -> AsyncGenerator[float, None]:
        for pause in pauses:
            await asyncio.sleep(pause)
            yield pause

    async def story(*pauses: float) -> list[float]:
        return await all_of(in_time(items(*pauses), first=2.0, later=1.0, who="it"))

    assert run(story(1.9, 0.9, 0.9)) == [1.9, 0.9, 0.9]
    for late in ((2.1,), (1.0, 1.1)):
        with pytest.raises(EngineTimeout, match="it said nothing for"):
            run(story(*late))


def test_a_failure_is_tried_again_only_before_anything_came() -> None:
    """Half an answer is not asked for twice; one that was too slow neither."""
    tries = 0

    async def failing(after: int, error: type[EngineError]) -> AsyncGenerator[int, None]:
        nonlocal tries
        tries += 1
        for item in range(after):
            yield item
        if tries == 1:
            raise error("no")
        yield 100

    async def story(after: int, error: type[EngineError]) -> list[int]:
        nonlocal tries
        tries = 0
        return await all_of(tried_twice(lambda: failing(after, error)))

    assert run(story(0, EngineError)) == [100]
    for after, error in ((1, EngineError), (0, EngineTimeout)):
        with pytest.raises(error):
            run(story(after, error))
        assert tries == 1
