"""Hold the calls of a desk at sound level: callers speak, and the real recogniser, turn-taking and voice answer them.

The clock leaves out waiting, so a call takes the time that its engines work. Callers know what the agent asks for from
the call itself, and whether it speaks from its events; what they say is sound.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.knowledge.agent_knowledge import Knows
from lineside.audio.turn_model import TurnModel
from lineside.audio.vad import VoiceDetector
from lineside.call.session import CallSession
from lineside.engines.registry import EngineRegistry, Engines
from lineside.errors import LinesideError
from lineside.gateway.runtime import knowledge_cache, turn_model, vad_factory, warm_engines
from lineside.protocol import Codec, FirstMessage
from lineside.records.event_log import EventLog
from lineside.rehearse.caller_sound import (
    CallerVoice,
    CallerVoices,
    Samples,
    cycled,
    read_background,
    usual_voices,
)
from lineside.rehearse.checks import WhatCame, shortfalls
from lineside.rehearse.held_call import Backstage
from lineside.rehearse.results import HeldCall, ScenarioResult, Shortfall
from lineside.rehearse.ruled_caller import CallerStep, RuledCaller
from lineside.rehearse.scenario import RehearsalDesk, Scenario
from lineside.rehearse.sound_line import SoundLine
from lineside.rehearse.speaking_caller import CallerEar, CallerMouth, SpeakingCaller
from lineside.rehearse.text_level import text_call
from lineside.replay.jumping_loop import JumpingLoop, WorkInProgress
from lineside.replay.timed_engines import TimedKnowledge, TimedSTT, TimedTTS, timed_llm, timed_turn_model
from lineside.settings import Settings
from lineside.task_events import SlotFilled

LATER = 2.0  # seconds that an answer to speech may take longer than one to typed words: the turn has to end first

OnCall = Callable[[Scenario, HeldCall], None]
NewVoices = Callable[[EngineRegistry, Path], CallerVoices]


class SoundPlan(Struct, frozen=True):
    """How callers sound, and how many speak at once."""

    voices: tuple[CallerVoice, ...] = ()  # empty: all that are there and are not the agent's
    codec: Codec = "pcm"
    background: Path | None = None  # a recording that is heard behind callers
    under: float = 15.0  # decibels of it under the caller
    at_once: int = 1
    longest: float = 240.0  # seconds of a call; then it is given up
    late: float = LATER  # seconds added to what a scenario allows as silence


class SharedByCalls(Struct, frozen=True):
    """What all calls of a rehearsal share."""

    desk: RehearsalDesk
    plan: SoundPlan
    settings: Settings
    engines: Engines
    voices: CallerVoices
    speakers: tuple[CallerVoice, ...]
    new_vad: Callable[[], VoiceDetector]
    turns: TurnModel
    knows: Knows
    work: WorkInProgress


def rehearse_by_sound(
    desk: RehearsalDesk,
    settings: Settings,
    plan: SoundPlan,
    runs: int = 1,
    on_call: OnCall = lambda scenario, call: None,
    new_voices: NewVoices = CallerVoices,
) -> list[ScenarioResult]:
    """Hold every scenario so many times; each run of one has another voice and pace.

    Args:
        desk: the agent and its callers.
        settings: of the engines and of turn-taking.
        plan: how callers sound.
        runs: of each scenario; the first is said as it is written.
        on_call: hears of every call that is over. It may raise to end the rehearsal.
        new_voices: makes the callers' voices of the engines and the folder where their sound is kept.

    Raises:
        LinesideError: the engines or the callers' voices are not there.
    """
    understood = {scenario.name: text_call(desk, scenario).steps for scenario in desk.scenarios}
    work = WorkInProgress()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every espeak that was closed before its end

    async def story() -> list[ScenarioResult]:
        with work.done():
            async with AsyncExitStack() as stack:
                shared = await _shared(stack, desk, settings, plan, work, new_voices)
                with work.paused():
                    return await _all_calls(shared, understood, runs, on_call)

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(work)) as runner:
        return runner.run(story())


async def _shared(
    stack: AsyncExitStack,
    desk: RehearsalDesk,
    settings: Settings,
    plan: SoundPlan,
    work: WorkInProgress,
    new_voices: NewVoices,
) -> SharedByCalls:
    reached, registry = await stack.enter_async_context(warm_engines(settings, desk.agent))
    turns = await stack.enter_async_context(turn_model(reached))
    knowledge = await stack.enter_async_context(knowledge_cache(reached, desk.agent))
    engines = registry.choose()
    timed = replace(
        engines, stt=TimedSTT(engines.stt, work), llm=timed_llm(engines.llm, work), tts=TimedTTS(engines.tts, work)
    )
    return SharedByCalls(
        desk,
        plan,
        reached,
        timed,
        new_voices(registry, voices_folder(settings)),
        plan.voices or usual_voices(registry),
        vad_factory(reached),
        timed_turn_model(turns, work),
        TimedKnowledge(await knowledge.of(desk.agent), work),
        work,
    )


def voices_folder(settings: Settings) -> Path:
    """Where what callers say is kept as sound."""
    return settings.data_dir / "rehearsals" / "voices"


async def _all_calls(
    shared: SharedByCalls, understood: dict[str, tuple[CallerStep, ...]], runs: int, on_call: OnCall
) -> list[ScenarioResult]:
    free = asyncio.Semaphore(shared.plan.at_once)

    async def one(place: int, scenario: Scenario, seed: int) -> HeldCall:
        async with free:
            held = await sound_call(shared, scenario, understood[scenario.name], place, seed)
            on_call(scenario, held)
            return held

    async with asyncio.TaskGroup() as group:
        calls = [
            [group.create_task(one(place, scenario, seed)) for seed in range(runs)]
            for place, scenario in enumerate(shared.desk.scenarios)
        ]
    held = [tuple(call.result() for call in of_one) for of_one in calls]
    return [ScenarioResult(scenario, runs) for scenario, runs in zip(shared.desk.scenarios, held, strict=True)]


async def sound_call(
    shared: SharedByCalls, scenario: Scenario, understood: tuple[CallerStep, ...], place: int, seed: int
) -> HeldCall:
    """Hold one call. `understood`: how it goes at text level; `place` and `seed` choose its voice and its words."""
    try:
        return await _hold(shared, scenario, understood, place, seed)
    except LinesideError as fault:
        return HeldCall((Shortfall("not_run", str(fault)),), (), 0.0)


async def _hold(
    shared: SharedByCalls, scenario: Scenario, understood: tuple[CallerStep, ...], place: int, seed: int
) -> HeldCall:
    loop, plan = asyncio.get_running_loop(), shared.plan
    voice = cycled(shared.speakers, place + seed)
    hello = FirstMessage(codec=plan.codec)
    background = read_background(plan.background, plan.under, hello.rate) if plan.background is not None else None
    if background is not None:
        background.begin_at(random.Random(f"{scenario.name} {seed}").random())  # noqa: S311 - no secret

    async def speak(words: str) -> Samples:
        with shared.work.done():
            return await shared.voices.speak(voice, words, hello.rate)

    behind, ruled = Backstage(shared.desk, scenario), RuledCaller(scenario, shared.desk.agent, understood)
    mouth, ear = CallerMouth(hello.rate, background), CallerEar(loop.time)
    line = SoundLine(hello.codec, mouth, ear)
    caller = SpeakingCaller(ruled, lambda: behind.state, speak, mouth, ear, loop.time, seed)
    line.join(caller)
    call = CallSession(
        line,
        hello,
        agent=shared.desk.agent,
        engines=shared.engines,
        settings=shared.settings,
        vad=shared.new_vad(),
        observers=(EventLog(scenario.name, behind.entries.append),),
        turn_model=shared.turns,
        tools=behind.tools(f"{scenario.name} {seed}"),
        knowledge=shared.knows,
    )
    began = loop.time()
    giving_up = loop.call_later(plan.longest, lambda: call.end("too_long"))
    reason = await call.run()
    giving_up.cancel()
    came = behind.came(line.events, reason, lines=ruled.lines, longest_silence=caller.longest_silence)
    found = spoken_shortfalls(scenario, came, caller, understood, late=plan.late)
    return HeldCall(
        tuple(found),
        came.conversation,
        round(loop.time() - began, 1),
        said=tuple(caller.said),
        voice=str(voice),
        repairs=ruled.repairs,
        sound=line.recording(),
    )


def spoken_shortfalls(
    scenario: Scenario, came: WhatCame, caller: SpeakingCaller, understood: tuple[CallerStep, ...], *, late: float
) -> list[Shortfall]:
    """What fell short of a call by sound, and where it went wrong, the values that were misheard."""
    allowed = replace(scenario.expect, silence_most=scenario.expect.silence_most + late)
    found = shortfalls(allowed, came)
    if not found:
        return caller.failures[:1] if len(caller.failures) > 1 else []
    meant: dict[str, set[str]] = {}
    for step in understood:
        for name, value in step.slots.items():
            meant.setdefault(name, set()).add(value)
    misheard = {
        (event.slot, str(event.value))
        for event in came.events
        if isinstance(event, SlotFilled) and event.slot in meant and event.value not in meant[event.slot]
    }
    found += [Shortfall("misheard", f"{slot} as {value}") for slot, value in sorted(misheard)]
    if came.reason == "too_long":
        found.append(Shortfall("too_long", "the call was given up"))
    elif came.reason not in ("caller_hung_up", scenario.expect.ends, "agent_said_goodbye"):
        found.append(Shortfall("hung_up", came.reason))
    return [*found, *caller.failures]
