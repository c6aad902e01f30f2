"""One caller must not cost the others their calls: where the event loop is late, whoever causes most of it is ended.

Each caller's work has a budget of its own; this is for many at once, and for what the budget does not foresee. It acts
long before a worker that stands still is killed with all of its calls.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from lineside.transports.websocket import WebSocket

log = structlog.get_logger()

LOOK_EVERY = 0.25  # seconds
LATE = 0.2  # seconds that the loop may be late; ten frames of every caller wait by then
SUSPICIOUS = 600_000.0  # work a second; the busiest ordinary caller, 375 messages a second at 48 kHz, causes 480,000


class LoadShedder:
    """The sockets of one process, and the work that each of them causes."""

    def __init__(self) -> None:
        self._spent: dict[WebSocket, float] = {}  # at the last look

    @contextmanager
    def watched(self, ws: WebSocket) -> Iterator[None]:
        """Watch a socket while the block runs."""
        self._spent[ws] = ws.budget.spent
        try:
            yield
        finally:
            del self._spent[ws]

    async def watch(self) -> None:
        """Look for ever."""
        clock = asyncio.get_running_loop().time
        before = clock()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = clock()
            self.look(now - before)
            before = now

    def look(self, seconds: float) -> None:
        """So much time has passed since the last look, which should have been `LOOK_EVERY`."""
        rates = {ws: (ws.budget.spent - spent) / seconds for ws, spent in self._spent.items()}
        self._spent = {ws: ws.budget.spent for ws in self._spent}
        if seconds - LOOK_EVERY <= LATE or not rates:
            return
        worst = max(rates, key=lambda ws: rates[ws])
        if rates[worst] > SUSPICIOUS:
            log.warning("event loop late, the busiest caller is disconnected", late=round(seconds - LOOK_EVERY, 2))
            worst.shed("this gateway is overloaded, and your program causes most of the work")
