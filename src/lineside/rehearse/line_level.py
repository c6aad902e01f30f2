"""Hold the calls of a desk at line level: callers call over a real line, in real time, and hear what comes back.

Engines, turn-taking, line and gateway are what callers of the agent have; the scenario's stand-in is in place of its
tools, and each call has a gateway of its own, which has no others. What is proven besides the sound level is the last
mile: signalling, packets, pace, and the times at which a caller hears an answer.
"""

import asyncio
from functools import partial

import uvloop

from lineside.agents.agent import Agent
from lineside.call.call_tools import CallTools
from lineside.errors import LinesideError
from lineside.gateway.call_runner import CallRunner, settle
from lineside.observability.metrics import GatewayMetrics
from lineside.rehearse.caller_lines import call_over, new_ear
from lineside.rehearse.caller_sound import CallerVoices
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
from lineside.rehearse.shared_by_calls import NewVoices, SharedByCalls, SoundPlan, shared_by_calls
from lineside.rehearse.spoken_call import CallerTry, OnCall, SpokenCall, hold_all
from lineside.rehearse.text_level import text_call
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts

LINES: tuple[RehearsalLine, ...] = ("sip", "browser")


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
        async with shared_by_calls(desk, settings, plan, new_voices) as shared:
            settle()
            return await hold_all(shared, understood, partial(line_call, shared, line), runs, on_call)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story())


async def line_call(shared: SharedByCalls, line: RehearsalLine, one: CallerTry) -> HeldCall:
    """Hold one call. Raises `LinesideError` where it does not come about."""
    desk, plan, settings = shared.desk, shared.plan, gateway_settings(shared.settings)
    ear = new_ear(line, plan.codec)
    spoken = SpokenCall(shared, one, shared.voices.speak, ear)
    behind, heard = spoken.behind, HeardSound(plan.codec, plan.first.rate)
    watched = WatchedCall(str(one), behind, plan.longest, ear.on_event if line == "sip" else lambda event: None)
    meters = GatewayMetrics()

    async def stand_in(call: str, facts: CallFacts, agent: Agent) -> CallTools:
        return behind.tools(str(one))

    runner = CallRunner(
        settings,
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
        async with one_call_gateway(line, settings, OneCallHost(runner, watched, meters)) as address:
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
