"""What Prometheus is told: counted at the joints of a call, from the events that its caller is told anyway.

Every label has a bound: lines, engines, stages and reasons are names of ours, and what might come from elsewhere is
counted as `other` beyond the first `NAMES`. Nothing here waits, and nothing is counted once a frame: sound is added up
by the line and told about once for every message.

Several processes: with `PROMETHEUS_MULTIPROC_DIR` set before this is imported, prometheus_client keeps its numbers in
files there, one set a process; `text` of any worker then adds them all up. Gauges say how (`livesum`: over the workers
that live). Whoever starts workers empties the folder first and calls `worker_gone` for each one that ends.
"""

import os
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from lineside.call.observers import Observer
from lineside.line_report import LineMeasured
from lineside.observability.audio_metrics import AudioMetrics
from lineside.observability.engine_metrics import EngineMetrics
from lineside.observability.meters import BoundedLabel, MeterFactory
from lineside.observability.process_metrics import ProcessMetrics
from lineside.observability.records_metrics import RecordsMetrics
from lineside.observability.turn_metrics import COUNTED, TurnMetrics
from lineside.protocol import Ended, ServerMessage, Transcript, TurnStarted
from lineside.transports.base import AudioMeter

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
CALL_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)


class GatewayMetrics:
    """All metrics of one process: those of calls here, the rest by subject."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry or CollectorRegistry()
        factory = MeterFactory(self._registry)
        self.turns, self.audio, self.engines = TurnMetrics(factory), AudioMetrics(factory), EngineMetrics(factory)
        self.records, self.process = RecordsMetrics(factory), ProcessMetrics(factory)
        counter, gauge, histogram = factory.counter, factory.gauge, factory.histogram
        self._line, self._reason = BoundedLabel("browser"), BoundedLabel()
        self.active = gauge("calls_active", "Active calls", "line")
        self.limit = gauge("calls_limit", "Maximum concurrent calls (MAX_CONCURRENT_CALLS)", how="livemax")
        self.calls = counter("calls", "Ended calls, by end reason", "line", "reason")
        self.started = counter("calls_started", "Answered calls", "line")
        refusals = "full, key_limit (MAX_CALLS_PER_KEY), closing, or what was wrong"
        self.refused = counter("calls_refused", f"Refused calls, by reason: {refusals}", "reason")
        outcomes = "resumed, expired, no_room, gave_way (to a new caller); and refused attempts to resume"
        self.broken = counter("calls_broken", f"Calls whose connection broke, by outcome: {outcomes}", "outcome")
        self.call_seconds = histogram("call_seconds", "Call duration", CALL_BUCKETS, "line")
        for meter in (self.active, self.started, self.call_seconds):
            meter.labels("browser")
        for outcome in ("resumed", "expired", "no_room", "gave_way", "refused"):
            self.broken.labels(outcome)
        for reason in ("full", "key_limit", "closing"):
            self.refused.labels(self._reason(reason))

    def call(self, line: str, engines: Mapping[str, str]) -> "CallMetrics":
        """A call is answered; `engines` are role → engine. What is returned observes the call."""
        known = {role: self.engines.label(name) for role, name in engines.items()}
        for role, name in known.items():
            self.engines.begin(role, name)
        return CallMetrics(self, self._line(line), known)

    def call_refused(self, reason: str) -> None:
        """A call is refused: `full`, `key_limit`, `closing`, or what was wrong with its first message."""
        self.refused.labels(self._reason(reason)).inc()

    def call_broken(self, outcome: str) -> None:
        """What became of a broken connection: `resumed`, `expired`, `no_room`, `gave_way` or `refused`."""
        self.broken.labels(outcome).inc()

    def observe(self, event: ServerMessage, line: str, engines: Mapping[str, str]) -> None:
        """Count what a caller is told."""
        if isinstance(event, Ended):
            self.calls.labels(line, self._reason(event.reason)).inc()
        else:
            self.turns.observe(event, line, engines)

    def text(self) -> bytes:
        """All of it in Prometheus' text format (`CONTENT_TYPE`). Some milliseconds: call it in a thread."""
        return generate_latest(self.all())

    def all(self) -> CollectorRegistry:
        """The metrics of all processes, to be read."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # prometheus_client's own switch, read by it at import
            return self._registry
        everybody = CollectorRegistry()
        multiprocess.MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
        return everybody


class CallMetrics(Observer, AudioMeter):
    """The meters of one call, found once: what is counted often costs a microsecond."""

    hears = (Transcript, Ended, *COUNTED)

    def __init__(self, metrics: GatewayMetrics, line: str, engines: Mapping[str, str]) -> None:
        self._metrics, self._line, self._engines = metrics, line, engines
        self._turn = 0  # the last that began
        audio = metrics.audio
        self._in_seconds, self._out_seconds = (audio.seconds.labels(way, line) for way in ("in", "out"))
        self._in_chunks, self._out_chunks = (audio.chunks.labels(way, line) for way in ("in", "out"))
        self._gaps = audio.gaps.labels(line)
        metrics.started.labels(line).inc()
        metrics.active.labels(line).inc()

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        match event:
            case TurnStarted(turn=turn):
                self._turn = turn
            case Transcript(turn=turn) if turn > self._turn:  # words of a turn that never sounded: it was typed
                self._turn = turn
                self._metrics.turns.turns.labels(self._line).inc()
        self._metrics.observe(event, self._line, self._engines)

    def heard(self, seconds: float, chunks: int = 1) -> None:
        """Sound came from the caller. A line with many small messages adds up before it tells."""
        self._in_seconds.inc(seconds)
        self._in_chunks.inc(chunks)

    def sent(self, seconds: float, chunks: int = 1) -> None:
        """Sound went to the caller."""
        self._out_seconds.inc(seconds)
        self._out_chunks.inc(chunks)

    def on_line_measured(self, measured: LineMeasured) -> None:
        """See `Observer`."""
        self._metrics.audio.line_measured(self._line, measured)

    def on_playout_gap(self, seconds: float) -> None:
        """See `Observer`."""
        self._gaps.observe(seconds)

    def on_prepared_reply(self, *, committed: bool) -> None:
        """See `Observer`."""
        self._metrics.turns.prepared(committed=committed)

    def ended(self, seconds: float) -> None:
        """The call is over, after so long. Once a call, whatever became of it."""
        self._metrics.active.labels(self._line).dec()
        self._metrics.call_seconds.labels(self._line).observe(seconds)


def worker_gone(pid: int) -> None:
    """A worker process ended: its gauges count no longer, its counters do. For whoever started it."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
