"""What to keep of a call, taken from the events that its caller's program is told. Pure: events in, entries out."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from lineside.call.observers import Observer
from lineside.protocol import (
    AgentWords,
    AudioDone,
    AudioStarted,
    BargeIn,
    Error,
    FalseInterruption,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Transcript,
    TurnEnded,
    TurnStarted,
)
from lineside.records.entries import DecisionMade, Entry, ReplyEnded

OPEN = 8  # replies that are noted at once: one sounds, the others never did; the oldest is forgotten
STAGES = tuple(name for name in ReplyMetrics.__struct_fields__ if name.endswith("_ms"))


class _Reply(Struct):
    """A reply as far as it is known."""

    turn: int
    heard: str = ""
    heard_at: float | None = None
    said: str = ""
    reached: str = ""
    audio_at: float | None = None
    done_at: float | None = None
    cut: bool = False
    metrics: ReplyMetrics | None = None
    kept: bool = False


class EventLog(Observer):
    """Keeps notes of one call. `keep` gets an entry whenever something is known for good; it must not wait."""

    def __init__(self, call: str, keep: Callable[[Entry], None]) -> None:
        self._call, self._keep = call, keep
        self._replies: dict[int, _Reply] = {}
        self._speech: dict[int, list[float | None]] = {}  # turn → begin and end; of the last few turns
        self._decisions = 0
        self.turns = 0

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        match event:
            case AgentWords():
                self._reply(event).reached += event.text
            case TurnStarted(turn=turn, at=at):
                self._begin(turn, at)
            case TurnEnded(turn=turn, at=at):
                self.turns += 1
                self._speech.setdefault(turn, [None, None])[1] = at
                self._decide(
                    event, "turn_ended", detector=event.by, score=event.score, silence_ms=event.silence_ms, reason=""
                )
            case Transcript():
                reply = self._reply(event)
                reply.heard, reply.heard_at = event.text, event.at
            case ReplyText():
                self._reply(event).said = event.text
            case AudioStarted():
                self._reply(event).audio_at = event.at
            case AudioDone():
                self._reply(event).done_at = event.at
            case BargeIn():
                reply = self._reply(event)
                reply.reached, reply.cut, reply.done_at = event.heard, True, event.at
                self._decide(event, "barge_in", detector="voice", reason="")
                self._over(event.reply)
            case FalseInterruption():
                self._decide(
                    event, "false_interruption", detector="words" if event.text else "voice", reason=event.text
                )
            case ReplyMetrics():
                self._reply(event).metrics = event
                self._over(event.reply)
            case Error():
                self._decide(event, "error", detector="", reason=event.code)
            case _:
                return

    def over(self) -> None:
        """The call is over: whatever was still open is kept as it stands."""
        for number, reply in self._replies.items():
            if not reply.kept and (reply.heard or reply.audio_at is not None):
                self._over(number)

    def _begin(self, turn: int, at: float) -> None:
        self._speech[turn] = [at, None]
        if len(self._speech) > OPEN:
            del self._speech[min(self._speech)]

    def _reply(self, event: Any) -> _Reply:
        reply = self._replies.get(event.reply)
        if reply is None:
            reply = self._replies[event.reply] = _Reply(event.turn)
            if len(self._replies) > OPEN:
                del self._replies[min(self._replies)]
        return reply

    def _over(self, number: int) -> None:
        """Keep it as far as it is known; if more is learnt, it is kept again."""
        reply = self._replies[number]
        reply.kept, metrics = True, reply.metrics
        began, ended = self._speech.get(reply.turn, (None, None))
        times = {name: getattr(metrics, name) for name in STAGES} if metrics is not None else {}
        self._keep(
            ReplyEnded(
                call=self._call,
                reply=number,
                turn=reply.turn,
                speech_began_at=began if reply.heard else None,
                speech_ended_at=ended if reply.heard else None,
                heard_at=reply.heard_at,
                heard=reply.heard,
                said=reply.said,
                reached=reply.reached.strip(),
                audio_at=reply.audio_at,
                done_at=reply.done_at,
                cut=reply.cut,
                stages={name: ms for name, ms in times.items() if ms is not None},
                wasted=metrics.wasted if metrics is not None else 0,
            )
        )

    def _decide(
        self,
        event: Any,
        what: Any,
        *,
        detector: str,
        reason: str,
        score: float | None = None,
        silence_ms: float | None = None,
    ) -> None:
        self._decisions += 1
        self._keep(
            DecisionMade(
                call=self._call,
                number=self._decisions,
                at=event.at,
                turn=getattr(event, "turn", 0),
                what=what,
                detector=detector,
                score=score,
                silence_ms=silence_ms,
                reason=reason,
            )
        )
