"""What a simulated caller says, and when. Pure; times are seconds on the caller's clock."""

from collections.abc import Sequence
from random import Random

from lineside.loadtest.plan import Plan, TurnResult
from lineside.loadtest.recordings import Recording

BETWEEN = (0.3, 1.0)  # seconds a caller thinks before speaking
INTERRUPTS = (0.3, 1.5)  # seconds into an answer at which it is talked over


class CallerHabits:
    """What one caller decides by the dice, within the plan."""

    def __init__(self, plan: Plan, recordings: Sequence[Recording], dice: Random, joined: float) -> None:
        self._plan, self._recordings, self._dice, self._joined = plan, recordings, dice, joined
        # The first turns of all callers are spread over one interval, as they would be after a while.
        self._began = joined - (dice.uniform(0.0, plan.turn_every) if plan.turn_every else 0.0)  # the turn before

    def speaks_at(self, at: float) -> float:
        """When the next turn begins: after a pause from now, and `turn_every` after the turn before."""
        return max(at + self._dice.uniform(*BETWEEN), self._began + self._plan.turn_every)

    def begins(self, at: float) -> None:
        """A turn begins now."""
        self._began = at

    def speech(self) -> "CallerSpeech":
        """What is said next."""
        return CallerSpeech(self._dice.choice(self._recordings))

    def interrupts_at(self, at: float) -> float | None:
        """When the answer that begins now is talked over; None: it is heard to its end."""
        if self._dice.random() < self._plan.barge_in_rate and not self.time_is_over(at):
            return at + self._dice.uniform(*INTERRUPTS)
        return None

    def time_is_over(self, at: float) -> bool:
        """No further turn is begun."""
        length = self._plan.call_length
        return at >= self._plan.began + self._plan.duration or (length > 0 and at >= self._joined + length)


class CallerSpeech:
    """One recording, said frame by frame."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._next = 0  # frame
        self.void = False  # it was taken for a mm-hm: no answer to it will come
        self.answered_at: float | None = None  # an answer began before the caller had finished

    @property
    def name(self) -> str:
        """Of the recording."""
        return self._recording.name

    @property
    def is_over(self) -> bool:
        """All of it has been said."""
        return self._next == len(self._recording.frames)

    def frame(self) -> bytes:
        """The next twenty milliseconds."""
        self._next += 1
        return self._recording.frames[self._next - 1]


class Interruption:
    """Whether an answer is to be talked over, or is being."""

    def __init__(self) -> None:
        self._due: float | None = None  # when it is to be
        self._began: float | None = None  # while the old answer has not been cleared
        self._turn: TurnResult | None = None  # the turn whose answer is being talked over

    @property
    def waits_for_clear(self) -> bool:
        """What sounds is still the answer that was talked over."""
        return self._began is not None

    def plan(self, due: float | None) -> None:
        """The answer under way is talked over then, or not at all."""
        self._due = due

    def is_due(self, at: float) -> bool:
        """The answer under way is talked over now."""
        return self._due is not None and at >= self._due

    def begin(self, turn: TurnResult, at: float) -> None:
        """The caller talks over the answer of this turn."""
        self._began, self._due, self._turn = at, None, turn

    def cleared(self, at: float) -> None:
        """The answer stopped; the turn's score says how long that took."""
        if self._began is not None and self._turn is not None:
            self._turn.overlap_ms = round((at - self._began) * 1000, 2)
            self._began = None

    def resumed(self) -> TurnResult | None:
        """The answer goes on; the turn that was talked over, if one was."""
        turn, self._turn = self._turn, None
        return turn

    def ended(self) -> None:
        """The answer ended by itself before it could be cleared."""
        self._began = self._turn = None
