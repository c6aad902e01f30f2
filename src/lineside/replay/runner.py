"""Hold a kept call again: the same caller's sound, these engines and settings."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from msgspec import Struct
from msgspec.structs import asdict, replace

from lineside.agents.agent import Agent, AgentBook
from lineside.call.session import Call
from lineside.call.turn_model import TurnJudge
from lineside.engines.registry import Engines
from lineside.gateway.startup import reachable, turn_model, voices
from lineside.protocol import Codec, Hello, Mode
from lineside.records.entries import Entry, KeptTurn, Replied, WholeCall
from lineside.records.event_log import Scribe
from lineside.replay.source import Kept, take_down
from lineside.replay.transport import KeptLine
from lineside.replay.virtual_clock import Ears, HurriedLoop, Voice, Work, judge, mind
from lineside.settings import Settings
from lineside.turns.speech_segmenter import VoiceDetector

GREETED_BY = 3.0  # seconds into a call: what an agent said unasked before then was its greeting


class Again(Struct, frozen=True):
    """What came of it."""

    turns: tuple[KeptTurn, ...]
    engines: dict[str, str]
    seconds: float  # of the caller's sound
    took: float  # seconds it took


def replay(settings: Settings, call: str) -> tuple[WholeCall, Again]:
    """Hold the call of that id again with these settings. Raises `LinesideError`."""
    work = Work()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every espeak that was closed before its end

    async def story() -> tuple[WholeCall, Again]:
        with work.done():  # what is started takes its time
            kept = await take_down(settings, call)
            agent = AgentBook(settings.agent_file, settings.data_dir).read()
            async with reachable(settings, agent) as (reached, registry), turn_model(reached) as turns:
                with work.paused():
                    again = await hold_again(kept, reached, agent, registry.choose(), voices(reached), turns, work)
                return kept.whole, again

    with asyncio.Runner(loop_factory=lambda: HurriedLoop(work)) as runner:
        return runner.run(story())


async def hold_again(
    kept: Kept,
    settings: Settings,
    agent: Agent,
    engines: Engines,
    new_voice: Callable[[], VoiceDetector],
    turns: TurnJudge,
    work: Work,
) -> Again:
    """Hold it on the running loop, whose time is real while there is `work`."""
    about, entries, began = kept.whole.call, list[Entry](), time.monotonic()
    line = KeptLine(kept.recording, cast(Codec, about.codec), about.rate)
    scribe = Scribe(about.id, entries.append)
    call = Call(
        line,
        Hello(codec=line.codec, sample_rate=line.rate, mode=cast(Mode, about.mode), greeting=_greeting(kept.whole)),
        agent=agent,
        engines=replace(
            engines, stt=Ears(engines.stt, work), llm=mind(engines.llm, work), tts=Voice(engines.tts, work)
        ),
        settings=settings,
        voice=new_voice(),
        notice=scribe.notice,
        turns=judge(turns, work),
    )
    await call.hold()
    scribe.over()
    replies = {entry.reply: entry for entry in entries if isinstance(entry, Replied)}  # the last word on each
    told = tuple(_turn(reply) for _, reply in sorted(replies.items()))
    return Again(told, engines.names, round(line.seconds, 3), round(time.monotonic() - began, 3))


def _greeting(whole: WholeCall) -> str:
    """What the agent said first, unasked; nothing, if it waited for the caller."""
    first = next(iter(whole.turns), None)
    greeted = first is not None and first.turn == 0 and first.audio_at is not None and first.audio_at < GREETED_BY
    return first.said if first is not None and greeted else ""


def _turn(reply: Replied) -> KeptTurn:
    told = asdict(reply)
    del told["call"]
    return KeptTurn(**told)
