"""Whose turn it is: a pure state machine, fed with what happened and when, answering with what to do.

It knows no clock: time comes inside the events, counted in the caller's samples. Its promise: every turn that begins is
answered by exactly one `Speak`, and nothing prepared for it sounds before that.
"""

from msgspec import Struct

from lineside.turns.floor_events import (
    AgentPrompt,
    CheckInterruption,
    Decision,
    DismissInterruption,
    DropPrepared,
    EndpointWait,
    FloorEvent,
    ForgetTurn,
    GiveWay,
    InterruptionChecked,
    Listen,
    Pause,
    PauseReply,
    Prepare,
    ReplyOver,
    ResponseWanted,
    Resume,
    Silence,
    SoundCleared,
    SoundCommitted,
    SoundDismissed,
    SoundStarted,
    Speak,
    SpeechLong,
    TurnFull,
    TypedTurn,
    VoiceActivity,
    WriteDown,
)


class FloorRules(Struct, frozen=True):
    """How long to wait. Seconds of the caller's audio."""

    timeout: float = 1.0  # the longest silence inside a turn, if nothing more is known of the pause (`EndpointWait`)
    short_pause: float = 0.15  # after this, prepare; shorter ones waste more than they win
    speculate: bool = True
    judge_after: float = 0.16  # silence after which a short sound over the agent's is judged …
    hold_unknown: float = 0.32  # … and for so much longer the agent holds its sound while nobody knows
    attempts: int = 4  # preparations for one turn; beyond that the end of turn is waited for
    answers: bool = True  # False: a spoken turn is written down, and waits for `ResponseWanted`
    protected: bool = False  # every reply is said to its end; what the caller says meanwhile is a turn after it


class Floor:
    """The floor of one call."""

    def __init__(self, rules: FloorRules) -> None:
        self.rules = rules  # may be exchanged between two events
        self._turns = 0  # begun so far; the greeting is turn 0
        self._listening: int | None = None  # the caller's open turn
        self._answering: int | None = None  # the turn whose reply has the floor
        self._prepared = False
        self._pondered = False  # somebody finds out about this pause
        self._wait: float | None = None  # seconds of silence that end this pause's turn, as far as is known
        self._attempts = 0
        self._reply_paused = False  # the reply's sound is held
        self._protected = False  # the reply is said to its end
        self._perhaps: float | None = None  # when a sound began that may be an interruption
        self._judges = 0  # asked so far; the answer to the last one counts
        self._judging: CheckInterruption | None = None
        self._long = 0  # times that the sound was told to be long

    def feed(self, event: FloorEvent) -> Decision | None:
        """One thing happened; what is to be done?"""
        match event:
            case SoundStarted():
                return self._pause_reply()
            case SoundDismissed():
                return self._resume() if self._perhaps is None else None
            case VoiceActivity(began=began):
                return self._voice(began)
            case SpeechLong():
                return self._went_on()
            case InterruptionChecked(number=number, real=real):
                return self._judged(self._judging, real) if self._judging and number == self._judging.number else None
            case EndpointWait(seconds=seconds):
                self._wait = seconds if self._pondered else None
                return None
            case Silence(at=at, since=since):
                return self._quiet(at, since)
            case TurnFull(at=at, since=since):
                return self._speak(self._listening, since, at)
            case TypedTurn(at=at) | ResponseWanted(at=at):
                self._turns += 1
                # A spoken turn still open is prepared anew when its time comes.
                self._prepared, self._pondered, self._wait = False, False, None
                self._answering, self._reply_paused, self._protected = self._turns, False, self.rules.protected
                return Speak(self._turns, at, at)
            case SoundCommitted() | SoundCleared():
                return self._by_hand(event)
            case AgentPrompt():
                return self._unasked(event)
            case ReplyOver(turn=turn):  # pragma: no branch - the last of all events
                return self._over() if self._answering == turn else None

    @property
    def idle(self) -> bool:
        """Whether nobody has the floor."""
        return self._listening is None and self._answering is None and self._perhaps is None

    def _unasked(self, prompt: AgentPrompt) -> Decision | None:
        if self._listening is not None or self._perhaps is not None:
            return None  # the caller is speaking: what they say comes first
        self._answering, self._reply_paused, self._protected = self._turns, False, prompt.protected
        return Speak(self._turns, prompt.at, prompt.at)

    def _pause_reply(self) -> Decision | None:
        if self._protected or self._answering is None or self._listening is not None or self._reply_paused:
            return None
        self._reply_paused = True
        return PauseReply(self._answering)

    def _resume(self) -> Decision | None:
        if not self._reply_paused or self._answering is None:
            return None
        self._reply_paused = False
        return Resume(self._answering)

    def _voice(self, began: float) -> Decision | None:
        if self._listening is None:
            if self._answering is None:
                return self._listen(began)
            if self._judging is not None:  # they go on, so that it is about a part of what they say
                self._judging = CheckInterruption(self._judging.number, over=False)
            if self._perhaps is None:
                self._perhaps, self._long = began, 0
            return self._pause_reply()
        if (
            self._answering is not None and not self._protected
        ):  # something was typed while they spoke, and they go on over its answer
            self._answering = None
            return GiveWay(self._listening, began)
        self._pondered, self._wait = False, None
        if self._prepared:
            self._prepared = False
            return DropPrepared(self._listening)
        return None

    def _listen(self, began: float) -> Decision:
        self._turns += 1
        self._listening, self._attempts, self._perhaps, self._judging = self._turns, 0, None, None
        self._pondered, self._wait = False, None
        return Listen(self._turns, began)

    def _give_way(self) -> Decision:
        began = self._perhaps or 0.0
        self._answering, self._reply_paused = None, False
        self._listen(began)
        return GiveWay(self._turns, began)

    def _went_on(self) -> Decision | None:
        """The sound over the agent's is long: have it judged as far as it is; twice as long, it needs no judge."""
        if self._perhaps is None or self._protected:
            return None
        self._long += 1
        return self._judge(over=False) if self._long == 1 else self._give_way()

    def _judge(self, *, over: bool) -> CheckInterruption:
        self._judges += 1
        self._judging = CheckInterruption(self._judges, over)
        return self._judging

    def _judged(self, asked: CheckInterruption, real: bool) -> Decision | None:
        self._judging = None
        if self._perhaps is None or self._answering is None:  # for mypy: what is judged is a sound over an answer
            return None  # pragma: no cover
        if real:
            return self._give_way()
        if not asked.over:
            return None  # they go on, and the sound stays held
        self._perhaps, self._reply_paused = None, False
        return DismissInterruption(self._answering)

    def _over(self) -> Decision | None:
        self._answering, self._reply_paused, self._protected = None, False, False
        return self._listen(self._perhaps) if self._perhaps is not None else None

    def _quiet(self, at: float, since: float) -> Decision | None:
        silence = at - since
        if self._perhaps is not None:
            return self._wonder(silence)
        if self._listening is None:
            return None
        if silence >= (self.rules.timeout if self._wait is None else self._wait):
            return self._speak(self._listening, since, at)
        if silence < self.rules.short_pause or self._pondered:
            return None
        self._pondered = True
        if (
            not (self.rules.speculate and self.rules.answers)
            or self._attempts >= self.rules.attempts
            or self._answering is not None
        ):
            return Pause(self._listening)
        self._prepared = True
        self._attempts += 1
        return Prepare(self._listening)

    def _wonder(self, silence: float) -> Decision | None:
        """A short sound over the agent's is over: have it judged, and do not hold the sound for long meanwhile."""
        if self._protected:
            return None  # it is a turn when the agent has finished
        if silence >= self.rules.judge_after and self._judging is None:
            return self._judge(over=True)  # a part of it may claim the floor as well: one question at a time
        return self._resume() if silence >= self.rules.judge_after + self.rules.hold_unknown else None

    def _speak(self, turn: int | None, ended: float, at: float) -> Decision | None:
        if turn is None:
            return None
        self._listening, self._prepared = None, False
        self._pondered, self._wait = False, None
        if not self.rules.answers:
            return WriteDown(turn, ended, at)
        self._answering, self._protected = turn, self.rules.protected
        return Speak(turn, ended, at)

    def _by_hand(self, event: SoundCommitted | SoundCleared) -> Decision | None:
        """A program ends or drops the open turn, or brings a whole one, which has nothing to do with an open one."""
        if isinstance(event, SoundCommitted) and event.said is not None:
            self._turns += 1
            return WriteDown(self._turns, event.at, event.at)
        if (turn := self._listening) is None:
            return None
        self._listening, self._prepared = None, False
        self._pondered, self._wait = False, None
        return WriteDown(turn, event.at, event.at) if isinstance(event, SoundCommitted) else ForgetTurn(turn)
