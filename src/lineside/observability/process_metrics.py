"""Metrics of the gateway's own processes and their machine."""

import asyncio

import psutil

from lineside.host.machine import Machine
from lineside.observability.meters import NAMES, BoundedLabel, MeterFactory
from lineside.observability.outbound_metrics import OutboundMetrics

LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LAG_EVERY = 0.1  # seconds between two looks at how late the event loop is
SELF_EVERY = 10  # looks between two readings of this process's memory and processor time


class ProcessMetrics:
    """Event-loop lag, memory and CPU time of this process; lost workers; background work; GPUs."""

    def __init__(self, factory: MeterFactory) -> None:
        counter, gauge, histogram = factory.counter, factory.gauge, factory.histogram
        self._work = BoundedLabel()
        self.outbound = OutboundMetrics(factory)
        self._spent = 0.0  # seconds of processor time that are counted already
        self.lag = histogram("loop_lag_seconds", "Event-loop lag, sampled ten times a second", LAG_BUCKETS)
        self.memory = gauge("memory_bytes", "Resident memory of the gateway and its workers")
        self.cpu = counter("cpu_seconds", "CPU time of the gateway and its workers")
        self.gpu_used = gauge("gpu_memory_used_bytes", "GPU memory in use", "gpu", "vendor", how="mostrecent")
        self.gpu_total = gauge("gpu_memory_bytes", "GPU memory, total", "gpu", "vendor", how="mostrecent")
        self.gpu_busy = gauge("gpu_busy_ratio", "GPU utilisation, 0 to 1", "gpu", "vendor", how="mostrecent")
        self.workers = counter(
            "workers_lost",
            "Workers lost with their calls: ended (the process ended) or stuck (unresponsive, killed)",
            "how",
        )
        self.work_failures = counter("work_failures", "Faults of background work, which was started again", "work")
        self.webhooks = counter("webhooks", "Webhook deliveries that are over, by outcome", "event", "outcome")
        for how in ("ended", "stuck"):
            self.workers.labels(how)

    def webhook(self, event: str, outcome: str) -> None:
        """A delivery is over."""
        self.webhooks.labels(event, outcome).inc()

    def worker_lost(self, how: str) -> None:
        """One is gone, with its calls; another takes its place."""
        self.workers.labels(how).inc()

    def machine(self, machine: Machine) -> None:
        """A reading of this machine's graphics cards."""
        for gpu in machine.gpus[:NAMES]:
            labels = (str(gpu.index), gpu.vendor)
            self.gpu_used.labels(*labels).set(gpu.used_bytes)
            self.gpu_total.labels(*labels).set(gpu.total_bytes)
            if gpu.percent is not None:
                self.gpu_busy.labels(*labels).set(gpu.percent / 100)

    def work_failed(self, work: str) -> None:
        """Background work failed, and is started again. From any thread."""
        self.work_failures.labels(self._work(work)).inc()

    async def watch_loop(self) -> None:
        """Ten times a second: how late the event loop is. For the gateway's `TaskGroup`; until cancelled."""
        clock, process = asyncio.get_running_loop().time, psutil.Process()
        due, looks = clock(), 0
        while True:
            due += LAG_EVERY
            await asyncio.sleep(max(0.0, due - clock()))
            late = clock() - due
            self.lag.observe(max(0.0, late))
            due = max(due, clock() - LAG_EVERY)  # after a long stall: one look says it all
            if looks % SELF_EVERY == 0:
                times = process.cpu_times()
                self.memory.set(process.memory_info().rss)
                self.cpu.inc(max(0.0, times.user + times.system - self._spent))
                self._spent = times.user + times.system
            looks += 1
