"""Hold a kept call again: the same caller's sound, these engines and settings."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from msgspec import Struct
from msgspec.structs import asdict, replace

from lineside.agents.agent import Agent
from lineside.agents.knowledge.agent_knowledge import Knows
from lineside.audio.turn_model import TurnModel
from lineside.audio.vad import VoiceDetector
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.gateway.agent_store import AgentFile
from lineside.gateway.runtime import knowledge_cache, turn_model, vad_factory, warm_engines
from lineside.protocol import Codec, FirstMessage, Mode
from lineside.records.entries import Entry, KeptTurn, ReplyKept, WholeCall
from lineside.records.event_log import EventLog
from lineside.replay.jumping_loop import JumpingLoop, WorkInProgress
from lineside.replay.source import ReplayableCall, load_call
from lineside.replay.timed_engines import TimedKnowledge, TimedSTT, TimedTTS, timed_llm, timed_turn_model
from lineside.replay.transport import ReplayTransport
from lineside.settings import Settings

GREETED_BY = 3.0  # seconds into a call: what an agent said unasked before then was its greeting


class ReplayResult(Struct, frozen=True):
    """What came of it."""

    turns: tuple[KeptTurn, ...]
    seconds: float  # of the caller's sound
    took: float  # seconds it took


def replay(settings: Settings, call: str) -> tuple[WholeCall, ReplayResult]:
    """Hold the call of that id again with these settings. Raises `LinesideError`."""
    work = WorkInProgress()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every espeak that was closed before its end

    async def story() -> tuple[WholeCall, ReplayResult]:
        with work.done():  # what is started takes its time
            recorded = await load_call(settings, call)
            agent = AgentFile(settings.agent_file, settings.data_dir).read()
            async with (
                warm_engines(settings, agent) as (reached, registry),
                turn_model(reached) as turns,
                knowledge_cache(reached, agent) as knowledge,
            ):
                knows = await knowledge.of(agent)
                with work.paused():
                    result = await replay_call(
                        recorded, reached, agent, registry.choose(), vad_factory(reached), turns, work, knows
                    )
                return recorded.whole, result

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(work)) as runner:
        return runner.run(story())


async def replay_call(
    recorded: ReplayableCall,
    settings: Settings,
    agent: Agent,
    engines: Engines,
    new_vad: Callable[[], VoiceDetector],
    turns: TurnModel,
    work: WorkInProgress,
    knows: Knows | None = None,
) -> ReplayResult:
    """Hold it on the running loop, whose time is real while there is `work`."""
    about, entries, began = recorded.whole.call, list[Entry](), time.monotonic()
    transport = ReplayTransport(recorded.recording, cast(Codec, about.codec), about.rate)
    events = EventLog(about.id, entries.append)
    call = CallSession(
        transport,
        FirstMessage(
            codec=transport.codec,
            sample_rate=transport.rate,
            mode=cast(Mode, about.mode),
            greeting=_greeting(recorded.whole),
        ),
        agent=agent,
        engines=replace(
            engines, stt=TimedSTT(engines.stt, work), llm=timed_llm(engines.llm, work), tts=TimedTTS(engines.tts, work)
        ),
        settings=settings,
        vad=new_vad(),
        observers=(events,),
        turn_model=timed_turn_model(turns, work),
        knowledge=None if knows is None else TimedKnowledge(knows, work),
    )
    await call.run()
    replies = {entry.reply: entry for entry in entries if isinstance(entry, ReplyKept)}  # the last word on each
    turns_now = tuple(_turn(reply) for _, reply in sorted(replies.items()))
    return ReplayResult(turns_now, round(transport.seconds, 3), round(time.monotonic() - began, 3))


def _greeting(whole: WholeCall) -> str:
    """What the agent said first, unasked; nothing, if it waited for the caller."""
    first = next(iter(whole.turns), None)
    greeted = first is not None and first.turn == 0 and first.audio_at is not None and first.audio_at < GREETED_BY
    return first.said if first is not None and greeted else ""


def _turn(reply: ReplyKept) -> KeptTurn:
    fields = asdict(reply)
    del fields["call"]
    return KeptTurn(**fields)
