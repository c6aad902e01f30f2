"""What one reply tells: held back until the reply is allowed, and nothing once it has been cut."""

import asyncio
from collections.abc import Callable
from typing import TypedDict

from lineside.call.clock import CallClock
from lineside.call.observers import Observers
from lineside.protocol import AgentWords, ServerMessage


class Where(TypedDict):
    """The fields that all events of a reply have."""

    at: float
    turn: int
    reply: int


class ReplyEvents:
    """The way from one reply to the observers. Knows nothing of the reply itself."""

    def __init__(self, observers: Observers, clock: CallClock, *, turn: int, reply: int) -> None:
        self._observers, self._clock, self._turn, self._reply = observers, clock, turn, reply
        self.allowed = asyncio.Event()
        self._held: list[ServerMessage | Callable[[], None]] = []  # as long as the answer at most
        self._closed = False

    def where(self) -> Where:
        """When and in which reply something happens now."""
        return Where(at=self._clock.at, turn=self._turn, reply=self._reply)

    def emit(self, event: ServerMessage) -> None:
        """Tell this when the reply is allowed."""
        if self.allowed.is_set():
            self.emit_now(event)
        else:
            self._held.append(event)

    def when_allowed(self, do: Callable[[], None]) -> None:
        """Do this when the reply is allowed, in its order among what is told; never once it has been cut."""
        if not self.allowed.is_set():
            self._held.append(do)
        elif not self._closed:
            do()

    def emit_now(self, event: ServerMessage) -> None:
        """Tell this at once, whether the reply is allowed or not."""
        if not self._closed:
            self._observers.on_event(event)

    def allow(self) -> None:
        """Tell what was held, and everything else from here on."""
        self.allowed.set()
        for event in self._held:
            if callable(event):
                self.when_allowed(event)
            else:
                self.emit_now(event)
        self._held.clear()

    def close(self) -> None:
        """Tell nothing any more."""
        self._closed = True

    def words_sent(self, words: list[tuple[str, float]], *, filler: bool = False) -> None:
        """These words go out now, each with the second of the reply's sound at which it will have been heard."""
        where = self.where()
        tell = self._observers.on_event if self.allowed.is_set() and not self._closed else self.emit
        for text, ends in words:
            tell(AgentWords(**where, text=text, ends=round(ends, 3), filler=filler))
