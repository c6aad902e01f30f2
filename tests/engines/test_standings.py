"""How engines stand, and who answers in the place of one that does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lineside.answered_by import AnsweredBy
from lineside.engine_options import EngineHost
from lineside.engines.fallback import FallbackLLM
from lineside.engines.protocols import EngineInfo
from lineside.engines.recent_fallbacks import LATELY, RecentFallbacks
from lineside.engines.registry import EngineRegistry
from lineside.engines.standings import Standing, lacking, standing, who_answers
from lineside.engines.vendors.piper import PiperQuality
from lineside.errors import EngineError, EngineRefused, EngineTimeout, EngineUnreachable, ModelMissing
from lineside.protocol import ReplyMetrics
from tests.call.fixtures import settings


class Asked:
    """An engine that answers its check, or fails it."""

    def __init__(self, model: str, fault: EngineError | None = None) -> None:
        self.info = EngineInfo(choices=(model,))
        self.fault = fault

    async def check(self) -> None:
        if self.fault is not None:
            raise self.fault


def asked(engine: Any) -> Standing:
    return asyncio.run(standing("it", engine))


@pytest.mark.parametrize(
    ("fault", "state", "download"),
    [
        (EngineUnreachable("nobody answers"), "not running", ""),
        (ModelMissing("fetch it", model="kokoro-82m"), "not downloaded", "kokoro-82m"),
        (EngineRefused("401", 401), "no key", ""),
        (EngineTimeout("slow"), "too slow", ""),
        (EngineError("a web page"), "failed", ""),
    ],
)
def test_what_a_check_finds_is_a_word_that_programs_know(fault: EngineError, state: str, download: str) -> None:
    """The sentence for people stands beside it."""
    found = asked(Asked("m", fault))
    assert (found.state, found.up, found.download, found.why) == (state, False, download, str(fault))
    assert found.by is None


def test_the_one_who_chooses_names_the_model_that_answers_in_truth() -> None:
    """Behind `auto`, where Ollama is not there, is the embedded model, and it stands in for nobody."""
    chain = FallbackLLM([("ollama", Asked("llama", EngineUnreachable("no"))), ("embedded", Asked("qwen"))])  # type: ignore[list-item]
    assert asked(chain) == Standing("available", AnsweredBy("embedded", "qwen", "ollama", "not running"))
    chain.expected = frozenset(("not running",))
    assert asked(chain) == Standing("available", AnsweredBy("embedded", "qwen"))


def test_what_a_check_found_is_known_to_the_next_call_without_asking() -> None:
    """A call's first message names who will answer; nothing is asked for it."""

    async def story() -> None:
        first = Asked("llama", EngineUnreachable("no"))
        chain = FallbackLLM([("ollama", first), ("embedded", Asked("qwen"))])  # type: ignore[list-item]
        assert chain.likely() == AnsweredBy("ollama", "llama"), "nothing is known yet"
        await chain.usual()
        assert chain.likely() == AnsweredBy("embedded", "qwen", "ollama", "not running")
        first.fault = None
        await chain.usual()
        assert chain.likely() == AnsweredBy("ollama", "llama")

    asyncio.run(story())


def test_a_voice_that_speaks_as_another_is_not_downloaded_and_up(tmp_path: Path) -> None:
    """It answers, in another voice, and says which model is to be fetched."""
    voice = PiperQuality(PiperQuality.Options(), EngineHost(None, "http://127.0.0.1:9", models_dir=tmp_path))  # type: ignore[arg-type]
    assert voice.not_downloaded() == "en_US-ljspeech-medium"
    voice.check = Asked("v").check  # type: ignore[method-assign]
    found = asked(voice)
    assert (found.state, found.up, found.download) == ("not downloaded", True, "en_US-ljspeech-medium")
    assert found.by == AnsweredBy("piper", "en_US-joe-medium"), "its own name, not the preset's"
    assert "lineside models pull en_US-ljspeech-medium" in found.why


def test_who_answers_is_the_first_that_is_not_down_and_names_whom_it_stands_in_for() -> None:
    """One that cannot be asked counts as there."""
    down, unasked = Standing("not downloaded"), Standing("unchecked", AnsweredBy("espeak", "en-us"))
    found: Any = {("tts", "kokoro"): down, ("tts", "espeak"): unasked}
    assert who_answers("tts", ("kokoro", "espeak"), found) == AnsweredBy("espeak", "en-us", "kokoro", "not downloaded")
    assert who_answers("tts", ("espeak", "kokoro"), found) == AnsweredBy("espeak", "en-us")
    assert who_answers("tts", ("kokoro",), found) is None


def test_what_engines_lack_tells_a_key_from_a_program() -> None:
    """As the registry names it."""
    assert (lacking("ELEVENLABS_API_KEY").state, lacking("ELEVENLABS_API_KEY").up) == ("no key", False)
    assert lacking("the program espeak-ng").state == "not installed"
    assert lacking("PARROT_FOLDER").state == "not configured"


def test_an_engine_without_its_key_is_named_with_the_setting() -> None:
    """It cannot be chosen, and an operator sees why."""

    async def story() -> None:
        registry = EngineRegistry(settings())
        assert registry.lacking("tts")["elevenlabs"] == "ELEVENLABS_API_KEY"
        assert "elevenlabs" not in registry.names("tts")
        assert not any("scripted" in registry.lacking(role) for role in ("stt", "llm", "tts"))
        await registry.close()

    asyncio.run(story())


def test_a_fallback_is_told_for_ten_minutes() -> None:
    """And by the newest answer."""
    now = [0.0]
    recent = RecentFallbacks(lambda: now[0])
    for why in ("failed", "too slow"):
        by = AnsweredBy("piper", "joe", "kokoro", why)
        recent.note(ReplyMetrics(at=0.0, turn=1, engines={"tts": by, "llm": AnsweredBy("embedded", "qwen")}))
    now[0] = LATELY - 1
    told = recent.of("tts", "kokoro")
    assert told is not None
    assert (told.by.why, told.seconds_ago) == ("too slow", LATELY - 1)
    assert recent.of("llm", "embedded") is None
    now[0] = LATELY + 1
    assert recent.of("tts", "kokoro") is None
