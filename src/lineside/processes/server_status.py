"""What an operator sees of a server that is kept alive."""

import asyncio
import time
from typing import Literal

State = Literal["stopped", "starting", "ready", "resting", "failed"]


class ServerStatus:
    """The state of one server. Its supervisor writes it, everybody may read it."""

    def __init__(self) -> None:
        self.state: State = "stopped"
        self.since = time.monotonic()  # when the server came into this state
        self.why = ""  # the server is not ready: why it fell last
        self.starts = 0
        self.pid: int | None = None
        self._ready = asyncio.Event()  # set while the server is ready

    @property
    def seconds(self) -> float:
        """How long the server has been in this state."""
        return time.monotonic() - self.since

    def enter(self, state: State) -> None:
        """The server comes into this state."""
        self.state, self.since = state, time.monotonic()
        if state == "ready":
            self.why = ""
            self._ready.set()
        else:
            self._ready.clear()

    def forget_failure(self) -> None:
        """Somebody has seen that the server failed."""
        if self.state == "failed":
            self.state, self.why = "stopped", ""

    async def until_ready(self) -> None:
        """Wait until the server is ready, for the first time or again."""
        await self._ready.wait()
