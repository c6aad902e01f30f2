"""Hold the calls of a desk at sound level: callers speak, and the real recogniser, turn-taking and voice answer them.

The clock leaves out waiting, so a call takes the time that its engines work. Callers know what the agent asks for from
the call itself, and whether it speaks from its events; what they say is sound.
"""

import asyncio
import logging
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.knowledge.agent_knowledge import Knows
from lineside.audio.turn_model import TurnModel
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.records.event_log import EventLog
from lineside.rehearse.caller_sound import CallerVoice, CallerVoices, Samples
from lineside.rehearse.results import HeldCall, ScenarioResult
from lineside.rehearse.scenario import RehearsalDesk
from lineside.rehearse.shared_by_calls import NewVoices, SharedByCalls, SoundPlan, shared_by_calls
from lineside.rehearse.sound_line import SoundLine
from lineside.rehearse.speaking_caller import CallerEar
from lineside.rehearse.spoken_call import CallerTry, OnCall, SpokenCall, hold_all
from lineside.rehearse.text_level import text_call
from lineside.replay.jumping_loop import JumpingLoop, WorkInProgress
from lineside.replay.timed_engines import TimedKnowledge, TimedSTT, TimedTTS, timed_llm, timed_turn_model
from lineside.settings import Settings


class TimedEngines(Struct, frozen=True):
    """What answers the callers, with the time that it works."""

    engines: Engines
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
            async with shared_by_calls(desk, settings, plan, new_voices) as shared:
                hold = partial(sound_call, shared, await _timed(shared, work))
                with work.paused():
                    return await hold_all(shared, understood, hold, runs, on_call)

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(work)) as runner:
        return runner.run(story())


async def _timed(shared: SharedByCalls, work: WorkInProgress) -> TimedEngines:
    chosen = shared.registry.choose()
    engines = replace(
        chosen, stt=TimedSTT(chosen.stt, work), llm=timed_llm(chosen.llm, work), tts=TimedTTS(chosen.tts, work)
    )
    knows = TimedKnowledge(await shared.knowledge.of(shared.desk.agent), work)
    return TimedEngines(engines, timed_turn_model(shared.turns, work), knows, work)


async def sound_call(shared: SharedByCalls, timed: TimedEngines, one: CallerTry) -> HeldCall:
    """Hold one call."""
    loop, plan = asyncio.get_running_loop(), shared.plan

    async def speak(voice: CallerVoice, words: str, rate: int) -> Samples:
        with timed.work.done():
            return await shared.voices.speak(voice, words, rate)

    spoken = SpokenCall(shared, one, speak, CallerEar(loop.time))
    line, behind = SoundLine(plan.codec, spoken), spoken.behind
    call = CallSession(
        line,
        plan.first,
        agent=shared.desk.agent,
        engines=timed.engines,
        settings=shared.settings,
        vad=shared.new_vad(),
        observers=(EventLog(one.scenario.name, behind.entries.append),),
        turn_model=timed.turns,
        tools=behind.tools(str(one)),
        knowledge=timed.knows,
    )
    giving_up = loop.call_later(plan.longest, lambda: call.end("too_long"))
    reason = await call.run()
    giving_up.cancel()
    return spoken.held(line.events, reason, line.recording())
