"""`idle_timeout_ms` of a Realtime session: when nobody speaks for so long, the model prompts the caller."""

import asyncio
from collections.abc import Callable

from lineside.realtime.commands import ClientCommands

Later = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class IdleTimer:
    """Of one session, while its line is up."""

    def __init__(self, commands: ClientCommands, later: Later) -> None:
        """`later` is the event loop's `call_later`."""
        self._commands, self._later = commands, later
        self._is_up = False
        self._timer: asyncio.TimerHandle | None = None

    def line_is_up(self) -> None:
        """From here on silence counts."""
        self._is_up = True

    def line_is_over(self) -> None:
        """No longer."""
        self._is_up = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """A response is over, or the caller spoke."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_up and (wait := self._commands.idle_timeout) is not None:
            self._timer = self._later(wait, self._commands.nobody_speaks)
