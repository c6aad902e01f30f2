"""An event loop whose clock leaves out waiting: it jumps to the next timer while no work is under way."""

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class WorkInProgress:
    """How much is under way that takes real time."""

    def __init__(self) -> None:
        self._under_way = 0

    def __bool__(self) -> bool:
        return self._under_way > 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The work around this block is only waiting for it."""
        self._under_way -= 1
        try:
            yield
        finally:
            self._under_way += 1

    @contextmanager
    def done(self) -> Iterator[None]:
        """The block takes real time."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer whenever no work is under way."""

    def __init__(self, work: WorkInProgress | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Without `work`, nothing takes real time, and waiting without a timer is a RuntimeError: it would never end.

        `clock` gives the seconds that pass by themselves.
        """
        self._clock, self._jumps = clock, _JumpingSelector(work)
        super().__init__(self._jumps)

    def time(self) -> float:
        """Seconds, of which many were never waited for."""
        return self._clock() + self._jumps.skipped


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, work: WorkInProgress | None) -> None:
        super().__init__()
        self._work = work
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> "list[tuple[selectors.SelectorKey, int]]":
        if self._work is not None and (self._work or timeout is None):
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the call waits for something that can never happen")
            self.skipped += max(0.0, timeout)
        return ready
