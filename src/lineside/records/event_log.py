"""Turns the events of a call into entries for its records. Pure: events in, entries out.

A reply is kept again whenever more is known about it, so that a process that dies loses nothing a caller was told.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from lineside.call.observers import Observer
from lineside.event_base import Event
from lineside.line_report import LineMeasured
from lineside.protocol import (
    AgentWords,
    AnsweredBy,
    AudioDone,
    AudioStarted,
    BargeIn,
    Error,
    FalseInterruption,
    OperatorActed,
    Reconnected,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Transcript,
    TransferRequested,
    TurnEnded,
    TurnStarted,
    Unanswered,
)
from lineside.records.business_entries import BusinessLog
from lineside.records.entries import DecisionMade, Entry, PersonAsked, ReplyKept, TurnBegan
from lineside.task_events import SlotFilled, TaskMoved, ToolCalled

OPEN_REPLIES = 8  # replies in memory: one sounds, the others never did; the oldest is dropped, and kept already
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
    filler: str = ""
    unanswered: str = ""

    @property
    def engines(self) -> dict[str, AnsweredBy]:
        """Who answered, as far as that is known."""
        return self.metrics.engines if self.metrics is not None else {}


class EventLog(Observer):
    """The entries of one call. `keep` gets each as soon as something is known, and must not wait."""

    def __init__(self, call: str, keep: Callable[[Entry], None]) -> None:
        self._call, self._keep = call, keep
        self._business = BusinessLog(call, keep)
        self._replies: dict[int, _Reply] = {}
        self._speech: dict[int, list[float | None]] = {}  # turn → begin and end; of the last few turns
        self._decisions = 0
        self._last_turn = 0
        self._latest = 0.0  # event, in seconds of caller audio
        self.turns = 0  # of the caller, spoken and typed; the one under way is counted

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        self._latest = event.at if isinstance(event, Event) else 0.0
        match event:
            case TurnStarted(turn=turn, at=at):
                self._begin(turn, at)
            case TurnEnded(turn=turn, at=at):
                self._count(turn)
                self._speech.setdefault(turn, [None, None])[1] = at
                self._decide(
                    event, "turn_ended", detector=event.by, score=event.score, silence_ms=event.silence_ms, reason=""
                )
            case FalseInterruption():
                detector = "words" if event.text else "voice"
                self._decide(event, "false_interruption", detector=detector, reason=event.text)
            case OperatorActed(what=what):
                self._decide(event, "operator", detector="operator", reason=what)
            case Error():
                self._decide(event, "error", detector="", reason=event.code)
            case Reconnected(away_ms=away):
                self._decide(event, "reconnected", detector="", reason=f"away {away / 1000:.1f} s")
            case ToolCalled() | SlotFilled() | TaskMoved():
                self._business.on_event(event)
            case _:
                self._on_reply_event(event)

    def on_line_measured(self, measured: LineMeasured) -> None:
        """See `Observer`: the last line of a call's record."""
        self._decide(Event(at=self._latest), "line", detector="line", reason=measured.in_words())

    def _on_reply_event(self, event: ServerMessage) -> None:
        match event:
            case Transcript():
                self._count(event.turn)
                reply = self._reply(event)
                reply.heard, reply.heard_at = event.text, event.at
            case ReplyText():
                self._reply(event).said = event.text
            case AudioStarted():
                self._reply(event).audio_at = event.at
            case AgentWords(filler=False):
                self._reply(event).reached += event.text
            case AgentWords():
                self._reply(event).filler += event.text
            case Unanswered():
                self._reply(event).unanswered = event.why
            case TransferRequested():
                self._keep(PersonAsked(call=self._call))
                if not event.reply:
                    return
                self._reply(event).unanswered = "asked_for_person"
            case AudioDone():
                reply = self._reply(event)
                reply.done_at = event.at if reply.done_at is None else reply.done_at
            case BargeIn():
                reply = self._reply(event)
                reply.reached, reply.cut, reply.done_at = event.heard, True, event.at
                self._decide(event, "barge_in", detector="voice", reason="")
            case ReplyMetrics():
                reply = self._reply(event)
                reply.metrics = reply.metrics or event  # the first counts: nothing is measured after a reply was cut
            case _:
                return
        self._keep_reply(event.reply)

    def _begin(self, turn: int, at: float) -> None:
        self._count(turn)
        self._speech[turn] = [at, None]
        if len(self._speech) > OPEN_REPLIES:
            del self._speech[min(self._speech)]

    def _count(self, turn: int) -> None:
        """A turn is counted when it begins; a typed one begins with its words."""
        if turn > self._last_turn:
            self._last_turn = turn
            self.turns += 1
            self._keep(TurnBegan(call=self._call, turns=self.turns))

    def _reply(self, event: Any) -> _Reply:
        reply = self._replies.get(event.reply)
        if reply is None:
            reply = self._replies[event.reply] = _Reply(event.turn)
            if len(self._replies) > OPEN_REPLIES:
                del self._replies[min(self._replies)]
        return reply

    def _keep_reply(self, number: int) -> None:
        """Keep a reply as far as it is known; one that was neither heard nor asked for is none yet."""
        reply = self._replies[number]
        if not reply.heard and reply.audio_at is None and reply.metrics is None:
            return
        metrics = reply.metrics
        began, ended = self._speech.get(reply.turn, (None, None))
        times = {name: getattr(metrics, name) for name in STAGES} if metrics is not None else {}
        self._keep(
            ReplyKept(
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
                engines=reply.engines,
                filler=reply.filler.strip(),
                unanswered=reply.unanswered,
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
