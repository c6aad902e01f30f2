"""Turns that a caller types: a few a second, the rest joined. Pure; time is handed in.

Each is a turn with tasks, a question to the language model and records, so it costs a thousand times what its bytes do.
"""

from collections.abc import Iterator

from lineside.client_tools import ToolResult
from lineside.errors import TransportError
from lineside.protocol import ClientMessage, Dtmf, HangUp, Text

PER_SECOND = 3.0  # turns, on and on: faster than anybody types
AT_ONCE = 10.0  # turns: keys that are pressed in a row, or sent by a program as one number
SOONEST = 0.02  # seconds; a timer that is a rounding error early would be set again and again
LONGEST_TEXT, LONGEST_DIGITS = 4000, 32  # characters of turns that wait and are joined; more are refused


class TypedTurns:
    """What one caller types. Turns that come too fast wait, and are told as one."""

    def __init__(self) -> None:
        self._left, self._at = AT_ONCE, 0.0  # turns that may be told now, as of when
        self._waiting: list[Text | Dtmf] = []  # texts and keys by turns, each joined already

    def offer(self, turn: ClientMessage, now: float) -> Iterator[ClientMessage]:
        """One was typed; what is to be told now. Hanging up waits for nothing, and nothing that waits is told before.

        A tool's result is no turn, and is told at once.

        Raises `TransportError` when too much waits.
        """
        if isinstance(turn, HangUp):
            self._waiting.clear()
            yield turn
            return
        if isinstance(turn, ToolResult):
            yield turn
            return
        if not self._waiting and self._may(now):
            yield turn
            return
        self._join(turn)
        yield from self.due(now)

    def due(self, now: float) -> Iterator[ClientMessage]:
        """Those of the waiting that may be told now."""
        while self._waiting and self._may(now):
            yield self._waiting.pop(0)

    def due_in(self, now: float) -> float | None:
        """Seconds until the next of the waiting is due; None: none waits."""
        if not self._waiting:
            return None
        return max(SOONEST, (1.0 - self._left) / PER_SECOND - (now - self._at))

    def _may(self, now: float) -> bool:
        self._left = min(AT_ONCE, self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def _join(self, turn: Text | Dtmf) -> None:
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, Text) and isinstance(turn, Text):
            joined: Text | Dtmf = Text(f"{last.text} {turn.text}")
        elif isinstance(last, Dtmf) and isinstance(turn, Dtmf):
            joined = Dtmf(last.digits + turn.digits)
        else:
            if len(self._waiting) >= AT_ONCE:
                raise _too_much()
            self._waiting.append(turn)
            return
        size, longest = (
            (len(joined.text), LONGEST_TEXT) if isinstance(joined, Text) else (len(joined.digits), LONGEST_DIGITS)
        )
        if size > longest:
            raise _too_much()
        self._waiting[-1] = joined


def _too_much() -> TransportError:
    return TransportError("too_many_turns", f"typed faster than {PER_SECOND:g} turns a second, and too much waits")
