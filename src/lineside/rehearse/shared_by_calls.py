"""What all calls of a rehearsal by sound share, whatever line they are held on."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from lineside.agents.knowledge.agent_knowledge import KnowledgeCache
from lineside.audio.turn_model import TurnModel
from lineside.audio.vad import VoiceDetector
from lineside.engines.registry import EngineRegistry
from lineside.gateway.runtime import knowledge_cache, turn_model, vad_factory, warm_engines
from lineside.protocol import Codec, FirstMessage
from lineside.rehearse.caller_sound import CallerVoice, CallerVoices, usual_voices
from lineside.rehearse.scenario import RehearsalDesk
from lineside.settings import Settings

LATER = 2.0  # seconds that an answer to speech may take longer than one to typed words: the turn has to end first

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

    @property
    def first(self) -> FirstMessage:
        """The first message of a call that sounds so."""
        return FirstMessage(codec=self.codec)


class SharedByCalls(Struct, frozen=True):
    """The desk, how its callers sound, and what the agent hears and answers with."""

    desk: RehearsalDesk
    plan: SoundPlan
    settings: Settings
    registry: EngineRegistry
    voices: CallerVoices
    speakers: tuple[CallerVoice, ...]
    new_vad: Callable[[], VoiceDetector]
    turns: TurnModel
    knowledge: KnowledgeCache


@asynccontextmanager
async def shared_by_calls(
    desk: RehearsalDesk, settings: Settings, plan: SoundPlan, new_voices: NewVoices
) -> AsyncGenerator[SharedByCalls, None]:
    """The engines, warm, while the block runs. Raises `LinesideError` where they or the voices are not there."""
    async with (
        warm_engines(settings, desk.agent) as (reached, registry),
        turn_model(reached) as turns,
        knowledge_cache(reached, desk.agent) as knowledge,
    ):
        voices = new_voices(registry, settings.data_dir / "rehearsals" / "voices")  # what callers say is kept as sound
        speakers = plan.voices or usual_voices(registry)
        yield SharedByCalls(desk, plan, reached, registry, voices, speakers, vad_factory(reached), turns, knowledge)
