"""The alerts of one gateway, which looks after itself."""

import asyncio
import time

from lineside.gateway.alerts import Alerts, Tells
from lineside.gateway.worker_pool import WorkerPool
from lineside.processes.background_work import BackgroundWork
from lineside.records.archive import Archive

LOOK_EVERY = 5.0  # seconds between two looks at what is wrong


class GatewayAlerts(Alerts):
    """The alerts of one gateway, which looks after itself."""

    def __init__(self, tell: Tells, work: BackgroundWork, workers: WorkerPool | None, records: Archive | None) -> None:
        super().__init__(tell, time.monotonic)
        self._work, self._workers, self._records = work, workers, records

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look(self._troubles())

    def _troubles(self) -> list[str]:
        found = [f"background work fails: {fault.work}" for fault in self._work.faults]
        if self._workers is not None:
            found += [f"in a worker: {what}" for what in self._workers.faults.failing(time.monotonic())]
        if self._records is not None and self._records.trouble:
            found.append(f"call records: {self._records.trouble}")
        return found
