"""What an operator looks for first in an active call: counted from its events. Pure."""

from lineside.protocol import (
    AnsweredBy,
    CallTaken,
    OperatorActed,
    ReplyMetrics,
    ServerMessage,
    Transcript,
    TransferRequested,
    TurnStarted,
    Unanswered,
)
from lineside.reasons import AnsweredAs


class CallTally:
    """Counts of one call."""

    def __init__(self) -> None:
        self.asked_for_person = self.taken_over = False
        self.unanswered = self.fallbacks = 0
        self.turns = self._last_turn = 0
        self.last_e2e_ms: float | None = None
        self.answered_as: AnsweredAs | None = None
        self.answered: dict[str, AnsweredBy] = {}

    def count(self, event: ServerMessage) -> None:
        """Something happened."""
        match event:
            case TurnStarted(turn=turn) | Transcript(turn=turn) if turn > self._last_turn:
                self._last_turn = turn  # a turn is counted when it begins; a typed one begins with its words
                self.turns += 1
            case ReplyMetrics(engines=engines, e2e_ms=e2e):
                self.answered = self.answered | engines
                self.fallbacks += any(by.why for by in engines.values())
                self.last_e2e_ms = self.last_e2e_ms if e2e is None else e2e
            case Unanswered():
                self.unanswered += 1
            case CallTaken(by=by):
                self.answered_as = by
            case TransferRequested():
                self.asked_for_person = True
            case OperatorActed(what="takes_over" | "hands_back" as what):
                self.taken_over = what == "takes_over"
