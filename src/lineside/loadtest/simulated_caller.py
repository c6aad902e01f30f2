"""One caller: when to speak, what to make of what is heard, and the score. Pure: time is handed in, nothing waits.

A turn goes: a pause, a recording, silence until the answer begins, the answer to its end. Or not to its end: some
answers are talked over, with the next recording. Where the agent greets, that is heard out first. All times are seconds
on one clock.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

from lineside.loadtest.answer_playback import AnswerPlayback, CallerLine
from lineside.loadtest.caller_speech import CallerHabits, Interruption
from lineside.loadtest.plan import Plan, TurnResult
from lineside.loadtest.recordings import Recording
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    BargeIn,
    Clear,
    Ended,
    Error,
    FalseInterruption,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Transcript,
)

ANSWER_WITHIN = 10.0  # seconds for an answer to begin, or to go on; then the caller gives it up
GREETED_WITHIN = 30.0  # seconds for a greeting to end; then it is talked over
GREETS_WITHIN = 3.0  # seconds for a greeting to begin; then there is none
CLIPPED = 0.02  # seconds, one frame: less sound than that missing at an end is rounding

Doing = Literal["pausing", "speaking", "waiting", "listening"]


class SimulatedCaller:
    """The caller of one call."""

    def __init__(
        self,
        call: str,
        plan: Plan,
        recordings: Sequence[Recording],
        dice: Random,
        *,
        at: float,
        keep: bool = False,  # the sound of whole answers
        on_first_sound: Callable[[float], object] = lambda first_ms: None,
    ) -> None:
        self._call, self._plan, self._on_first_sound = call, plan, on_first_sound
        self._habits = CallerHabits(plan, recordings, dice, joined=at)
        self._line = CallerLine.of(plan.codec, plan.rate, keep=keep)
        self._doing: Doing = "pausing"
        self._speaks_at = self._habits.speaks_at(at) + (GREETS_WITHIN if plan.greeting else 0.0)
        self._speech = self._habits.speech()
        self._asked = 0.0
        self._interruption = Interruption()
        self._answer: AnswerPlayback | None = None  # what sounds now
        self.turns: list[TurnResult] = []
        self.kept_answers: list[tuple[str, bytes]] = []  # whole answers: the words that were meant, the sound
        self.reason = ""  # why the server ended the call

    def is_done(self, at: float) -> bool:
        """Whether it hangs up now: its time is over and no turn is under way."""
        return self._doing == "pausing" and self._habits.time_is_over(at)

    @property
    def interrupting(self) -> bool:
        """Whether it talks over an answer that has not stopped yet."""
        return self._interruption.waits_for_clear

    @property
    def _greeted(self) -> bool:
        """Whether what sounds is the greeting."""
        return self._plan.greeting and self._doing == "pausing" and not self.turns

    # ── speaking ───────────────────────────────────────────────────────────────────────────────────────────────────

    def frame(self, at: float) -> bytes:
        """The twenty milliseconds that end now."""
        match self._doing:
            case "pausing" if at >= self._speaks_at and not self.is_done(at):
                self._begin(at)
            case "waiting" if at - self._asked > ANSWER_WITHIN:
                self._give_up(at)
            case "listening":
                if self._interruption.is_due(at):
                    self._barge_in(at)
                elif at > self._last_sound() + ANSWER_WITHIN:
                    self._give_up(at)
            case _:
                pass
        if self._doing != "speaking":
            return self._line.silence
        frame = self._speech.frame()
        if self._speech.is_over:
            self._ask(at)
        return frame

    def _begin(self, at: float) -> None:
        self._habits.begins(at)
        self._doing, self._speech = "speaking", self._habits.speech()

    def _barge_in(self, at: float) -> None:
        turn = self.turns[-1]
        turn.barged = True
        self._settle(turn)
        self._interruption.begin(turn, at)
        self._begin(at)

    def _ask(self, at: float) -> None:
        """The last sample of speech."""
        self._asked = at
        if self._speech.void:
            self._doing = "listening"
            return
        turn = TurnResult(self._call, self._speech.name, round(at - self._plan.began, 3))
        self.turns.append(turn)
        self._doing = "waiting"
        if self._speech.answered_at is not None and self._answer is not None:
            turn.talked_over = True
            self._answered(self._answer, self._speech.answered_at)

    # ── listening ──────────────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, payload: bytes, at: float) -> None:
        """Sound came, in the line's codec."""
        if self._answer is None:  # of an answer that has been cleared, or is over: a caller should not hear it
            if self.turns:
                self.turns[-1].stale_ms += len(payload) / self._line.bytes_per_second * 1000
            return
        first = self._answer.hear(payload, at)
        if first and self._doing == "waiting":
            self._answered(self._answer, at)
        elif first and self._doing == "speaking" and not self._interruption.waits_for_clear:
            self._speech.answered_at = at

    def _answered(self, answer: AnswerPlayback, at: float) -> None:
        turn = self.turns[-1]
        if turn.first_ms is None:  # the rest of an answer that broke off belongs to the same turn
            turn.first_ms = round(max(0.0, at - self._asked) * 1000, 2)
            turn.reply = answer.reply
            self._on_first_sound(turn.first_ms)
            if (due := self._habits.interrupts_at(at)) is not None:
                self._interruption.plan(due)
        self._doing = "listening"

    def on_event(self, event: ServerMessage, at: float) -> None:
        """The server said what happened."""
        match event:
            case AudioStarted(reply=reply):
                self._answer = AnswerPlayback(reply, self._line)
                if self._greeted:
                    self._speaks_at = at + GREETED_WITHIN
            case BargeIn():
                self._cut_off(at)
            case Clear():
                self._cleared(at)
            case FalseInterruption():
                self._resumed()
            case AudioDone():
                self._reply_ended(at)
            case ReplyMetrics():
                self._times(event)
            case Transcript(text=text) if self.turns:
                self.turns[-1].transcript = f"{self.turns[-1].transcript} {text}".strip()
            case ReplyText(text=text) if self.turns:
                self.turns[-1].answer = text
            case Error(code=code) if self.turns:
                self.turns[-1].errors.append(code)
            case Ended(reason=reason):
                self.reason = reason
            case _:
                return

    def gone(self, at: float) -> None:
        """The line is no more: a turn under way was not answered to its end."""
        if self._doing in ("waiting", "listening"):
            turn = self.turns[-1]
            turn.clipped_ms += self._answer.unplayed_ms(at) if self._answer else 0.0
            turn.missing = True
            self._settle(turn)

    def _cleared(self, at: float) -> None:
        """The sound stops: for good if a `barge_in` follows, otherwise until the server knows what was said over it."""
        self._interruption.cleared(at)
        if self._answer is not None:
            self._answer.take_back(at)

    def _cut_off(self, at: float) -> None:
        """The answer will not go on."""
        if (answer := self._answer) is None:
            return
        if self._doing == "listening":  # cut off, and we had said nothing
            turn = self.turns[-1]
            turn.clipped_ms += answer.lost_ms
            answer.score(turn)
            self._doing, self._asked = "waiting", at  # for the rest of it, which comes as a new answer
        self._answer = self._speech.answered_at = None

    def _resumed(self) -> None:
        """The answer goes on. If we spoke over it, that was taken for a mm-hm, and there is nothing to wait for."""
        turn = self._interruption.resumed()
        if self._answer is None:
            return
        self._answer.resume()
        if turn is None:
            return
        turn.barged, turn.resumed = False, turn.resumed + 1
        turn.seconds, turn.gaps, turn.worst_gap_ms = 0.0, 0, 0.0  # counted again at its end
        if self._doing == "speaking":
            self._speech.void = True
        elif self._doing == "waiting":
            self.turns.pop()
            self._doing = "listening"

    def _reply_ended(self, at: float) -> None:
        answer = self._answer
        self._interruption.ended()
        if self._greeted:
            self._pause(at)
        if self._doing == "listening" and answer is not None:
            turn = self.turns[-1]
            self._settle(turn)
            short = self._plan.answer_seconds - turn.seconds
            if self._plan.answer_seconds and short > CLIPPED and not turn.clipped_ms:
                turn.clipped_ms = round(short * 1000, 2)
            if answer.sound:
                self.kept_answers.append((turn.answer, answer.sound))
            self._pause(at)
        self._answer = None

    def _times(self, event: ReplyMetrics) -> None:
        for turn in reversed(self.turns[-2:]):  # it comes right after the end of its answer
            if turn.reply == event.reply:
                turn.stages = event

    # ── the score ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _give_up(self, at: float) -> None:
        self.turns[-1].missing = True
        self._settle(self.turns[-1])
        self._pause(at)

    def _pause(self, at: float) -> None:
        self._doing, self._speaks_at = "pausing", self._habits.speaks_at(at)
        self._interruption.plan(None)

    def _settle(self, turn: TurnResult) -> None:
        """The caller listens to this answer no longer."""
        if self._answer is not None:
            self._answer.score(turn)

    def _last_sound(self) -> float:
        return self._answer.ends if self._answer is not None else self._asked
