"""A call whose caller speaks, whatever line it is held on: how the caller sounds, and what came of the call."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from lineside.errors import LinesideError
from lineside.protocol import EndReason, ServerMessage
from lineside.rehearse.caller_sound import CallerVoice, Samples, cycled, read_background
from lineside.rehearse.checks import WhatCame, shortfalls
from lineside.rehearse.held_call import Backstage
from lineside.rehearse.reported import reported
from lineside.rehearse.results import HeldCall, ScenarioResult, Shortfall
from lineside.rehearse.ruled_caller import CallerStep, RuledCaller
from lineside.rehearse.scenario import Scenario
from lineside.rehearse.shared_by_calls import SharedByCalls
from lineside.rehearse.speaking_caller import CallerEar, CallerMouth, SpeakingCaller
from lineside.task_events import SlotFilled

OnCall = Callable[[Scenario, HeldCall], None]


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
        shared: SharedByCalls,
        one: CallerTry,
        speak: Callable[[CallerVoice, str, int], Awaitable[Samples]],
        ear: CallerEar,
    ) -> None:
        """`speak` makes sound of a line in a voice, at a rate; `ear` is what the caller hears."""
        desk, plan = shared.desk, shared.plan
        self._desk, self._plan, self._try, self._now = desk, plan, one, asyncio.get_running_loop().time
        self._voice, rate = cycled(shared.speakers, one.place + one.seed), plan.first.rate
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


async def hold_all(
    shared: SharedByCalls,
    understood: dict[str, tuple[CallerStep, ...]],
    hold: Callable[[CallerTry], Awaitable[HeldCall]],
    runs: int,
    on_call: OnCall,
) -> list[ScenarioResult]:
    """Hold every scenario so many times, as many at once as are allowed; each run has another voice and pace.

    Args:
        shared: the callers, and how they sound.
        understood: how each goes at text level, by name.
        hold: holds one call.
        runs: of each scenario; the first is said as it is written.
        on_call: hears of every call that is over. It may raise to end the rehearsal.
    """
    free, scenarios = asyncio.Semaphore(shared.plan.at_once), shared.desk.scenarios

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
