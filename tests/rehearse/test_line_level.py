"""Rehearsals over a real line, on virtual time: a telephone, a gateway and packets on this machine's loopback."""

import asyncio
import io
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace
from typer.testing import CliRunner

from lineside.agents.knowledge.agent_knowledge import KnowledgeCache
from lineside.audio.turn_model import nobody_knows
from lineside.audio.vad import LoudnessVad
from lineside.cli.main import app
from lineside.engines.registry import EngineRegistry, Engines
from lineside.gateway import runtime
from lineside.gateway.call_registry import CallRegistry
from lineside.protocol import AudioDone, AudioStarted
from lineside.rehearse import rehearsal_gateway
from lineside.rehearse.caller_lines import TelephoneCallerEar
from lineside.rehearse.caller_sound import CallerVoice, parse_voice
from lineside.rehearse.line_level import line_call, rehearse_by_line
from lineside.rehearse.rehearsal_gateway import RehearsalLine, gateway_settings
from lineside.rehearse.results import HeldCall
from lineside.rehearse.scenario import Expect, Scenario, Tools
from lineside.rehearse.shared_by_calls import SharedByCalls, SoundPlan
from lineside.rehearse.spoken_call import hold_all
from lineside.rehearse.text_level import text_call
from lineside.replay.jumping_loop import JumpingLoop, WorkInProgress
from lineside.settings import Settings, complete_settings
from tests.rehearse.test_rehearse import DESK, desk
from tests.rehearse.test_sound_level import BOOKING, Hears, ToneVoices

FOUND = Expect(tools=(Tools("find_order", {"order_number": "12345"}),), heard=("December 3",))
ORDER = Scenario("an order", caller=("Where is my order?", "1 2 3 4 5"), expect=FOUND)


class HeardBy(EngineRegistry):
    """Scripted engines, of which the recogniser knows what callers said."""

    def __init__(self, settings: Settings, voices: ToneVoices, instead: dict[str, str]) -> None:
        super().__init__(settings)
        self._hears = Hears(voices, instead)

    def choose(self, **named: str) -> Engines:
        """See `EngineRegistry`."""
        return replace(super().choose(**named), stt=self._hears)


def held(scenario: Scenario, line: RehearsalLine, instead: dict[str, str] | None = None, **plan: Any) -> HeldCall:
    """The call, on virtual time."""
    scripted = {f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}
    settings = complete_settings()(_env_file=None, turn_profile="silence", **scripted)  # type: ignore[call-arg, arg-type]
    understood, whole = {scenario.name: text_call(desk(), scenario).steps}, desk()

    async def call() -> HeldCall:
        voices = ToneVoices()
        registry = HeardBy(settings, voices, instead or {})
        shared = SharedByCalls(
            replace(whole, scenarios=(scenario,)),
            SoundPlan(**plan),
            settings,
            registry,
            voices,
            (CallerVoice("tone"),),
            LoudnessVad,
            nobody_knows,
            KnowledgeCache(None),
        )
        (result,) = await hold_all(shared, understood, partial(line_call, shared, line), 1, lambda each, held: None)
        await registry.close()
        return result.runs[0]

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(WorkInProgress(), clock=lambda: 0.0)) as runner:
        return runner.run(call())


@pytest.fixture(autouse=True)
def _no_tool_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object) -> None:
        pytest.fail("a real tool would have been run")

    monkeypatch.setattr(runtime, "all_tools", never)


@pytest.mark.parametrize(("line", "codec"), [("sip", "g711_ulaw"), ("sip", "pcm"), ("browser", "pcm")])
def test_an_order_is_found_over_a_line(line: RehearsalLine, codec: str) -> None:
    """What came of it is what comes of it by text; both sides are kept as the caller's end heard them."""
    call = held(ORDER, line, codec=codec)
    assert call.failures == ()
    sound, rate = soundfile.read(io.BytesIO(call.sound))
    assert rate == (16_000 if codec == "pcm" else 8000)
    caller, agent = np.abs(sound).max(axis=0)
    assert caller > 0.2
    assert agent > 0.01


def test_a_visit_is_booked_once_though_its_number_was_misheard() -> None:
    """The caller hears the wrong number over the line and says no; the stand-in's end state is the one meant."""
    call = held(BOOKING, "sip", {"one two three, four five": "one two three five four"}, codec="g711_ulaw")
    assert call.failures == ()
    assert call.repairs >= 1


def test_an_agent_that_says_goodbye_hangs_up_the_line() -> None:
    """The caller's telephone learns it by the line, and the report by its reason."""
    scenario = replace(ORDER, caller=(*ORDER.caller, "No, that's all. Goodbye."))
    call = held(replace(scenario, expect=replace(FOUND, ends="agent_said_goodbye")), "sip", codec="g711_ulaw")
    assert call.failures == ()


@pytest.mark.parametrize("line", ["sip", "browser"])
def test_a_call_over_a_line_that_does_not_end_is_given_up(line: RehearsalLine) -> None:
    """After as many seconds as the plan says, whoever is speaking."""
    call = held(BOOKING, line, longest=8.0)
    assert {failure.kind for failure in call.failures} >= {"too_long", "no_tool"}
    assert call.seconds < 15


def test_a_call_that_is_not_taken_is_told_with_the_line_s_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not held; no scenario passes for that."""
    monkeypatch.setattr(rehearsal_gateway, "CallRegistry", lambda slots: CallRegistry(0))
    (failure,) = held(ORDER, "sip").failures
    assert failure.kind == "not_run"
    assert "486" in failure.what


def test_the_gateway_of_a_rehearsal_reaches_nobody() -> None:
    """Whatever is set: no transfer, no trunk, no record, and nobody calls it from outside."""
    set_to: dict[str, Any] = {
        "transfer_to": "+15550100",
        "transfer_allowed": ("+1555*",),
        "sip_host": "192.168.1.2",
        "sip_trunk": "sip:trunk.example",
        "sip_trusted": ("192.168.0.0/16",),
        "sip_accounts": ("sip:a:b@pbx.example",),
        "sip_srtp": "required",
        "otlp_endpoint": "http://127.0.0.1:4318",
    }
    used = gateway_settings(complete_settings()(_env_file=None, **set_to))  # type: ignore[call-arg]
    assert not any((used.transfer_to, used.transfer_allowed, used.sip_trunk, used.sip_accounts, used.otlp_endpoint))
    assert (used.host, used.sip_host, used.sip_trusted) == ("127.0.0.1", "127.0.0.1", ("127.0.0.1",))
    assert (used.keep_calls, used.sip_srtp) == (False, "off")


def test_a_telephone_hears_an_answer_begin_and_end_by_its_sound() -> None:
    """A pause between two sentences is no end while the call has more to say; its events alone are not heard."""

    async def story() -> None:
        ear = TelephoneCallerEar("g711_ulaw")
        loud, quiet = b"\x10" * 160, b"\xff" * 160
        ear.expect()
        ear.on_event(AudioStarted(at=0.0, turn=1, reply=1, latency_ms=0.0))
        assert not ear.sounding
        for frame in (quiet, loud, *[quiet] * 26):
            ear.hear(frame)
        assert not ear.sounding
        assert not await answered(ear), "half a second between sentences"
        ear.hear(loud)
        ear.on_event(AudioDone(at=0.0, turn=1, reply=1))
        assert ear.sounding, "the line is behind"
        assert not await answered(ear)
        for _ in range(26):
            ear.hear(quiet)
        assert await answered(ear)

    async def answered(ear: TelephoneCallerEar) -> bool:
        asking = asyncio.create_task(ear.answered(asyncio.get_running_loop().time(), 60.0))
        await asyncio.sleep(0.1)
        over = asking.done()
        asking.cancel()
        return over and asking.result()

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(clock=lambda: 0.0)) as runner:
        runner.run(story())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--line", "sip"], "--line is for --level line"),
        (["--level", "line", "--line", "pigeon"], "choose one of sip, browser"),
        (["--level", "lines"], "choose one of text, sound, line"),
    ],
)
def test_a_line_that_there_is_not_is_named(options: list[str], says: str) -> None:
    """And one at a level that has none."""
    told = CliRunner().invoke(app, ["rehearse", str(DESK), *options])
    assert told.exit_code != 0
    assert says in str(told.exception or told.output)


@pytest.mark.models
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng for the caller")
def test_a_caller_is_heard_over_sip_by_the_real_recogniser(tmp_path: Path) -> None:
    """In real time, with the default engines, from the greeting to the goodbye."""
    whole = desk()
    settings = complete_settings()(_env_file=None, data_dir=tmp_path)  # type: ignore[call-arg]
    plan = SoundPlan(voices=(parse_voice("espeak:en-us"),), codec="g711_ulaw", late=60.0)
    scenario = replace(whole.scenarios[0], expect=replace(whole.scenarios[0].expect, silence_most=60.0))
    (result,) = rehearse_by_line(replace(whole, scenarios=(scenario,)), settings, plan)
    assert result.runs[0].failures == ()
