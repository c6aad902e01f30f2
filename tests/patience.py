"""How a test waits for what another task, thread or process does: for a condition, and long.

A machine that runs the whole suite stands still for seconds now and then; who waits so long has failed.
"""

import asyncio
import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds; nothing that is waited for should take five
LOOK = 0.005  # seconds between two looks


async def until(true: Callable[[], object], what: str = "it", seconds: float = PATIENCE) -> None:
    """Wait until it is true; who waits in vain is told what for."""
    by = time.monotonic() + seconds
    while not true():
        if time.monotonic() > by:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        await asyncio.sleep(LOOK)
