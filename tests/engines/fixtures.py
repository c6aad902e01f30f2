"""How each engine is reached in tests: against the running stack, a fake of its back end, or by itself."""

import shutil
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

import aiohttp
import pytest
from aiohttp import web

from lineside.audio.frame import STT_RATE, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav
from lineside.engine_options import EngineClass, EngineHost
from lineside.engines import openai_http
from lineside.engines.registry import EngineRegistry
from tests.call.fixtures import settings
from tests.fakes import elevenlabs, serving
from tests.fakes.elevenlabs import FakeElevenLabs
from tests.fakes.kokoro import FakeKokoro
from tests.fakes.melotts import FakeMeloTTS
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import KEY, FakeOpenAI
from tests.fakes.whisper_server import FakeWhisperServer
from tests.turns.test_speech_segmenter import AUDIO

T = TypeVar("T")
E = TypeVar("E")

EMBEDDED = {
    "stt": ("faster-whisper",),
    "llm": ("embedded",),
    "tts": ("hibari", "piper", "fast", "quality", "high", "kokoro"),
}


class Case(NamedTuple):
    """One engine, reached in one way."""

    role: str
    name: str
    embedded: bool = False
    fake: Callable[[], web.Application] | None = None
    setting: str = ""  # that names the back end's address
    others: Mapping[str, Any] = MappingProxyType({})


def _all_kokoro() -> web.Application:
    from lineside.engines.vendors.kokoro import ALL

    return FakeKokoro(ALL).app()


FAKED = [
    Case("stt", "faster-whisper", fake=lambda: FakeOpenAI(key="").app(), setting="faster_whisper_url"),
    Case("stt", "whisper-server", fake=lambda: FakeWhisperServer().app(), setting="whisper_server_url"),
    Case("stt", "openai", fake=lambda: FakeOpenAI().app(), setting="openai_url", others={"openai_api_key": KEY}),
    Case("llm", "auto", fake=lambda: FakeOllama().app(), setting="ollama_url"),
    Case("llm", "ollama", fake=lambda: FakeOllama().app(), setting="ollama_url"),
    Case("llm", "openai", fake=lambda: FakeOpenAI().app(), setting="openai_url", others={"openai_api_key": KEY}),
    Case("tts", "piper", fake=lambda: FakeOpenAI(key="").app(), setting="piper_url"),
    Case("tts", "kokoro", fake=_all_kokoro, setting="kokoro_url"),
    Case("tts", "melotts", fake=lambda: FakeMeloTTS().app(), setting="melotts_url"),
    Case("tts", "openai", fake=lambda: FakeOpenAI().app(), setting="openai_url", others={"openai_api_key": KEY}),
    Case(
        "tts",
        "elevenlabs",
        fake=lambda: FakeElevenLabs().app(),
        setting="elevenlabs_url",
        others={"elevenlabs_api_key": elevenlabs.KEY},
    ),
]


def cases(role: str) -> list[Any]:
    """Every registered engine of a role, in every way it can be reached. Only the load test's mocks are left out.

    They answer by the clock whatever they are given, silence too.
    """
    made = []
    for name in sorted({entry.name for entry in entry_points(group=f"lineside.{role}")} - {"mock"}):
        ways = [case for case in FAKED if (case.role, case.name) == (role, name)]
        if name in EMBEDDED[role]:
            ways.append(Case(role, name, embedded=True))
        for case in ways or [Case(role, name)]:
            marks = []
            if case.embedded:
                marks.append(pytest.mark.models)
            if name == "espeak" and not shutil.which("espeak-ng"):
                marks.append(pytest.mark.skip(reason="espeak-ng is not installed: apt install espeak-ng"))
            way = "in the engine server" if case.embedded else case.setting or "by itself"
            made.append(pytest.param(case, marks=marks, id=f"{name} {way}"))
    return made


@asynccontextmanager
async def reached(case: Case, stack_url: str = "") -> AsyncGenerator[Any, None]:
    """The engine, its back end there; as the default one, so that test doubles are offered too."""
    usual = {f"default_{case.role}_engine": case.name}
    async with aiohttp.ClientSession() as http:
        if case.fake is None:
            given = settings(embedded_url=stack_url, **usual)
            yield EngineRegistry(given, http).engine(case.role, case.name)  # type: ignore[arg-type]
            return
        async with serving(case.fake()) as url:
            given = settings(**{case.setting: url}, **case.others, **usual)
            yield EngineRegistry(given, http).engine(case.role, case.name)  # type: ignore[arg-type]


def built(kind: type[E], http: aiohttp.ClientSession | None, **given: Any) -> E:
    """An engine as the registry builds it, with these settings."""
    chosen, engine = settings(**given), cast(EngineClass, kind)
    host = EngineHost(
        cast(aiohttp.ClientSession, http),
        chosen.embedded_url,
        chosen.llm_model,
        chosen.models_dir,
        chosen.tts_pool_size,
    )
    return cast(E, engine(chosen.options(engine.Options), host))


def missing(kind: object, **given: Any) -> str:
    """What the engine lacks with these settings."""
    return settings(**given).options(cast(EngineClass, kind).Options).missing()


async def all_of(stream: AsyncGenerator[T, None]) -> list[T]:
    """Everything that comes."""
    async with aclosing(stream):
        return [item async for item in stream]


def spoken(name: str) -> Utterance:
    """One of the recordings."""
    recording = read_wav(AUDIO / f"{name}.wav")
    resampler = InputResampler(recording.rate, STT_RATE)
    return Utterance(resampler.feed(recording.pcm) + resampler.end(), 0.0, recording.seconds)


@contextmanager
def patient_checks() -> Iterator[None]:
    """A look at a server, and a connection to it, may take half a minute."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("CHECK", "CONNECT"):
            patch.setattr(openai_http, limit, 30.0)
        yield
