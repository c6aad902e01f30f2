"""One caller: when to speak, what to make of what is heard, and the score. Pure: time is handed in, nothing waits.

A turn goes: a pause, a recording, silence until the answer begins, the answer to its end. Or not to its end: some
answers are talked over, with the next recording. All times are seconds on one clock.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

from lineside.audio.frame import SAMPLE_BYTES
from lineside.loadtest.listener import Listener
from lineside.loadtest.plan import Plan, TurnResult
from lineside.loadtest.recordings import Recording, rate_of, silence
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

BETWEEN = (0.3, 1.0)  # seconds a caller thinks before speaking
INTERRUPTS = (0.3, 1.5)  # seconds into an answer at which it is talked over
ANSWER_WITHIN = 10.0  # seconds for an answer to begin, or to go on; then the caller gives it up
CLIPPED = 0.02  # seconds, one frame: less sound than that missing at an end is rounding
KEEP_SECONDS = 20.0  # of an answer's sound at the most, where it is kept

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
        self._call, self._plan, self._recordings, self._dice = call, plan, recordings, dice
        self._bytes_per_second = rate_of(plan.codec) * (SAMPLE_BYTES if plan.codec == "pcm" else 1)
        self._silence = silence(plan.codec)
        self._on_first_sound = on_first_sound
        self._joined = at
        self._doing: Doing = "pausing"
        self._speaks_at = at + dice.uniform(*BETWEEN)
        self._recording: Recording = dice.choice(recordings)
        self._next = 0  # frame of the recording
        self._asked = 0.0
        self._interrupts_at: float | None = None
        self._barged_at: float | None = None  # while the old answer has not been cleared
        self._talked_over_turn: TurnResult | None = None  # the turn whose answer is being talked over
        self._void = False  # what is being said was taken for a mm-hm: no answer to it will come
        self._taken = 0.0  # seconds of it that were taken back
        self._early: float | None = None  # an answer began before the caller had finished
        self._listener: Listener | None = None  # what sounds now
        self._reply = -1  # the server's number of it
        self._keep = keep
        self._sound = bytearray()  # of the answer under way, in the line's codec, where it is kept
        self.turns: list[TurnResult] = []
        self.kept_answers: list[tuple[str, bytes]] = []  # whole answers: the words that were meant, the sound
        self.reason = ""  # why the server ended the call

    def is_done(self, at: float) -> bool:
        """Whether it hangs up now: its time is over and no turn is under way."""
        return self._doing == "pausing" and self._time_is_over(at)

    # ── speaking ───────────────────────────────────────────────────────────────────────────────────────────────────

    def frame(self, at: float) -> bytes:
        """The twenty milliseconds that end now."""
        match self._doing:
            case "pausing" if at >= self._speaks_at and not self.is_done(at):
                self._begin()
            case "waiting" if at - self._asked > ANSWER_WITHIN:
                self._give_up(at)
            case "listening":
                if self._interrupts_at is not None and at >= self._interrupts_at:
                    self._barge_in(at)
                elif at > self._last_sound() + ANSWER_WITHIN:
                    self._give_up(at)
            case _:
                pass
        if self._doing != "speaking":
            return self._silence
        frame = self._recording.frames[self._next]
        self._next += 1
        if self._next == len(self._recording.frames):
            self._ask(at)
        return frame

    def _begin(self) -> None:
        self._recording, self._next = self._dice.choice(self._recordings), 0
        self._doing, self._early, self._void = "speaking", None, False

    def _barge_in(self, at: float) -> None:
        turn = self.turns[-1]
        turn.barged = True
        self._settle(turn)
        self._barged_at, self._interrupts_at, self._talked_over_turn = at, None, turn
        self._begin()

    def _ask(self, at: float) -> None:
        """The last sample of speech."""
        self._asked = at
        if self._void:
            self._doing = "listening"
            return
        turn = TurnResult(self._call, self._recording.name, round(at - self._plan.began, 3))
        self.turns.append(turn)
        self._doing = "waiting"
        if self._early is not None and self._listener is not None:
            turn.talked_over = True
            self._answered(self._early)

    # ── listening ──────────────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, payload: bytes, at: float) -> None:
        """Sound came, in the line's codec."""
        seconds = len(payload) / self._bytes_per_second
        if self._listener is None:  # of an answer that has been cleared, or is over: a caller should not hear it
            if self.turns:
                self.turns[-1].stale_ms += seconds * 1000
            return
        first = not self._listener.seconds
        self._listener.sound(seconds, at)
        if self._keep and len(self._sound) < KEEP_SECONDS * self._bytes_per_second:
            self._sound += payload
        if first and self._doing == "waiting":
            self._answered(at)
        elif first and self._doing == "speaking" and self._barged_at is None:
            self._early = at

    def _answered(self, at: float) -> None:
        turn = self.turns[-1]
        if turn.first_ms is None:  # the rest of an answer that broke off belongs to the same turn
            turn.first_ms = round(max(0.0, at - self._asked) * 1000, 2)
            turn.reply = self._reply
            self._on_first_sound(turn.first_ms)
            if self._dice.random() < self._plan.barge_in_rate and not self._time_is_over(at):
                self._interrupts_at = at + self._dice.uniform(*INTERRUPTS)
        self._doing = "listening"

    def on_event(self, event: ServerMessage, at: float) -> None:
        """The server said what happened."""
        match event:
            case AudioStarted(reply=reply):
                self._listener, self._reply, self._taken = Listener(), reply, 0.0
                self._sound.clear()
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
            turn.clipped_ms += round(self._listener.unplayed(at) * 1000, 2) if self._listener else 0.0
            turn.missing = True
            self._settle(turn)

    def _cleared(self, at: float) -> None:
        """The sound stops: for good if a `barge_in` follows, otherwise until the server knows what was said over it."""
        if self._barged_at is not None and self._talked_over_turn is not None:
            self._talked_over_turn.overlap_ms = round((at - self._barged_at) * 1000, 2)
            self._barged_at = None
        if (listener := self._listener) is None:
            return
        taken = listener.take_back(at)
        self._taken += taken
        if taken and self._keep:
            del self._sound[-round(taken * self._bytes_per_second) :]

    def _cut_off(self, at: float) -> None:
        """The answer will not go on."""
        if (listener := self._listener) is None:
            return
        if self._doing == "listening":  # cut off, and we had said nothing
            turn = self.turns[-1]
            turn.clipped_ms += round(self._taken * 1000, 2)
            self._tally(turn, listener)
            self._doing, self._asked = "waiting", at  # for the rest of it, which comes as a new answer
        self._listener = self._early = None

    def _resumed(self) -> None:
        """The answer goes on. If we spoke over it, that was taken for a mm-hm, and there is nothing to wait for."""
        turn, self._talked_over_turn = self._talked_over_turn, None
        self._taken = 0.0
        if turn is None or self._listener is None:
            return
        turn.barged, turn.resumed = False, turn.resumed + 1
        turn.seconds, turn.gaps, turn.worst_gap_ms = 0.0, 0, 0.0  # counted again at its end
        if self._doing == "speaking":
            self._void = True
        elif self._doing == "waiting":
            self.turns.pop()
            self._doing = "listening"

    def _reply_ended(self, at: float) -> None:
        listener = self._listener
        self._barged_at = self._talked_over_turn = None  # it ended by itself before it could be cleared
        if self._doing == "listening" and listener is not None:
            turn = self.turns[-1]
            self._settle(turn)
            short = self._plan.answer_seconds - turn.seconds
            if self._plan.answer_seconds and short > CLIPPED and not turn.clipped_ms:
                turn.clipped_ms = round(short * 1000, 2)
            if self._keep and self._sound:
                self.kept_answers.append((turn.answer, bytes(self._sound)))
            self._pause(at)
        self._listener = None

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
        self._doing, self._interrupts_at = "pausing", None
        self._speaks_at = at + self._dice.uniform(*BETWEEN)

    def _settle(self, turn: TurnResult) -> None:
        """The caller listens to this answer no longer."""
        if self._listener is not None:
            self._tally(turn, self._listener)

    def _tally(self, turn: TurnResult, listener: Listener) -> None:
        turn.seconds = round(turn.seconds + listener.seconds, 3)
        turn.gaps += listener.gaps
        turn.worst_gap_ms = round(max(turn.worst_gap_ms, listener.worst_gap * 1000), 2)

    def _time_is_over(self, at: float) -> bool:
        """No further turn is begun."""
        length = self._plan.call_length
        return at >= self._plan.began + self._plan.duration or (length > 0 and at >= self._joined + length)

    def _last_sound(self) -> float:
        return self._listener.ends if self._listener is not None else self._asked
