"""The registry: which engines a call gets, who stands in for them, and how many connections each may have."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from lineside.audio.frame import Utterance
from lineside.engine_options import EngineHost, EngineOptions
from lineside.engines.fallback import FallbackLLM, FallbackTTS
from lineside.engines.protocols import EngineInfo, LlmRequest, Message
from lineside.engines.registry import LOADED_WITHIN, ROLES, EngineRegistry, Role
from lineside.errors import ConfigError, EngineError, TransportError
from tests.call.fixtures import settings
from tests.engines.fixtures import all_of
from tests.virtual_time import run

ENOUGH = 12  # requests at once


@asynccontextmanager
async def registry(**given: Any) -> AsyncGenerator[EngineRegistry, None]:
    opened = EngineRegistry(settings(**given))
    try:
        yield opened
    finally:
        await opened.close()


def names(chain: Any) -> list[str]:
    return [candidate.name for candidate in chain._candidates]


def test_the_default_engine_and_then_the_fallbacks_stand_in_for_the_chosen_one() -> None:
    """In this order, each once; an engine without what it needs is passed over."""

    async def main() -> None:
        async with registry(
            default_tts_engine="scripted",
            fallback_tts_engines=("elevenlabs", "piper"),
            fallback_llm_engines=("ollama",),
        ) as opened:
            chosen = opened.choose(tts="kokoro", llm="embedded")
            assert isinstance(chosen.tts, FallbackTTS)
            assert names(chosen.tts) == ["kokoro", "scripted", "piper"]
            assert isinstance(chosen.llm, FallbackLLM)
            assert names(chosen.llm) == ["embedded", "auto", "ollama"]
            assert opened.choose(tts="kokoro").tts is chosen.tts
            assert isinstance(opened.choose().tts, FallbackTTS)
            assert chosen.phrases is opened.cached_tts()

    asyncio.run(main())


def test_an_engine_that_nobody_stands_in_for_is_a_chain_of_one() -> None:
    """It has all the time there is, and is tried again where it does not answer."""

    async def main() -> None:
        async with registry(default_tts_engine="scripted", fallback_tts_engines=()) as opened:
            chosen = opened.choose()
            assert [names(one) for one in (chosen.stt, chosen.tts)] == [["faster-whisper"], ["scripted"]]
            assert chosen.stt.trials is not None  # type: ignore[attr-defined]

    asyncio.run(main())


@pytest.mark.parametrize("role", ["stt", "llm", "tts"])
def test_a_fallback_that_there_is_not_stops_the_start(role: Role) -> None:
    """With the names that there are."""
    with pytest.raises(ConfigError, match=rf"{role.upper()}_ENGINES: 'nobody' is not known.*(whisper|piper|auto)"):
        EngineRegistry(settings(**{f"fallback_{role}_engines": ("nobody",)}))


def test_an_engine_appears_only_when_it_has_what_it_needs() -> None:
    """ElevenLabs with its key; as the default without one it stops the start, and a call may not name it."""
    with pytest.raises(ConfigError, match=r"DEFAULT_TTS_ENGINE=elevenlabs lacks ELEVENLABS_API_KEY; ready are .*piper"):
        EngineRegistry(settings(default_tts_engine="elevenlabs"))

    async def main() -> None:
        async with registry() as without, registry(elevenlabs_api_key="key") as given:
            assert "elevenlabs" not in without.names("tts")
            with pytest.raises(TransportError, match="elevenlabs"):
                without.choose(tts="elevenlabs")
            assert "elevenlabs" in given.names("tts")
            given.choose(tts="elevenlabs")

    asyncio.run(main())


def test_a_test_double_is_offered_only_where_a_setting_names_it() -> None:
    """As the default or as a fallback; no caller of an ordinary gateway can choose it."""

    async def main() -> None:
        async with (
            registry() as ordinary,
            registry(default_llm_engine="scripted", fallback_tts_engines=("scripted",)) as named,
        ):
            assert not any("scripted" in ordinary.names(role) for role in ROLES)
            with pytest.raises(TransportError, match=r"stt_engine: 'scripted' is not known; allowed: faster-whisper"):
                ordinary.choose(stt="scripted")
            assert [role for role in ROLES if "scripted" in named.names(role)] == ["llm", "tts"]

    asyncio.run(main())


def test_an_engine_without_the_method_of_its_role_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it lacks, when it is first asked for."""

    class Half:
        Options = EngineOptions

        def __init__(self, options: EngineOptions, host: EngineHost) -> None:
            self.info = EngineInfo()

    async def main() -> None:
        async with registry() as opened:
            opened._classes["tts"]["half"] = Half
            with pytest.raises(ConfigError, match="the tts engine half has no speak"):
                opened.choose(tts="half")

    asyncio.run(main())


@asynccontextmanager
async def slow_server() -> AsyncGenerator[tuple[str, list[int]], None]:
    """An OpenAI-shaped server that refuses everybody after a while, and counts who is inside."""
    inside, most = 0, [0]
    full = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal inside
        inside += 1
        most[0] = max(most[0], inside)
        await request.read()
        if inside == 3:
            await asyncio.sleep(0.3)  # long enough for one too many to come in
            full.set()
        async with asyncio.timeout(60):
            await full.wait()
        inside -= 1
        return web.Response(status=500)

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", most
    finally:
        await runner.cleanup()


HEARD: Callable[[Any], Awaitable[Any]] = lambda e: e.transcribe(Utterance(b"\1\0" * 1600, 0.0, 0.1))  # noqa: E731
THOUGHT: Callable[[Any], Awaitable[Any]] = lambda e: all_of(e.reply((Message("user", "Hi"),), LlmRequest()))  # noqa: E731
SPOKEN: Callable[[Any], Awaitable[Any]] = lambda e: all_of(e.speak("Hello there.", ""))  # noqa: E731


@pytest.mark.parametrize(
    ("role", "setting", "ask"),
    [("stt", "asr_pool_size", HEARD), ("llm", "llm_pool_size", THOUGHT), ("tts", "tts_pool_size", SPOKEN)],
)
def test_a_pool_size_is_how_many_connections_a_back_end_has(
    role: Role, setting: str, ask: Callable[[Any], Awaitable[Any]]
) -> None:
    """ASR_POOL_SIZE, LLM_POOL_SIZE, TTS_POOL_SIZE: so many requests at once, and the others wait."""

    async def main() -> None:
        async with (
            slow_server() as (url, most),
            registry(**{setting: 3, "openai_url": url, "openai_model": "m"}) as opened,
        ):
            engine = opened.engine(role, "openai")
            failed = await asyncio.gather(*(ask(engine) for _ in range(ENOUGH)), return_exceptions=True)
            assert all(isinstance(one, EngineError) for one in failed), failed
            assert most[0] == 3

    asyncio.run(main())


def test_engines_have_pools_of_their_own() -> None:
    """A back end that hangs takes no connection from another, nor from another role."""

    async def main() -> None:
        async with registry(openai_url="http://127.0.0.1:9") as opened:
            pools = {id(vars(opened.engine(role, "openai"))["_http"]) for role in ("stt", "llm", "tts")}
            assert len(pools) == 3

    asyncio.run(main())


def test_what_a_call_names_is_made_ready_before_it_begins_and_the_default_is_not_asked() -> None:
    """Only what was named; one that cannot is passed over, and one that hangs is not waited for longer than a ring."""

    class Loading:
        info = EngineInfo(choices=("v",))

        def __init__(self, fault: EngineError | None = None, takes: float = 0.0) -> None:
            self.asked, self._fault, self._takes = list[str](), fault, takes

        async def prepare(self, choice: str) -> None:
            self.asked.append(choice)
            await asyncio.sleep(self._takes)
            if self._fault:
                raise self._fault

    async def story() -> None:
        names = {f"fallback_{role}_engines": ("scripted",) for role in ROLES}
        opened = EngineRegistry(settings(**names), object())  # type: ignore[arg-type]
        stt, llm, tts = Loading(EngineError("not fetched")), Loading(takes=1000), Loading()
        opened._engines |= {("stt", "scripted"): stt, ("llm", "scripted"): llm, ("tts", "scripted"): tts}
        await opened.prepare({"stt": ("scripted", ""), "llm": ("", ""), "tts": ("scripted", "v")})
        assert (stt.asked, llm.asked, tts.asked) == ([""], [], ["v"])
        began = asyncio.get_running_loop().time()
        await opened.prepare({"llm": ("scripted", "")})
        assert asyncio.get_running_loop().time() - began == pytest.approx(LOADED_WITHIN)
        await opened.prepare({"llm": ("scripted", "")})
        assert llm.asked == [""], "the caller did not stop the loading, and nobody begins it again"
        await opened.close()

    run(story())
