"""Work that never ends, tasks and threads alike: restarted when it fails, counted, and its last fault told.

A thread that dies of a fault nobody thought of takes its duty with it in silence. Here it is started again after a
pause, `/health` and a metric say so until it has been well for a while, and an alert fires.
"""

import asyncio
import threading
import time
import traceback
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from lineside.processes.backoff import HEALTHY_SECONDS, Backoff

log = structlog.get_logger()

LOGGED_AGAIN = 60.0  # seconds; a fault that comes again and again is logged so often at most, and always counted


class WorkFault(Struct, frozen=True):
    """What is wrong with a piece of work now."""

    work: str
    fault: str  # the kind of error and where it was raised; never its words, which may be a caller's
    times: int  # since it was last well


class BackgroundWork:
    """All never-ending work of one process. Its methods may be called from any thread."""

    def __init__(
        self, failed: Callable[[str], None] = lambda work: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`failed` is told the work's name at each fault, in the work's own thread."""
        self._failed, self._clock = failed, clock
        self._lock = threading.Lock()
        self._faults: dict[str, tuple[WorkFault, float]] = {}  # and when the last of them was
        self._logged: dict[str, float] = {}

    @property
    def faults(self) -> list[WorkFault]:
        """Work that fails, or failed within the last minute."""
        now = self._clock()
        with self._lock:
            return [fault for fault, at in self._faults.values() if now - at < HEALTHY_SECONDS]

    async def keep(
        self, work: str, begin: Callable[[], Awaitable[object]], over: Callable[[], bool] = lambda: False
    ) -> None:
        """Do this work for ever, for a `TaskGroup`; begin again when it fails or returns. Ends when cancelled.

        Args:
            work: what it is called in metrics, `/health` and the log.
            begin: begins it.
            over: whether it need not be begun again, asked when it fails or returns.
        """
        backoff = Backoff()
        while True:
            began = self._clock()
            try:
                await begin()
                if over():
                    return
                fault: Exception = RuntimeError("ended")
            except Exception as why:
                fault = why
            self._note(work, fault, self._clock() - began)
            if over():
                return
            await asyncio.sleep(backoff.after(self._clock() - began))

    def thread(
        self,
        work: str,
        run: Callable[[], object],
        *,
        daemon: bool = True,
        over: Callable[[], bool] = lambda: False,
    ) -> threading.Thread:
        """A thread, started, that does this work until `run` returns, and does it again when it fails.

        Args:
            work: what it is called in metrics, `/health` and the log.
            run: does it until it is over. What it was doing when it failed is its own to find again.
            daemon: whether the process may end without it.
            over: whether it need not be begun again, asked when it fails.
        """

        def keep() -> None:
            backoff = Backoff()
            while True:
                began = self._clock()
                try:
                    run()
                    return
                except Exception as why:
                    self._note(work, why, self._clock() - began)
                if over():
                    return
                time.sleep(backoff.after(self._clock() - began))

        thread = threading.Thread(target=keep, name=work, daemon=daemon)
        thread.start()
        return thread

    def note(self, work: str, fault: Exception) -> None:
        """Count a fault that the work got over by itself."""
        self._note(work, fault, 0.0)

    def _note(self, work: str, fault: Exception, lived: float) -> None:
        now, what = self._clock(), describe_fault(fault)
        with self._lock:
            before = self._faults.get(work)
            again = before is not None and now - before[1] < HEALTHY_SECONDS and lived < HEALTHY_SECONDS
            times = 1 + (before[0].times if before is not None and again else 0)
            self._faults[work] = WorkFault(work, what, times), now
            logged = now - self._logged.get(work, -LOGGED_AGAIN) >= LOGGED_AGAIN
            if logged:
                self._logged[work] = now
        if logged:
            log.error("background work failed, restarting it", work=work, fault=what, times=times)
        self._failed(work)


def describe_fault(fault: BaseException) -> str:
    """The kind of error and where it was raised."""
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" in {frames[-1].name}, {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    number = f" ({fault.strerror})" if isinstance(fault, OSError) and fault.strerror else ""
    return f"{type(fault).__name__}{number}{where}"
