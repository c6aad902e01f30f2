"""Whether a gateway should be sent calls: what is known of it, and of its workers by their metrics."""

from prometheus_client import CollectorRegistry

from lineside.gateway.readiness import FaultWatch, fault_counts, readiness
from lineside.observability.metrics import GatewayMetrics
from lineside.processes.backoff import HEALTHY_SECONDS

WELL = {"draining": False, "closing": False, "workers": None, "failing": (), "records": "", "in_workers": ()}


def test_all_that_is_wrong_is_told_and_one_worker_is_enough() -> None:
    """Each thing once, in order; nothing wrong: ready."""
    assert readiness(**WELL).status == "ready"  # type: ignore[arg-type]
    assert readiness(**WELL | {"workers": 1}).status == "ready"  # type: ignore[arg-type]
    told = readiness(
        closing=True,
        draining=False,
        workers=0,
        failing=["trends"],
        records="disk full",
        in_workers=["background work fails: trends"],
    )
    assert readiness(**WELL | {"closing": True, "draining": True}).reasons == ("the gateway drains",)  # type: ignore[arg-type]
    assert told.status == "not_ready"
    assert told.reasons == (
        "background work fails: trends",
        "call records: disk full",
        "no worker takes calls; they are being restarted",
        "the gateway closes",
    )


def test_a_fault_in_a_worker_is_known_by_its_counter_for_a_minute() -> None:
    """What was counted before the first look may be old; one that rises is a fault until it rests for a minute."""
    registry = CollectorRegistry()
    metrics, watch = GatewayMetrics(registry), FaultWatch()

    def look(at: float) -> list[str]:
        watch.take(fault_counts(registry.collect()), at)
        return sorted(watch.failing(at))

    metrics.records.records_fault("disk")
    assert look(0.0) == []
    metrics.records.records_fault("disk")
    metrics.process.work_failed("load shedder")
    metrics.records.write_failed()  # to a database that is away: that keeps nobody from taking calls
    wrong = ["background work fails: load shedder", "call records: disk fails"]
    assert look(10.0) == wrong
    assert look(10.0 + HEALTHY_SECONDS / 2) == wrong
    metrics.process.work_failed("load shedder")
    assert look(9.0 + HEALTHY_SECONDS) == wrong
    assert look(11.0 + HEALTHY_SECONDS) == wrong[:1]
    assert look(10.0 + 3 * HEALTHY_SECONDS) == []
