"""Rehearsals by sound, on virtual time: a caller of tones, a recogniser that knows what they said or mishears it."""

import asyncio
import io
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from lineside.agents.knowledge.agent_knowledge import KnowledgeCache, read_knowledge
from lineside.audio.frame import Utterance
from lineside.audio.turn_model import nobody_knows
from lineside.audio.vad import LoudnessVad
from lineside.engines.protocols import EngineInfo, Transcription
from lineside.engines.registry import EngineRegistry, Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedTTS
from lineside.errors import ConfigError
from lineside.rehearse.caller_sound import (
    Background,
    CallerVoice,
    CallerVoices,
    Samples,
    levelled,
    ogg,
    parse_voice,
    usual_voices,
)
from lineside.rehearse.results import HeldCall
from lineside.rehearse.ruled_caller import CallerStep
from lineside.rehearse.scenario import Expect, Scenario, Tools
from lineside.rehearse.shared_by_calls import SharedByCalls, SoundPlan
from lineside.rehearse.sound_level import TimedEngines, rehearse_by_sound, sound_call
from lineside.rehearse.speaking_caller import CallerMouth
from lineside.rehearse.spoken_call import CallerTry
from lineside.rehearse.text_level import text_call
from lineside.replay.jumping_loop import JumpingLoop, WorkInProgress
from lineside.settings import Settings, complete_settings
from tests.rehearse.test_rehearse import DAY, desk

VISIT = {"12345": {"day": "2026-12-04", "part_of_day": "morning", "phone": "+15550101234"}}
BOOKS = Expect(tools=(Tools("book_visit"),), state={"visits": VISIT})
PLAN = SoundPlan()
BOOKING = Scenario("a visit", opens="I need an engineer.", knows=DAY, expect=BOOKS)


class ToneVoices(CallerVoices):
    """Speaks a tone for every line, as long as it would be said, and remembers the line."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def speak(self, voice: CallerVoice, text: str, rate: int) -> Samples:
        self.lines.append(text)
        tone = np.sin(2 * np.pi * 300 * np.arange(round((0.6 + 0.05 * len(text)) * rate)) / rate)
        return (0.3 * tone).astype(np.float32)


class Hears:
    """Writes what the caller said last; `instead` is what is heard the first time that a line holds a word."""

    info = EngineInfo()

    def __init__(self, voices: ToneVoices, instead: dict[str, str]) -> None:
        self._voices, self._instead = voices, dict(instead)

    async def transcribe(self, utterance: Utterance) -> Transcription:
        line = self._voices.lines[-1]
        wrong = next((word for word in self._instead if word in line), None)
        return Transcription(line if wrong is None else self._instead[wrong])


async def called(
    scenario: Scenario, understood: tuple[CallerStep, ...], instead: dict[str, str], plan: SoundPlan
) -> HeldCall:
    whole, voices = desk(), ToneVoices()
    tts = CachedTTS(ScriptedTTS())
    names = dict.fromkeys(("stt", "llm", "tts"), "scripted")
    settings = complete_settings()(_env_file=None, turn_profile="silence")  # type: ignore[call-arg]
    engines = Engines(Hears(voices, instead), ScriptedLLM(answers=["I don't know that."]), tts, names, tts)
    knows = await read_knowledge(whole.agent, None)
    speakers = (CallerVoice("tone", "low"), CallerVoice("tone", "high"))
    nothing, registry = KnowledgeCache(None), EngineRegistry(settings)
    shared = SharedByCalls(whole, plan, settings, registry, voices, speakers, LoudnessVad, nobody_knows, nothing)
    timed = TimedEngines(engines, nobody_knows, knows, WorkInProgress())
    return await sound_call(shared, timed, CallerTry(scenario, understood, 0, 0))


def held(scenario: Scenario, instead: dict[str, str] | None = None, plan: SoundPlan = PLAN) -> HeldCall:
    """The call, on virtual time."""
    understood = text_call(desk(), scenario).steps
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(clock=lambda: 0.0)) as runner:
        return runner.run(called(scenario, understood, instead or {}, plan))


@pytest.mark.parametrize("codec", ["pcm", "g711_ulaw"])
def test_a_booking_is_spoken(codec: str) -> None:
    """What came of it is what comes of it by text, and both sides are kept as sound."""
    call = held(BOOKING, plan=SoundPlan(codec=codec))  # type: ignore[arg-type]
    assert call.failures == ()
    assert call.said[1] == "one two three, four five"
    assert call.voice == "tone:low"
    sound, rate = soundfile.read(io.BytesIO(call.sound))
    assert rate == (16_000 if codec == "pcm" else 8000)
    assert abs(len(sound) / rate - call.seconds) < 0.2
    caller, agent = np.abs(sound).max(axis=0)
    assert caller > 0.2
    assert agent > 0.01


def test_a_number_that_is_misheard_once_is_put_right_at_the_read_back() -> None:
    """The caller hears the wrong number and says no."""
    call = held(BOOKING, {"one two three, four five": "one two three five four"})
    assert call.failures == ()
    assert call.repairs >= 1
    assert any(line.startswith("No, the order number is") for line in call.said)


def test_a_number_that_is_misheard_for_ever_is_told_of() -> None:
    """The end state is wrong, and the report says which value was misheard."""
    scenario = replace(
        BOOKING, opens="Where is my order?", expect=Expect(tools=(Tools("find_order", {"order_number": "12345"}),))
    )
    call = held(scenario, {"five": "one two three five four"})
    kinds = {failure.kind for failure in call.failures}
    assert "no_tool" in kinds
    assert "misheard" in kinds


def test_a_caller_whom_nobody_hears_says_it_again_and_then_gives_up() -> None:
    """No reply comes: that has a name."""
    call = held(
        Scenario("nobody", opens="Where is my order?", expect=Expect(tools=(Tools("find_order"),))), {"order": ""}
    )
    assert {failure.kind for failure in call.failures} >= {"no_tool", "no_answer"}


def test_a_call_that_does_not_end_is_given_up() -> None:
    """After as many seconds as the plan says."""
    call = held(BOOKING, plan=SoundPlan(longest=20.0))
    assert {failure.kind for failure in call.failures} >= {"too_long", "no_tool"}
    assert call.seconds < 25


def test_what_is_heard_behind_a_caller_goes_on_while_they_are_silent() -> None:
    """At so many decibels under their voice."""

    async def frames() -> Samples:
        noise = np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
        mouth = CallerMouth(16_000, Background(noise, 15.0, 16_000))
        return (np.frombuffer(b"".join(mouth.frame() for _ in range(100)), "<i2") / 32768).astype(np.float32)

    level = 20 * np.log10(np.sqrt(np.square(asyncio.run(frames())).mean()))
    assert level == pytest.approx(-26 - 15, abs=1)


def test_every_voice_speaks_at_the_level_of_a_telephone() -> None:
    """Pauses do not count."""
    tone = np.sin(np.arange(16_000) / 5).astype(np.float32)
    for loud in (0.001, 0.9):
        sound = levelled(np.concatenate([tone * np.float32(loud), np.zeros(32_000, np.float32)]), 16_000)
        assert 20 * np.log10(np.sqrt(np.square(sound[:16_000]).mean())) == pytest.approx(-26, abs=0.3)


def using(settings: Settings, work: Callable[[EngineRegistry], Awaitable[None]]) -> None:
    async def run() -> None:
        registry = EngineRegistry(settings)
        try:
            await work(registry)
        finally:
            await registry.close()

    asyncio.run(run())


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_a_line_that_was_spoken_once_is_read_from_the_disk(tmp_path: Path) -> None:
    """By voice and words."""
    settings = complete_settings()(_env_file=None, default_stt_engine="scripted", default_llm_engine="scripted")  # type: ignore[call-arg]

    async def work(registry: EngineRegistry) -> None:
        voices, us = CallerVoices(registry, tmp_path / "voices"), parse_voice("espeak:en-us")
        first = await voices.speak(us, "Hello.", 8000)
        assert len(list((tmp_path / "voices").iterdir())) == 1
        assert np.array_equal(first, await voices.speak(us, "Hello.", 8000))
        await voices.speak(parse_voice("espeak:en-gb"), "Hello.", 16_000)
        assert len(list((tmp_path / "voices").iterdir())) == 2
        assert all(voice.engine != registry.defaults["tts"] for voice in usual_voices(registry))
        for wrong in ("nobody", "espeak:klingon"):
            with pytest.raises(ConfigError, match=f"--voice {wrong}"):
                await voices.speak(parse_voice(wrong), "Hello.", 8000)

    using(settings, work)


@pytest.mark.models
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng for the caller")
def test_a_caller_is_heard_by_the_real_recogniser(tmp_path: Path) -> None:
    """From the greeting to the goodbye, with the default engines."""
    whole = desk()
    settings = complete_settings()(_env_file=None, data_dir=tmp_path)  # type: ignore[call-arg]
    scenario = replace(whole.scenarios[0], expect=replace(whole.scenarios[0].expect, silence_most=60.0))
    plan = SoundPlan(voices=(parse_voice("espeak:en-us"),))
    over: list[str] = []
    (result,) = rehearse_by_sound(
        replace(whole, scenarios=(scenario,)), settings, plan, on_call=lambda each, call: over.append(each.name)
    )
    assert result.runs[0].failures == ()
    assert over == [scenario.name]


def test_a_long_call_is_kept_as_sound() -> None:
    """Ten minutes of both sides, of which one is longer."""
    sound, rate = soundfile.read(io.BytesIO(ogg(bytes(2 * 8000 * 600), bytes(2 * 8000 * 500), 8000)))
    assert (sound.shape, rate) == ((8000 * 600, 2), 8000)
