"""A virtual clock: an event loop whose time jumps to the next thing that is due, so an hour of calls takes a second."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from lineside.replay.jumping_loop import JumpingLoop

T = TypeVar("T")


class VirtualLoop(JumpingLoop):
    """An event loop on virtual time, which begins at nought."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 0.0)
        self._clock_resolution = 1e-9

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
