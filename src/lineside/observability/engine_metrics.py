"""Metrics of engines and their models."""

from collections.abc import Mapping

from lineside.errors import EngineBusy, EngineDisconnected, EngineError, EngineTimeout, EngineUnreachable
from lineside.observability.meters import STAGE_BUCKETS, BoundedLabel, MeterFactory

FAULTS = (EngineError, EngineBusy, EngineTimeout, EngineUnreachable, EngineDisconnected)
ENGINE_FAULTS = tuple(kind.__name__ for kind in FAULTS)


class EngineMetrics:
    """Failures, failovers and queues of engines; the models in memory. An observer of the engine registry."""

    def __init__(self, factory: MeterFactory) -> None:
        counter, gauge, histogram = factory.counter, factory.gauge, factory.histogram
        self.label = BoundedLabel("")  # of an engine
        self._model = BoundedLabel()
        self._in_memory: set[tuple[str, str]] = set()  # models that were there at the last look
        self.failures = counter("engine_failures", "Failed engine requests, by error class", "role", "engine", "kind")
        self.switches = counter("engine_switches", "Failovers from this engine to the next", "role", "engine")
        self.waiting = gauge("engine_waiting", "Requests waiting for a free connection to the engine", "role", "engine")
        self.queued = histogram(
            "engine_queue_seconds", "Time that requests waited for a free connection", STAGE_BUCKETS, "role", "engine"
        )
        self.model_memory = gauge(
            "model_memory_bytes", "Memory of each loaded model", "role", "model", how="mostrecent"
        )

    def begin(self, role: str, engine: str) -> None:
        """Have the meters of an engine at nought from its first call on: a rate sees the first fault too."""
        self.switches.labels(role, engine)
        self.waiting.labels(role, engine)
        self.queued.labels(role, engine)
        for kind in ENGINE_FAULTS:
            self.failures.labels(role, engine, kind)

    def engine_failed(self, role: str, engine: str, why: EngineError) -> None:
        """A request failed; its kind is the kind of the error."""
        self.failures.labels(role, self.label(engine), type(why).__name__).inc()

    def engine_switched(self, role: str, engine: str) -> None:
        """Another engine goes on for this one."""
        self.switches.labels(role, self.label(engine)).inc()

    def engine_waits(self, role: str, engine: str, more: int, seconds: float | None = None) -> None:
        """So many requests more (or, below nought, fewer) wait for it; `seconds`: how long one of them had."""
        engine = self.label(engine)
        self.waiting.labels(role, engine).inc(more)
        if seconds is not None:
            self.queued.labels(role, engine).observe(seconds)

    def models(self, loaded: Mapping[tuple[str, str], int]) -> None:
        """The models in memory now: role and name → bytes. One that has left stands at nought."""
        now: dict[tuple[str, str], int] = {}
        for (role, model), size in loaded.items():
            which = role, self._model(model)
            now[which] = now.get(which, 0) + size
        for role, model in self._in_memory | now.keys():  # over several processes none can be taken away
            self.model_memory.labels(role, model).set(now.get((role, model), 0))
        self._in_memory |= now.keys()
