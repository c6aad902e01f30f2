"""Pings on a socket, and whether the peer has sent anything between two of them."""

import asyncio
from collections.abc import Callable

from lineside.transports.work_budget import WorkBudget


class Keepalive:
    """A timer. A peer that sent nothing has caused no work: the budget knows, so no frame need be counted for it."""

    def __init__(self, seconds: float, budget: WorkBudget, ping: Callable[[], None], dead: Callable[[], None]) -> None:
        """`ping` is called every so many seconds; `dead` instead, and once, when nothing came since the last."""
        self._seconds, self._budget, self._ping, self._dead = seconds, budget, ping, dead
        self._spent = -1.0  # at the last ping; -1: there was none
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The first ping comes a while from now."""
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._beat)

    def stop(self) -> None:
        """No more. Nothing is held on to."""
        if self._timer is not None:
            self._timer.cancel()
        self._ping = self._dead = lambda: None

    def _beat(self) -> None:
        if self._budget.spent == self._spent:
            self._dead()
            return
        self._spent = self._budget.spent
        self._ping()
        self.start()
