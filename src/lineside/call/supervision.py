"""What an operator does in a call: say words as the agent, take the call over, hand it back. Pure; time is handed in.

While it is taken over the caller is heard and understood, and the agent answers nothing: the operator types. A
take-over is a lease: an operator whose page is gone does not leave a caller in silence for ever.
"""

from collections import deque

from msgspec import Struct

from lineside.call.reply_input import AgentLine
from lineside.reasons import OperatorAct

LEASE = 120.0  # seconds after the operator's last act; then the agent answers again
SENTENCES = 20  # that wait to be said; one more is refused


class OperatorOrder(Struct, frozen=True):
    """Something that an operator does."""

    what: OperatorAct
    text: str = ""  # that is to be said


class Supervision:
    """What operators do in one call."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._until = 0.0  # of the take-over, on the call's clock; 0: there is none

    @property
    def taken_over(self) -> bool:
        """Whether the agent is silent."""
        return self._until > 0

    def act(self, order: OperatorOrder, now: float) -> bool:
        """Note what an operator does; False where it cannot be done now."""
        match order.what:
            case "says":
                if len(self._waiting) >= SENTENCES:
                    return False
                self._waiting.append(order.text)
                self._until = now + LEASE if self.taken_over else 0.0
            case "takes_over":
                self._until = now + LEASE
            case "hands_back":
                self._until = 0.0
        return True

    def due(self, *, idle: bool) -> AgentLine | None:
        """What is to be said now. `idle`: nobody has the floor."""
        return AgentLine(self._waiting.popleft()) if idle and self._waiting else None

    def lapsed(self, now: float) -> bool:
        """Whether the lease ends now: the agent answers again."""
        over = self.taken_over and now >= self._until
        if over:
            self._until = 0.0
        return over
