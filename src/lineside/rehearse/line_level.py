"""Hold the calls of a desk at line level: callers call over a real line, in real time, and hear what comes back.

Engines, turn-taking, line and gateway are what callers of the agent have; the scenario's stand-in is in place of its
tools, and each call has a gateway of its own, which has no others. What is proven besides the sound level is the last
mile: signalling, packets, pace, and the times at which a caller hears an answer.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

import uvloop
from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.agents.knowledge.agent_knowledge import KnowledgeCache
from lineside.audio.turn_model import TurnModel
from lineside.audio.vad import VoiceDetector
from lineside.call.call_tools import CallTools
from lineside.engines.registry import EngineRegistry
from lineside.errors import LinesideError
from lineside.gateway.call_runner import CallRunner, settle
from lineside.gateway.runtime import knowledge_cache, turn_model, vad_factory, warm_engines
from lineside.observability.metrics import GatewayMetrics
from lineside.rehearse.caller_lines import call_over, new_ear
from lineside.rehearse.caller_sound import CallerVoice, CallerVoices, usual_voices
from lineside.rehearse.heard_sound import HeardSound
from lineside.rehearse.rehearsal_gateway import (
    OneCallHost,
    RehearsalLine,
    WatchedCall,
    gateway_settings,
    one_call_gateway,
)
from lineside.rehearse.results import HeldCall, ScenarioResult
from lineside.rehearse.scenario import RehearsalDesk
from lineside.rehearse.spoken_call import (
    CallerTry,
    NewVoices,
    OnCall,
    SoundPlan,
    SpokenCall,
    hold_all,
    voices_folder,
)
from lineside.rehearse.text_level import text_call
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts

LINES: tuple[RehearsalLine, ...] = ("sip", "browser")


class SharedByGateways(Struct, frozen=True):
    """What the gateways of all calls of a rehearsal share."""

    desk: RehearsalDesk
    plan: SoundPlan
    line: RehearsalLine
    settings: Settings
    registry: EngineRegistry
    voices: CallerVoices
    speakers: tuple[CallerVoice, ...]
    new_vad: Callable[[], VoiceDetector]
    turns: TurnModel
    knowledge: KnowledgeCache


def rehearse_by_line(
    desk: RehearsalDesk,
    settings: Settings,
    plan: SoundPlan,
    line: RehearsalLine = "sip",
    runs: int = 1,
    on_call: OnCall = lambda scenario, call: None,
    new_voices: NewVoices = CallerVoices,
) -> list[ScenarioResult]:
    """Hold every scenario so many times over this line. The other arguments are those of `rehearse_by_sound`.

    Raises:
        LinesideError: the engines or the callers' voices are not there.
    """
    understood = {scenario.name: text_call(desk, scenario).steps for scenario in desk.scenarios}

    async def story() -> list[ScenarioResult]:
        async with AsyncExitStack() as stack:
            reached, registry = await stack.enter_async_context(warm_engines(settings, desk.agent))
            shared = SharedByGateways(
                desk,
                plan,
                line,
                gateway_settings(reached),
                registry,
                new_voices(registry, voices_folder(settings)),
                plan.voices or usual_voices(registry),
                vad_factory(reached),
                await stack.enter_async_context(turn_model(reached)),
                await stack.enter_async_context(knowledge_cache(reached, desk.agent)),
            )
            settle()
            return await hold_all(
                desk.scenarios,
                understood,
                partial(line_call, shared),
                runs=runs,
                at_once=plan.at_once,
                on_call=on_call,
            )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story())


async def line_call(shared: SharedByGateways, one: CallerTry) -> HeldCall:
    """Hold one call. Raises `LinesideError` where it does not come about."""
    desk, plan, line = shared.desk, shared.plan, shared.line
    ear = new_ear(line, plan.codec)
    spoken = SpokenCall(desk, plan, one, shared.speakers, shared.voices.speak, ear)
    behind, heard = spoken.behind, HeardSound(plan.codec, plan.first.rate)
    watched = WatchedCall(str(one), behind, plan.longest, ear.on_event if line == "sip" else lambda event: None)
    meters = GatewayMetrics()

    async def stand_in(call: str, facts: CallFacts, agent: Agent) -> CallTools:
        return behind.tools(str(one))

    runner = CallRunner(
        shared.settings,
        lambda: desk.agent,
        shared.registry,
        shared.new_vad,
        meters,
        shared.turns,
        knowledge=shared.knowledge,
        stand_in=stand_in,
    )
    fault: LinesideError | None = None
    try:
        async with one_call_gateway(line, shared.settings, OneCallHost(runner, watched, meters)) as address:
            try:
                await call_over(line, address, plan.codec, spoken, heard)
            except LinesideError as why:  # not through the gateway's tasks, which would make a group of it
                fault = why
    finally:
        watched.ended()
        await runner.close()
    if fault is not None:
        raise fault
    if watched.reason is None:
        raise LinesideError("the call broke off inside the gateway; its log says why")
    return spoken.held(watched.events, watched.reason, heard.recording(spoken.mouth))
