"""Calls for tests: a scripted caller, scripted engines, virtual time; and what came of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lineside.agents.agent import Agent
from lineside.agents.drafts import AgentDrafts
from lineside.agents.knowledge.agent_knowledge import Knows
from lineside.agents.versions import AgentVersions
from lineside.audio.turn_model import TurnModel, nobody_knows
from lineside.audio.vad import LoudnessVad
from lineside.call.call_tools import NO_TOOLS, CallTools
from lineside.call.fillers import PHRASES
from lineside.call.observers import Observer
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.protocol import FirstMessage, ServerMessage
from lineside.settings import Settings, complete_settings
from lineside.transports.answer_plan import AnswerPlan
from lineside.transports.call_facts import UNKNOWN, CallFacts
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.line_control import LineControl
from lineside.transports.scripted import Doing, ScriptedTransport
from lineside.turns.endpointing import Evidence
from tests.virtual_time import run

E = TypeVar("E", bound=ServerMessage)


class GivenSettings(complete_settings()):  # type: ignore[misc] # with the options of all engines
    """What a test gives, and nothing of the environment: reading that takes 10 ms, for some thousand tests."""

    @classmethod
    def settings_customise_sources(cls, *_: object, init_settings: object, **__: object) -> tuple[object]:
        return (init_settings,)


AGENT = Agent(name="Test", prompt="You answer.", greeting="")


class FixedAgentStore:
    """One agent, who can be exchanged, and is kept nowhere."""

    def __init__(self, agent: Agent = AGENT) -> None:
        self.drafts = AgentDrafts()
        self._agent = agent

    def agent(self) -> Agent:
        return self._agent

    def versions(self) -> AgentVersions:
        return AgentVersions("", ())

    def keep_draft(self, agent: Agent) -> str:
        return self.drafts.add(agent)

    async def change(self, agent: Agent, replaces: str = "") -> None:
        self._agent = agent


@dataclass
class FinishedCall:
    """A call that is over."""

    transport: ScriptedTransport
    call: CallSession
    reason: str
    stt: ScriptedSTT
    llm: ScriptedLLM
    tts: ScriptedTTS

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.transport.events if isinstance(event, kind)]

    def one(self, kind: type[E]) -> E:
        (event,) = self.all(kind)
        return event

    def longest_silence(self, since: float, until: float) -> float:
        """Seconds of the longest stretch in which the caller heard nothing, as a player without a buffer has it."""
        silence, ends = 0.0, since
        for at, payload in self.transport.sent:
            silence = max(silence, min(at, until) - ends)
            ends = max(ends, at) + len(payload) / 2 / self.transport.rate
        return max(silence, until - ends)

    @property
    def conversation(self) -> list[tuple[str, str]]:
        return [(m.role, m.content) for m in self.call._context.history.said]

    @property
    def evidence(self) -> Evidence:
        """What was known of the last pause."""
        return self.call._end_of_turn.evidence

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.transport.events]


def settings(**given: object) -> Settings:
    """Turns end by the timer, where a test says nothing else: what a scripted voice says has no evidence in it."""
    given = {"turn_profile": "silence"} | given
    return GivenSettings(**given)


def run_call(*script: Doing, **given: Any) -> FinishedCall:
    """Hold one call on virtual time; see `finished_call`."""
    return run(finished_call(*script, **given))


async def finished_call(
    *script: Doing,
    agent: Agent = AGENT,
    hello: FirstMessage | None = None,
    stt: ScriptedSTT | None = None,
    llm: ScriptedLLM | None = None,
    tts: ScriptedTTS | None = None,
    turns: TurnModel = nobody_knows,
    observers: Sequence[Observer] = (),
    operator_ends: float | None = None,
    tools: CallTools = NO_TOOLS,
    knowledge: Knows | None = None,
    control: LineControl | None = None,
    facts: CallFacts = UNKNOWN,
    plan: AnswerPlan | None = None,
    **given: Any,
) -> FinishedCall:
    """Hold one call on the running loop; `operator_ends`: after so many seconds."""
    stt, llm, tts = stt or ScriptedSTT(), llm or ScriptedLLM(), tts or ScriptedTTS()
    hello = hello or FirstMessage(codec="pcm")
    transport = ScriptedTransport(script, codec=hello.codec, rate=hello.rate)
    memory = CachedTTS(tts)
    fails, tts.fails, takes, tts.takes = tts.fails, 0, tts.takes, 0.0
    for phrase in PHRASES:
        await memory.keep(phrase)
    tts.fails, tts.takes = fails, takes
    tts.spoken.clear()
    engines = Engines(stt, llm, memory, {"stt": "scripted", "llm": "scripted", "tts": "scripted"}, memory)
    call = CallSession(
        FrameGrace(transport),
        hello,
        control=control,
        facts=facts,
        agent=agent,
        engines=engines,
        settings=settings(**given),
        vad=LoudnessVad(),
        observers=observers,
        turn_model=turns,
        tools=tools,
        knowledge=knowledge,
        plan=plan,
    )
    if operator_ends is not None:
        asyncio.get_running_loop().call_later(operator_ends, call.end, "ended_by_operator")
    return FinishedCall(transport, call, await call.run(), stt, llm, tts)
