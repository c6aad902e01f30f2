"""Whose turn it is: a pure state machine, fed with what happened and when, answering with what to do.

It knows no clock: time comes inside the events, counted in the caller's samples. Its promise: every turn that begins is
answered by exactly one `Speak`, and nothing prepared for it sounds before that.
"""

from msgspec import Struct

# ── what happens ───────────────────────────────────────────────────────────────────────────────────────────────────


class Voice(Struct, frozen=True):
    """The caller speaks: enough of it to begin a turn, or on again after a pause inside one."""

    at: float
    began: float  # the first voiced sample of it


class Quiet(Struct, frozen=True):
    """The caller's turn is open and they are silent."""

    at: float
    since: float  # their last voiced sample


class Full(Struct, frozen=True):
    """The caller has spoken for as long as one turn may last."""

    at: float
    since: float


class Typed(Struct, frozen=True):
    """A whole turn came at once: typed words or keys."""

    at: float


class Unasked(Struct, frozen=True):
    """The agent has something to say that nobody asked for now: the greeting, the rest of a broken-off reply."""

    at: float


class ReplyOver(Struct, frozen=True):
    """The reply of this turn has been heard to its end, or there was nothing to say."""

    at: float
    turn: int


FloorEvent = Voice | Quiet | Full | Typed | Unasked | ReplyOver

# ── what to do ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Listen(Struct, frozen=True):
    """A turn of the caller's begins."""

    turn: int
    at: float


class GiveWay(Struct, frozen=True):
    """The caller talks over the agent: stop its sound now; a turn of the caller's begins."""

    turn: int
    at: float


class Prepare(Struct, frozen=True):
    """A likely end of turn: prepare the reply, silently."""

    turn: int


class Drop(Struct, frozen=True):
    """The caller goes on: the prepared reply was for nothing."""

    turn: int


class Speak(Struct, frozen=True):
    """The floor is ours: speak, from what is prepared if anything is."""

    turn: int
    ended: float  # the caller's last voiced sample
    at: float  # when it was decided


Decision = Listen | GiveWay | Prepare | Drop | Speak


class FloorRules(Struct, frozen=True):
    """How long to wait. Seconds of the caller's audio."""

    timeout: float = 1.0  # the longest silence inside a turn
    short_pause: float = 0.2  # after this, prepare; shorter ones waste more than they win (0.15 won nothing measurable)
    speculate: bool = True
    attempts: int = 4  # preparations for one turn; beyond that the end of turn is waited for


class Floor:
    """The floor of one call."""

    def __init__(self, rules: FloorRules) -> None:
        self._rules = rules
        self._turns = 0  # begun so far; the greeting is turn 0
        self._listening: int | None = None  # the caller's open turn
        self._answering: int | None = None  # the turn whose reply has the floor
        self._prepared = False
        self._attempts = 0

    def feed(self, event: FloorEvent) -> Decision | None:
        """One thing happened; what is to be done?"""
        match event:
            case Voice(began=began):
                return self._voice(began)
            case Quiet(at=at, since=since):
                return self._quiet(at, since)
            case Full(at=at, since=since):
                return self._speak(self._listening, since, at)
            case Typed(at=at):
                self._turns += 1
                self._prepared = False  # a spoken turn still open is prepared anew when its time comes
                self._answering = self._turns
                return Speak(self._turns, at, at)
            case Unasked(at=at):
                if self._listening is not None:
                    return None  # the caller is speaking: what they say comes first
                self._answering = self._turns
                return Speak(self._turns, at, at)
            case ReplyOver(turn=turn):
                if self._answering == turn:
                    self._answering = None
                return None

    def _voice(self, began: float) -> Decision | None:
        if self._listening is None:
            self._turns += 1
            self._listening, self._attempts = self._turns, 0
            if self._answering is None:
                return Listen(self._turns, began)
            self._answering = None
            return GiveWay(self._turns, began)
        if self._answering is not None:  # something was typed while they spoke, and they go on over its answer
            self._answering = None
            return GiveWay(self._listening, began)
        if self._prepared:
            self._prepared = False
            return Drop(self._listening)
        return None

    def _quiet(self, at: float, since: float) -> Decision | None:
        if self._listening is None:
            return None
        silence = at - since
        if silence >= self._rules.timeout:
            return self._speak(self._listening, since, at)
        early = self._rules.speculate and self._attempts < self._rules.attempts and self._answering is None
        if early and not self._prepared and silence >= self._rules.short_pause:
            self._prepared = True
            self._attempts += 1
            return Prepare(self._listening)
        return None

    def _speak(self, turn: int | None, ended: float, at: float) -> Decision | None:
        if turn is None:
            return None
        self._listening, self._prepared = None, False
        self._answering = turn
        return Speak(turn, ended, at)
