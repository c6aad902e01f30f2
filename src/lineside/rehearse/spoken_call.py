"""A call whose caller speaks, whatever line it is held on: how the caller sounds, and what came of the call."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from lineside.engines.registry import EngineRegistry
from lineside.errors import LinesideError
from lineside.protocol import Codec, EndReason, FirstMessage, ServerMessage
from lineside.rehearse.caller_sound import CallerVoice, CallerVoices, Samples, cycled, read_background
from lineside.rehearse.checks import WhatCame, shortfalls
from lineside.rehearse.held_call import Backstage
from lineside.rehearse.reported import reported
from lineside.rehearse.results import HeldCall, ScenarioResult, Shortfall
from lineside.rehearse.ruled_caller import CallerStep, RuledCaller
from lineside.rehearse.scenario import RehearsalDesk, Scenario
from lineside.rehearse.speaking_caller import CallerEar, CallerMouth, SpeakingCaller
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

    @property
    def first(self) -> FirstMessage:
        """The first message of a call that sounds so."""
        return FirstMessage(codec=self.codec)


class CallerTry(Struct, frozen=True):
    """One try of one scenario."""

    scenario: Scenario
    understood: tuple[CallerStep, ...]  # how it goes at text level
    place: int  # of the scenario among all; with `seed` it chooses the voice
    seed: int  # 0: in the words as written

    def __str__(self) -> str:
        return f"{self.scenario.name} {self.seed}"


class SpokenCall:
    """The caller of one call, with what stands behind the agent."""

    def __init__(
        self,
        desk: RehearsalDesk,
        plan: SoundPlan,
        one: CallerTry,
        speakers: Sequence[CallerVoice],
        speak: Callable[[CallerVoice, str, int], Awaitable[Samples]],
        ear: CallerEar,
    ) -> None:
        """`speak` makes sound of a line in a voice, at a rate; `ear` is what the caller hears."""
        self._desk, self._plan, self._try, self._now = desk, plan, one, asyncio.get_running_loop().time
        self._voice, rate = cycled(speakers, one.place + one.seed), plan.first.rate
        background = read_background(plan.background, plan.under, rate) if plan.background is not None else None
        if background is not None:
            background.begin_at(random.Random(str(one)).random())  # noqa: S311 - no secret
        self.behind, self.mouth, self.ear = Backstage(desk, one.scenario), CallerMouth(rate, background), ear
        self._ruled = RuledCaller(one.scenario, desk.agent, one.understood)
        self.caller = SpeakingCaller(
            self._ruled,
            lambda: self.behind.state,
            lambda words: speak(self._voice, words, rate),
            self.mouth,
            ear,
            self._now,
            one.seed,
        )
        self._began = self._now()

    def held(self, events: Sequence[ServerMessage], reason: EndReason, sound: bytes) -> HeldCall:
        """The call is over: what came of it. `sound`: both sides."""
        ruled, caller = self._ruled, self.caller
        came = self.behind.came(events, reason, lines=ruled.lines, longest_silence=caller.longest_silence)
        found = spoken_shortfalls(self._try, came, caller, late=self._plan.late)
        held = HeldCall(
            tuple(found),
            came.conversation,
            round(self._now() - self._began, 1),
            said=tuple(caller.said),
            voice=str(self._voice),
            repairs=ruled.repairs,
            sound=sound,
        )
        return reported(held, self._desk.agent, self._try.scenario)


def spoken_shortfalls(one: CallerTry, came: WhatCame, caller: SpeakingCaller, *, late: float) -> list[Shortfall]:
    """What fell short of a call by sound, and where it went wrong, the values that were misheard."""
    expect = one.scenario.expect
    found = shortfalls(replace(expect, silence_most=expect.silence_most + late), came)
    if not found:
        return caller.failures[:1] if len(caller.failures) > 1 else []
    meant: dict[str, set[str]] = {}
    for step in one.understood:
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
    elif came.reason not in ("caller_hung_up", expect.ends, "agent_said_goodbye"):
        found.append(Shortfall("hung_up", came.reason))
    return [*found, *caller.failures]


def voices_folder(settings: Settings) -> Path:
    """Where what callers say is kept as sound."""
    return settings.data_dir / "rehearsals" / "voices"


async def hold_all(
    scenarios: Sequence[Scenario],
    understood: dict[str, tuple[CallerStep, ...]],
    hold: Callable[[CallerTry], Awaitable[HeldCall]],
    *,
    runs: int,
    at_once: int,
    on_call: OnCall,
) -> list[ScenarioResult]:
    """Hold every scenario so many times, as many at once as are allowed; each run has another voice and pace.

    Args:
        scenarios: the callers.
        understood: how each goes at text level, by name.
        hold: holds one call.
        runs: of each scenario; the first is said as it is written.
        at_once: calls at a time.
        on_call: hears of every call that is over. It may raise to end the rehearsal.
    """
    free = asyncio.Semaphore(at_once)

    async def one(place: int, scenario: Scenario, seed: int) -> HeldCall:
        async with free:
            try:
                held = await hold(CallerTry(scenario, understood[scenario.name], place, seed))
            except LinesideError as fault:
                held = HeldCall((Shortfall("not_run", str(fault)),), (), 0.0)
            on_call(scenario, held)
            return held

    async with asyncio.TaskGroup() as group:
        calls = [
            [group.create_task(one(place, scenario, seed)) for seed in range(runs)]
            for place, scenario in enumerate(scenarios)
        ]
    held = [tuple(call.result() for call in of_one) for of_one in calls]
    return [ScenarioResult(scenario, several) for scenario, several in zip(scenarios, held, strict=True)]
