"""The alerts of one gateway, which looks after itself."""

import asyncio
import time

from lineside.gateway.alerts import Alerts, Tells
from lineside.gateway.worker_pool import WorkerPool
from lineside.observability.reply_times import ReplyTimes
from lineside.processes.background_work import BackgroundWork
from lineside.records.archive import Archive

LOOK_EVERY = 5.0  # seconds between two looks at what is wrong
SLOW_MS = 2000.0  # 95 % of the answers shall begin sooner; Prometheus' alert LinesideSlow has the same
SLOW_OVER = 300.0  # seconds of answers that are judged
FEWEST = 10  # answers; fewer say nothing of how slow they usually are


class GatewayAlerts(Alerts):
    """The alerts of one gateway, which looks after itself."""

    def __init__(
        self,
        tell: Tells,
        work: BackgroundWork,
        workers: WorkerPool | None,
        records: Archive | None,
        replies: ReplyTimes,
    ) -> None:
        super().__init__(tell, time.monotonic)
        self._work, self._workers, self._records, self._replies = work, workers, records, replies

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look(self._troubles())

    def _troubles(self) -> list[str]:
        found = [f"background work fails: {fault.work}" for fault in self._work.faults]
        if self._workers is not None:
            found += [f"in a worker: {what}" for what in self._workers.faults.failing(time.monotonic())]
        if self._records is not None and str(self._records.trouble):
            found.append(f"call records: {self._records.trouble}")
        if is_slow(self._replies, time.monotonic()):
            found.append("responses are slow: p95 over 2 s in the last five minutes")
        return found


def is_slow(replies: ReplyTimes, now: float) -> bool:
    """Whether too many answers of the last minutes began late. `now` is on the clock of `replies`."""
    (lately,) = replies.stretches([now - SLOW_OVER, now])
    return lately.replies >= FEWEST and (lately.quantile("e2e", 0.95) or 0.0) > SLOW_MS
