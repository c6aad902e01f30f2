"""A virtual clock: an event loop whose time jumps to the next thing that is due, so an hour of calls takes a second."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    """Waits for nothing: the time that would have been waited is added to the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the call waits for something that can never happen")
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now

    def get_debug(self) -> bool:
        """No, even in debug mode: timers and futures ask, to keep the stack they come from, and that costs most."""
        return False


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run it on virtual time, in asyncio's debug mode; nothing may be left behind."""
    loop = VirtualLoop()
    loop.set_debug(True)
    loop.slow_callback_duration = 60.0  # real seconds; a shared machine stalls now and then
    try:
        told = loop.run_until_complete(story)
        left = asyncio.all_tasks(loop)
        assert not left, f"tasks left behind: {[task.get_name() for task in left]}"
        return told
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
