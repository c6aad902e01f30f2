"""The turn model for all calls of a process: a thread of its own, a short queue, a deadline, an answer or none."""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from lineside.audio.smart_turn import SmartTurn

WAITING = 8  # turns that wait for the thread; one more does without (a run takes 50 to 100 ms)
NICE = 5  # steps behind whoever hears the words and writes the answer: a third of its share, where cores are few
DEADLINE = 0.5  # seconds; then the end of the turn is told from the words and the silence alone

# How likely the turn is over, from its sound; None where nobody could say in time.
TurnModel = Callable[[bytes], Awaitable[float | None]]


class TurnModelThread:
    """Asked by every call at every pause. Nothing here waits for longer than `DEADLINE`."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError` if the model's file is missing or damaged."""
        self._model = SmartTurn(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="turns", initializer=_step_back)
        self._waiting = 0

    async def probability(self, pcm: bytes) -> float | None:
        """How likely it is that the turn is over, 0 to 1. `pcm`: the turn so far, 16 kHz, signed 16-bit."""
        if self._waiting >= WAITING:
            return None
        self._waiting += 1
        asked = asyncio.get_running_loop().run_in_executor(self._thread, self._model.probability, pcm)
        asked.add_done_callback(self._done)
        try:
            async with asyncio.timeout(DEADLINE):
                return await asyncio.shield(asked)
        except TimeoutError:
            return None

    def close(self) -> None:
        """Start no further judgement."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _done(self, asked: "asyncio.Future[float]") -> None:
        self._waiting -= 1
        if not asked.cancelled():
            asked.exception()  # seen: whoever waited has it, or is gone


def _step_back() -> None:
    """Let other threads go first. Threads have priorities of their own on Linux alone (setpriority(2))."""
    if sys.platform == "linux":
        me = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me) + NICE)


async def nobody_knows(pcm: bytes) -> float | None:
    """Stands in where no turn model is available."""
    return None
