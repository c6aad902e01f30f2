"""The only door to the floor: what happened, handled one event after the other."""

from collections import deque
from collections.abc import Callable

from lineside.turns.floor_events import FloorEvent


class Inbox:
    """Hands events to the session in the order in which they were posted.

    Whoever posts while another event is being handled has it handled after that one: the session is never re-entered.
    """

    def __init__(self, handle: Callable[[FloorEvent], None]) -> None:
        self._handle: Callable[[FloorEvent], None] | None = handle
        self._events: deque[FloorEvent] = deque()  # a handful: each event posts two more at most
        self._handling = False

    def post(self, event: FloorEvent) -> None:
        """Something happened. Handled before this returns, unless another event is being handled."""
        self._events.append(event)
        if self._handling or self._handle is None:
            return
        self._handling = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._handling = False

    def close(self) -> None:
        """The call is over: no more events are handled, and the session is let go of."""
        self._handle = None
        self._events.clear()
