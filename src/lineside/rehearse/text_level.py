"""Hold the calls of a desk at text level: the real call, its rules and ledger; typed words, scripted engines, no time.

What is proven is the agent's flow, its wording and what it does outside. How well it hears is not.
"""

import asyncio

from msgspec import Struct

from lineside.agents.knowledge.agent_knowledge import read_knowledge
from lineside.audio.vad import LoudnessVad
from lineside.call.fillers import PHRASES
from lineside.call.session import CallSession
from lineside.engines.protocols import LanguageModel
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import LinesideError
from lineside.protocol import FirstMessage
from lineside.records.event_log import EventLog
from lineside.rehearse.asked_in_words import with_question
from lineside.rehearse.caller import RehearsalCaller
from lineside.rehearse.checks import shortfalls
from lineside.rehearse.held_call import Backstage
from lineside.rehearse.reported import reported
from lineside.rehearse.results import HeldCall, ScenarioResult, Shortfall
from lineside.rehearse.ruled_caller import CallerStep, RuledCaller
from lineside.rehearse.scenario import RehearsalDesk, Scenario
from lineside.replay.jumping_loop import JumpingLoop
from lineside.settings import complete_settings

UNKNOWN = "I'm sorry, I don't know that."  # what the scripted model answers to everything


class TextCall(Struct, frozen=True):
    """A call at text level."""

    held: HeldCall
    steps: tuple[CallerStep, ...]  # what the caller said, and what the agent had understood then


def rehearse_by_text(desk: RehearsalDesk, runs: int = 1) -> list[ScenarioResult]:
    """Hold every scenario so many times; the first as it is written, the others in slightly other words and paces."""
    return [
        ScenarioResult(scenario, tuple(text_call(desk, scenario, seed).held for seed in range(runs)))
        for scenario in desk.scenarios
    ]


def text_call(desk: RehearsalDesk, scenario: Scenario, seed: int = 0) -> TextCall:
    """Hold one call, on a virtual clock of its own. No loop may run in this thread."""
    try:
        with asyncio.Runner(loop_factory=lambda: JumpingLoop(clock=lambda: 0.0)) as runner:
            return runner.run(hold_by_text(desk, scenario, seed))
    except LinesideError as fault:
        return TextCall(HeldCall((Shortfall("not_run", str(fault)),), (), 0.0), ())


async def hold_by_text(
    desk: RehearsalDesk, scenario: Scenario, seed: int = 0, llm: LanguageModel | None = None, model: str = ""
) -> TextCall:
    """Hold one call on the running loop.

    Args:
        desk: the agent and the stand-in of its back end.
        scenario: its caller.
        seed: 0 as written, others in slightly other words and paces.
        llm: the language model that answers; None: one that knows nothing.
        model: which of its models; empty: its default.
    """
    behind = Backstage(desk, scenario)
    ruled = RuledCaller(scenario, desk.agent)
    caller = RehearsalCaller(ruled, lambda: with_question(behind.state, caller.last_reply, desk.agent), seed)
    tts = CachedTTS(ScriptedTTS())
    for phrase in PHRASES:
        await tts.keep(phrase)
    names = dict.fromkeys(("stt", "llm", "tts"), "scripted")
    call = CallSession(
        caller,
        FirstMessage(codec="pcm", llm_model=model),
        agent=desk.agent,
        engines=Engines(ScriptedSTT(), llm or ScriptedLLM(answers=[UNKNOWN]), tts, names, tts),
        settings=complete_settings()(_env_file=None, turn_profile="silence"),  # type: ignore[call-arg]
        vad=LoudnessVad(),
        observers=(EventLog(scenario.name, behind.entries.append),),
        tools=behind.tools(f"{scenario.name} {seed}"),
        knowledge=await read_knowledge(desk.agent, None),
    )
    began = asyncio.get_running_loop().time()
    reason = await call.run()
    seconds = asyncio.get_running_loop().time() - began
    came = behind.came(caller.events, reason, lines=ruled.lines, longest_silence=caller.longest_silence)
    found = tuple(shortfalls(scenario.expect, came))
    held = HeldCall(found, came.conversation, round(seconds, 1))
    return TextCall(reported(held, desk.agent, scenario), tuple(caller.steps))
