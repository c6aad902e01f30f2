"""The engine server's Prometheus metrics."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

# Seconds; chosen around what matters to a caller: an answer that begins within a second is a conversation.
BUCKETS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)


class ModelUse(NamedTuple):
    """A loaded model: the requests in it now, and the bytes of memory that it took."""

    role: str
    model: str
    requests: int
    memory_bytes: int


class EngineServerMetrics:
    """Requests by endpoint and status, how long they took, and the loaded models."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lineside_engine_requests",
            "Requests by endpoint and status",
            ["endpoint", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "lineside_engine_request_seconds",
            "Seconds from a request to the end of its answer",
            ["endpoint"],
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._models = _LoadedModels()
        self._registry.register(self._models)
        ProcessCollector(registry=self._registry)

    def add(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a finished request. `endpoint` is a route's own path, so there are few; status 499: the client left."""
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def text(self, models: Iterable[ModelUse], ready: bool) -> str:
        """All metrics in Prometheus' text format."""
        self._models.now, self._models.ready = tuple(models), ready
        return prometheus_client.generate_latest(self._registry).decode()


class _LoadedModels(Collector):
    def __init__(self) -> None:
        self.now: tuple[ModelUse, ...] = ()
        self.ready = False

    def collect(self) -> Iterator[GaugeMetricFamily]:
        labels = ["role", "model"]
        inside = GaugeMetricFamily("lineside_engine_inside", "Requests in a model now, waiting ones too", labels=labels)
        memory = GaugeMetricFamily("lineside_engine_model_memory_bytes", "Memory that a model took", labels=labels)
        for use in self.now:
            inside.add_metric([use.role, use.model], use.requests)
            memory.add_metric([use.role, use.model], use.memory_bytes)
        yield inside
        yield memory
        yield GaugeMetricFamily("lineside_engine_ready", "1 when all default models are loaded", value=int(self.ready))
