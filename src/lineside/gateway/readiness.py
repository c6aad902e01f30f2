"""Whether this gateway should be sent calls, and why not: `GET /ready`, for load balancers.

A full gateway is ready: it refuses the call that is too many in words, and has room again a moment later. So is one
whose database is away: every gateway that shares it would say no at once, and none of them loses a call or a record.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from lineside.processes.backoff import HEALTHY_SECONDS

if TYPE_CHECKING:  # whoever imports prometheus_client decides whether there are several processes
    from prometheus_client.metrics_core import Metric

# Counters of faults, whichever process met them → what is wrong while one of them rises; `{}` is its label.
FAULTS = {
    "lineside_work_failures_total": "background work fails: {}",
    "lineside_records_faults_total": "call records: {} fails",
}


class FaultWatch:
    """What the workers' metrics tell of their faults. A counter that rose within the last minute is a fault now."""

    def __init__(self) -> None:
        self._counted: dict[str, float] | None = None
        self._rose: dict[str, float] = {}  # what is wrong → when it was last counted

    def take(self, counted: dict[str, float], at: float) -> None:
        """What `fault_counts` told at this moment, in seconds. The first time says nothing: it may be old."""
        if self._counted is not None:
            for what, times in counted.items():
                if times > self._counted.get(what, 0.0):
                    self._rose[what] = at
        self._counted = counted
        self._rose = {what: when for what, when in self._rose.items() if at - when < HEALTHY_SECONDS}

    def failing(self, at: float) -> list[str]:
        """What is wrong at this moment."""
        return [what for what, when in self._rose.items() if at - when < HEALTHY_SECONDS]


def fault_counts(metrics: "Iterable[Metric]") -> dict[str, float]:
    """How often each fault was counted, over all processes. Some milliseconds: call it in a thread."""
    counted: dict[str, float] = {}
    for metric in metrics:
        for sample in metric.samples:
            if sample.name in FAULTS:
                what = FAULTS[sample.name].format(next(iter(sample.labels.values()), ""))
                counted[what] = counted.get(what, 0.0) + sample.value
    return counted


class Readiness(Struct, frozen=True):
    """The answer of `GET /ready`."""

    status: str  # ready or not_ready
    reasons: tuple[str, ...] = ()  # why not, sorted; of all that is wrong each once


def readiness(
    *,
    closing: bool,
    draining: bool,
    workers: int | None,
    failing: Iterable[str],
    records: str,
    in_workers: Iterable[str],
) -> Readiness:
    """Put together what is known.

    Args:
        closing: whether the gateway takes no more calls.
        draining: whether that is because it drains.
        workers: how many take calls; None where this process holds the calls.
        failing: background work of this process that fails.
        records: what is wrong with the records of this process, besides the database; empty: nothing.
        in_workers: what `FaultWatch` knows.
    """
    reasons = set(in_workers) | {FAULTS["lineside_work_failures_total"].format(work) for work in failing}
    if closing:
        reasons.add("the gateway drains" if draining else "the gateway closes")
    if workers == 0:
        reasons.add("no worker takes calls; they are being restarted")
    if records:
        reasons.add(f"call records: {records}")
    return Readiness("not_ready" if reasons else "ready", tuple(sorted(reasons)))
