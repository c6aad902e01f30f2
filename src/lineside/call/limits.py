"""When a call ends by itself, and what is said before: nobody speaks, nothing comes of it, it is too long. Pure."""

import math

from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.call.observers import Observer
from lineside.call.reply_input import AgentLine
from lineside.protocol import EndReason, ServerMessage, Transcript
from lineside.settings import Settings
from lineside.turns.dead_call import DeadCallDetector

LEAVE_FOR_OPERATOR = 8.0  # the same, where an operator waits for the end
TOLD_FIRST: tuple[EndReason, ...] = ("ended_by_operator", "drained")  # the caller hears it before the line is closed
LEAVE = 20.0  # seconds in which a goodbye must have found a moment and been heard; then the call ends without

LOOK_EVERY = 1.0  # seconds between looks at the limits of a call


class LimitRules(Struct, frozen=True):
    """How long to wait, in seconds, and what to say then; an empty line is not said."""

    idle: float  # without speech from either side; then the call ends
    silence: float  # without speech from either side; then the agent asks, and the second time says goodbye
    longest: float  # of a call
    reprompt: str = ""
    goodbye: str = ""
    judges: bool = True  # whether a call of which nothing comes is ended


def limit_rules(settings: Settings, agent: Agent, *, answers: bool, led: bool = False) -> LimitRules:
    """The limits of a call, and what is said at them: nothing where the call only transcribes.

    `led`: a program leads the call, and only its length is limited.
    """
    if led:
        return LimitRules(idle=math.inf, silence=math.inf, longest=settings.call_max_s, judges=False)
    return LimitRules(
        idle=settings.call_idle_timeout_s,
        silence=settings.caller_silence_s,
        longest=settings.call_max_s,
        reprompt=agent.reprompt if answers else "",
        goodbye=agent.goodbye if answers else "",
    )


class CallLimits(Observer):
    """The limits of one call. Told what happens and when; asked now and then what is to be done."""

    hears = (Transcript,)

    def __init__(self, rules: LimitRules, now: float) -> None:
        self._rules = rules
        self.held = False  # the caller has put the call on hold: nobody is asked whether they are there
        self._began = self._active = now  # when somebody last spoke, or was spoken to
        self._silences = 0  # times that nobody spoke for too long, since the caller last did
        self._detector = DeadCallDetector()
        self._leaving: float | None = None  # since when there is no use in going on
        self._farewell: AgentLine | None = None  # what an operator's end is told with

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        if isinstance(event, Transcript):
            self._detector.heard(event.text)
            self._silences = 0 if event.text else self._silences

    def typed(self) -> None:
        """The caller typed something or pressed keys: they are there."""
        self._silences = 0

    def answered(self, now: float, *, failed: bool) -> None:
        """A reply has been heard to its end."""
        self.activity(now)
        self._detector.answered(failed=failed)

    def activity(self, now: float) -> None:
        """Somebody speaks."""
        self._active = now

    def leave(self, farewell: AgentLine) -> bool:
        """Say this as soon as nobody speaks, then end the call. False: that is under way already."""
        begun = self._farewell is not None
        self._farewell = farewell
        return not begun

    def next(self, now: float, *, idle: bool, owed: str = "") -> AgentLine | EndReason | None:
        """What is to be done now: say this, or end the call, or nothing.

        `idle`: nobody has the floor. `owed`: what the caller must still hear of what was done for them.
        """
        if self._farewell is not None:
            return self._take_leave(self._farewell, now, LEAVE_FOR_OPERATOR, idle=idle)
        if self.held:
            self._active = now
        quiet = now - self._active
        if quiet >= self._rules.idle:
            return "idle"
        if self._rules.judges and (why := self._detector.lost) is not None:
            return self._take_leave(AgentLine(self._rules.goodbye, why), now, LEAVE, idle=idle)
        if idle and owed:
            return AgentLine(owed)
        if idle and (quiet >= self._rules.silence or self._detector.nobody):
            return self._nobody_speaks()
        return "too_long" if now - self._began >= self._rules.longest else None

    def _take_leave(self, goodbye: AgentLine, now: float, within: float, *, idle: bool) -> AgentLine | EndReason | None:
        """Say goodbye as soon as nobody speaks, and hang up when it has been heard."""
        self._leaving = now if self._leaving is None else self._leaving
        if now - self._leaving >= within or (idle and not goodbye.text):
            return goodbye.ends
        return goodbye if idle else None

    def _nobody_speaks(self) -> AgentLine | None:
        """Ask once whether they are there; the second time say goodbye, and hang up when it has been heard."""
        self._silences += 1
        self._detector.asked()
        if self._silences == 1 and self._rules.reprompt:
            return AgentLine(self._rules.reprompt)
        return AgentLine(self._rules.goodbye, "caller_silent") if self._rules.goodbye else None
