"""Each reply tells who really answered: the engine, its model or voice, in whose place, and why."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from structlog.testing import capture_logs

from lineside.audio.frame import SpokenAudio
from lineside.audio.vad import LoudnessVad
from lineside.call.session import CallSession
from lineside.engine_options import EngineHost
from lineside.engines.answered import model_of
from lineside.engines.fallback import FallbackLLM, FallbackTTS
from lineside.engines.protocols import EngineInfo, LlmRequest, Message, Thought, Token
from lineside.engines.registry import Engines
from lineside.engines.vendors.auto import AutoLLM
from lineside.engines.vendors.ollama import Ollama
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import EngineBusy, EngineError, EngineRefused, EngineTimeout, EngineUnreachable, ModelMissing
from lineside.protocol import AnsweredBy, FirstMessage, ReplyMetrics
from lineside.transports.scripted import CallerSilent, CallerSpeaks, ScriptedTransport
from tests.call.fixtures import AGENT, settings
from tests.virtual_time import run


class Failing:
    """A voice that fails in its own way before it says anything."""

    info = EngineInfo(choices=("af_heart",))

    def __init__(self, why: EngineError, takes: float = 0.0) -> None:
        self._why, self._takes = why, takes

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        await asyncio.sleep(self._takes)
        raise self._why
        yield  # a generator


def metrics_of(llm: Any, tts: Any, usual: dict[str, AnsweredBy] | None = None) -> list[ReplyMetrics]:
    """Of a call of one question, with these engines."""

    async def story() -> list[ReplyMetrics]:
        transport = ScriptedTransport((CallerSpeaks(1.0), CallerSilent(14.0)), codec="pcm", rate=16_000)
        names = {"stt": "ears", "llm": "mind", "tts": "voice"}
        engines = Engines(ScriptedSTT(hears=["Hm?"]), llm, tts, names, ScriptedTTS(), usual or {})
        call = CallSession(
            transport,
            FirstMessage(codec="pcm", greeting=""),
            agent=AGENT,
            engines=engines,
            settings=settings(),
            vad=LoudnessVad(),
        )
        await call.run()
        return [event for event in transport.events if isinstance(event, ReplyMetrics)]

    return run(story())


def test_an_engine_that_answers_as_it_should_is_named_with_its_model() -> None:
    """One engine a role: nobody stands in for anybody."""
    usual = {"llm": AnsweredBy("mind", "qwen"), "tts": AnsweredBy("voice", "joe"), "stt": AnsweredBy("ears", "base")}
    (told,) = metrics_of(ScriptedLLM(answers=["Yes."]), ScriptedTTS(), usual)
    assert told.engines == usual


@pytest.mark.parametrize(
    ("why", "takes", "said"),
    [
        (EngineTimeout("slow"), 0.0, "too slow"),
        (EngineError("never"), 60.0, "too slow"),
        (ModelMissing("kokoro-82m is not here"), 0.0, "not downloaded"),
        (EngineRefused("no", 401), 0.0, "no key"),
        (EngineRefused("no", 500), 0.0, "failed"),
        (EngineUnreachable("nobody"), 0.0, "not running"),
        (EngineBusy("full"), 0.0, "busy"),
    ],
    ids=str,
)
def test_a_voice_that_stands_in_says_for_whom_and_why(why: EngineError, takes: float, said: Any) -> None:
    """Kokoro was too slow, Piper spoke."""
    tts = FallbackTTS([("kokoro", Failing(why, takes)), ("piper", ScriptedTTS())])
    (told,) = metrics_of(ScriptedLLM(answers=["Yes. We do."]), tts)
    assert told.engines["tts"] == AnsweredBy("piper", "", "kokoro", said)


def test_a_voice_that_is_left_alone_is_still_named() -> None:
    """Its breaker is open: it is not asked, and the reason is that of its last failure."""
    tts = FallbackTTS([("kokoro", Failing(EngineTimeout("slow"))), ("piper", ScriptedTTS())])
    sentences = " ".join(f"Sentence number {number} of the answer." for number in range(6))
    (told,) = metrics_of(ScriptedLLM(answers=[sentences]), tts)
    assert told.engines["tts"] == AnsweredBy("piper", "", "kokoro", "too slow")


def test_a_model_that_goes_on_for_another_in_mid_answer_is_the_one_that_is_named() -> None:
    """The caller heard both; what an operator must know is that the first one broke."""
    llm = FallbackLLM([("first", ScriptedLLM(fails=10)), ("second", ScriptedLLM(answers=["Yes."]))])
    (told,) = metrics_of(llm, ScriptedTTS())
    assert told.engines["llm"] == AnsweredBy("second", "", "first", "failed")


def test_that_ollama_is_not_there_is_no_news() -> None:
    """`auto` means whichever is there; that it broke in mid-answer is news."""
    assert "not running" in AutoLLM.expected
    assert "failed" not in AutoLLM.expected


class AbsentLLM(ScriptedLLM):
    """Nobody answers at its address."""

    async def check(self) -> None:
        raise EngineUnreachable("nobody answers")

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        raise EngineUnreachable("nobody answers")
        yield Token("")


@pytest.mark.parametrize(("nobody_asked", "warnings"), [(True, 0), (False, 1)])
def test_an_engine_that_nobody_asked_for_and_that_is_not_there_is_no_warning(nobody_asked: bool, warnings: int) -> None:
    """And who would answer is named, through a chain within the chain."""
    inner = FallbackLLM([("ollama", AbsentLLM()), ("embedded", ScriptedLLM(answers=["Yes."]))])
    inner.unasked = frozenset(("ollama",) if nobody_asked else ())
    with capture_logs() as logs:
        metrics_of(FallbackLLM([("auto", inner)]), ScriptedTTS())
    assert sum(line["log_level"] == "warning" for line in logs) == warnings
    assert asyncio.run(FallbackLLM([("auto", inner)]).usual()) == AnsweredBy("embedded", "", "ollama", "not running")


def test_an_ollama_whose_address_was_set_is_asked_for() -> None:
    """That it is not there is a warning then."""
    host = EngineHost(cast(aiohttp.ClientSession, None))
    assert AutoLLM(Ollama.Options(), host).unasked == {"ollama"}
    assert not AutoLLM(Ollama.Options(url="http://gpu.example.com:11434"), host).unasked


def test_a_preset_is_named_by_the_voice_that_it_speaks_as(tmp_path: Path) -> None:
    """`fast` is no voice; what it speaks as depends on what has been fetched."""
    from lineside.engine_options import EngineHost
    from lineside.engines.vendors.piper import PiperFast

    async def story() -> str:
        import aiohttp

        async with aiohttp.ClientSession() as http:
            host = EngineHost(http=http, embedded_url="", embedded_llm="", models_dir=tmp_path, pool_size=1)
            return model_of(PiperFast(PiperFast.Options(), host))

    assert asyncio.run(story()) == "en_US-joe-medium"
