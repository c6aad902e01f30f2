"""What Prometheus is told: counted at the joints of a call, from the events that its caller is told anyway.

Every label has a bound: lines, engines, stages and reasons are names of ours, and what might come from elsewhere is
counted as `other` beyond the first `NAMES`. Nothing here waits, and nothing is counted once a frame: sound is added up
by the line and told about once for every message.

Several processes: with `PROMETHEUS_MULTIPROC_DIR` set before this is imported, prometheus_client keeps its numbers in
files there, one set a process; `text` of any worker then adds them all up. Gauges say how (`livesum`: over the workers
that live). Whoever starts workers empties the folder first and calls `worker_gone` for each one that ends.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from lineside.call.observers import Observer
from lineside.errors import EngineBusy, EngineError, EngineTimeout, EngineUnreachable
from lineside.host.machine import Machine
from lineside.protocol import (
    BargeIn,
    Ended,
    Error,
    FalseInterruption,
    ReplyMetrics,
    ServerMessage,
    TurnEnded,
    TurnStarted,
)
from lineside.transports.base import AudioMeter

NAMES = 64  # values of one label; further ones are counted as `other`
OTHER = "other"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# Seconds. Fine where a conversation is decided, from 10 ms to 10 s.
STAGE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0)
CALL_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
GAP_BUCKETS = (0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.0, 2.0, 5.0)
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LAG_EVERY = 0.1  # seconds between two looks at how late the event loop is
SELF_EVERY = 10  # looks between two readings of this process's memory and processor time

Stage = Literal["endpoint", "asr", "llm_first", "llm", "tts_first", "tts", "e2e"]
STAGES: tuple[Stage, ...] = get_args(Stage)
ROLE: dict[Stage, str] = {"asr": "stt", "llm_first": "llm", "llm": "llm", "tts_first": "tts", "tts": "tts"}
How = Literal["livesum", "livemax", "mostrecent"]  # how a gauge is one over several processes
LINE_FAULT, ENGINE_FAULT = "line", "engine"  # stages of `lineside_errors_total`
# What a caller's line may be told in a call; a code that is not here is counted too, from its first time on.
LINE_FAULTS = (
    "bad_message",
    "too_many_messages",
    "too_many_turns",
    "frame_too_large",
    "odd_length",
    "too_fast",
    "caller_not_reading",
)
RECORDS_PARTS = ("database", "disk", "archive", "recordings", "retention", "clock", "deletion")  # of the call archive
ENGINE_FAULTS = tuple(kind.__name__ for kind in (EngineError, EngineBusy, EngineTimeout, EngineUnreachable))


class BoundedLabel:
    """The values that one label may have: those that were named beforehand, and the first few of all others."""

    def __init__(self, *known: str) -> None:
        self._known = set(known)

    def __call__(self, value: str) -> str:
        """The value, or `other`."""
        if value not in self._known:
            if len(self._known) >= NAMES:
                return OTHER
            self._known.add(value)
        return value


class GatewayMetrics:
    """All meters of one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry or CollectorRegistry()
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self._line, self._engine, self._reason, self._kind = (
            BoundedLabel("browser"),
            BoundedLabel(""),
            BoundedLabel(),
            BoundedLabel(),
        )
        self._model, self._work = BoundedLabel(), BoundedLabel()
        self._spent = 0.0  # seconds of processor time that are counted already
        self._in_memory: set[tuple[str, str]] = set()  # models that were there at the last look
        self.active = gauge("calls_active", "Active calls", "line")
        self.limit = gauge("calls_limit", "Maximum concurrent calls (MAX_CONCURRENT_CALLS)", how="livemax")
        self.calls = counter("calls", "Ended calls, by end reason", "line", "reason")
        self.started = counter("calls_started", "Answered calls", "line")
        self.refused = counter("calls_refused", "Refused calls, by reason: full, closing, no_key", "reason")
        self.call_seconds = histogram("call_seconds", "Call duration", CALL_BUCKETS, "line")
        self.turns = counter("turns", "Caller turns that ended and were answered", "line")
        self.stages = histogram(
            "stage_seconds",
            "Latency of each stage of a reply; empty engine: a stage of lineside's own",
            STAGE_BUCKETS,
            "stage",
            "engine",
        )
        self.errors = counter(
            "errors", "Errors during calls: stage line or engine, and the error's code", "stage", "kind"
        )
        self.failures = counter("engine_failures", "Failed engine requests, by error class", "role", "engine", "kind")
        self.switches = counter("engine_switches", "Failovers from this engine to the next", "role", "engine")
        self.waiting = gauge("engine_waiting", "Requests waiting for a free connection to the engine", "role", "engine")
        self.queued = histogram(
            "engine_queue_seconds", "Time that requests waited for a free connection", STAGE_BUCKETS, "role", "engine"
        )
        self.seconds = counter(
            "audio_seconds", "Audio received from callers (in) and sent to them (out)", "direction", "line"
        )
        self.chunks = counter("audio_chunks", "Audio messages received (in) and sent (out)", "direction", "line")
        self.segments = counter("speech_segments", "Speech segments that started a turn", "line")
        self.barge_ins = counter(
            "barge_ins", 'Barge-ins; kind="false": a false interruption, the reply resumed', "line", "kind"
        )
        self.speculations = counter(
            "speculations", "Replies prepared before the end of turn: committed (played) or wasted (dropped)", "outcome"
        )
        self.gaps = histogram(
            "playout_gap_seconds", "Gaps in reply audio: audio was due and not ready", GAP_BUCKETS, "line"
        )
        self.lag = histogram("loop_lag_seconds", "Event-loop lag, sampled ten times a second", LAG_BUCKETS)
        self.memory = gauge("memory_bytes", "Resident memory of the gateway and its workers")
        self.cpu = counter("cpu_seconds", "CPU time of the gateway and its workers")
        self.model_memory = gauge(
            "model_memory_bytes", "Memory of each loaded model", "role", "model", how="mostrecent"
        )
        self.gpu_used = gauge("gpu_memory_used_bytes", "GPU memory in use", "gpu", "vendor", how="mostrecent")
        self.gpu_total = gauge("gpu_memory_bytes", "GPU memory, total", "gpu", "vendor", how="mostrecent")
        self.gpu_busy = gauge("gpu_busy_ratio", "GPU utilisation, 0 to 1", "gpu", "vendor", how="mostrecent")
        self.spool = gauge("records_spool_bytes", "Records on disk waiting for the database")
        self.write_failures = counter("records_write_failures", "Failed writes of records to the database or the disk")
        self.given_up = counter("recordings_given_up", "Recordings dropped because the disk was full or too slow")
        self.workers = counter(
            "workers_lost",
            "Workers lost with their calls: ended (the process ended) or stuck (unresponsive, killed)",
            "how",
        )
        self.work_failures = counter("work_failures", "Faults of background work, which was started again", "work")
        self.lost = counter("records_lost", "Records lost: no room in database, disk and memory")
        self.aside = counter("records_set_aside", "Records that the database refused, kept in DATA_DIR/set-aside.jsonl")
        self.records_faults = counter("records_faults", "Errors of the call archive, which retries", "part")

        self._begin()

    def _begin(self) -> None:
        """What is always there, at nought: a rate sees the first of a kind too, and a panel is never empty."""
        for meter in (self.active, self.started, self.turns, self.segments, self.call_seconds, self.gaps):
            meter.labels("browser")
        for reason in ("full", "closing"):
            self.refused.labels(self._reason(reason))
        for how in ("ended", "stuck"):
            self.workers.labels(how)
        for part in RECORDS_PARTS:
            self.records_faults.labels(part)
        for outcome in ("committed", "wasted"):
            self.speculations.labels(outcome)
        for code in LINE_FAULTS:
            self.errors.labels(LINE_FAULT, self._kind(code))
        self.errors.labels(ENGINE_FAULT, self._kind("engine_error"))
        for kind in ("true", "false"):
            self.barge_ins.labels("browser", kind)

    # ── at the door ────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, line: str, engines: Mapping[str, str]) -> "CallMetrics":
        """A call is answered; `engines` are role → engine. The meter is told the rest."""
        known = {role: self._engine(name) for role, name in engines.items()}
        for role, name in known.items():  # at nought from the first call on: a rate sees the first fault too
            self.switches.labels(role, name)
            self.waiting.labels(role, name)
            self.queued.labels(role, name)
            for kind in ENGINE_FAULTS:
                self.failures.labels(role, name, kind)
        return CallMetrics(self, self._line(line), known)

    def worker_lost(self, how: str) -> None:
        """One is gone, with its calls; another takes its place."""
        self.workers.labels(how).inc()

    def call_refused(self, reason: str) -> None:
        """A call is not taken: `full`, `closing`, `no_key`."""
        self.refused.labels(self._reason(reason)).inc()

    # ── in a call ──────────────────────────────────────────────────────────────────────────────────────────────────

    def observe(self, event: ServerMessage, line: str, engines: Mapping[str, str]) -> None:
        """Count what a caller is told. For every event of a call but `ready`; most of them count for nothing."""
        match event:
            case ReplyMetrics():
                for stage in STAGES:
                    ms = getattr(event, f"{stage}_ms")
                    if ms is not None:
                        engine = engines.get(ROLE.get(stage, ""), "")
                        self.stages.labels(stage, engine).observe(ms / 1000)
            case TurnStarted():
                self.segments.labels(line).inc()
            case TurnEnded():
                self.turns.labels(line).inc()
            case BargeIn():
                self.barge_ins.labels(line, "true").inc()
            case FalseInterruption():
                self.barge_ins.labels(line, "false").inc()
            case Error(code=code):
                where = ENGINE_FAULT if code == "engine_error" else LINE_FAULT
                self.errors.labels(where, self._kind(code)).inc()
            case Ended(reason=reason):
                self.calls.labels(line, self._reason(reason)).inc()
            case _:
                return

    def speculated(self, *, committed: bool) -> None:
        """A reply that was prepared early is played, or was for nothing."""
        self.speculations.labels("committed" if committed else "wasted").inc()

    # ── engines ────────────────────────────────────────────────────────────────────────────────────────────────────

    def engine_failed(self, role: str, engine: str, why: EngineError) -> None:
        """A request failed; its kind is the kind of the error."""
        self.failures.labels(role, self._engine(engine), type(why).__name__).inc()

    def engine_switched(self, role: str, engine: str) -> None:
        """Another engine goes on for this one."""
        self.switches.labels(role, self._engine(engine)).inc()

    def engine_waits(self, role: str, engine: str, more: int, seconds: float | None = None) -> None:
        """So many requests more (or, below nought, fewer) wait for it; `seconds`: how long one of them had."""
        engine = self._engine(engine)
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

    def machine(self, machine: Machine) -> None:
        """A reading of this machine's graphics cards."""
        for gpu in machine.gpus[:NAMES]:
            labels = (str(gpu.index), gpu.vendor)
            self.gpu_used.labels(*labels).set(gpu.used_bytes)
            self.gpu_total.labels(*labels).set(gpu.total_bytes)
            if gpu.percent is not None:
                self.gpu_busy.labels(*labels).set(gpu.percent / 100)

    # ── records; from the archive's threads ────────────────────────────────────────────────────────────────────────

    def spooled(self, size: int) -> None:
        """So many bytes wait for the database."""
        self.spool.set(size)

    def write_failed(self) -> None:
        """The database or the disk took nothing this time."""
        self.write_failures.inc()

    def recording_given_up(self) -> None:
        """A recording was given up."""
        self.given_up.inc()

    def entries_lost(self, many: int) -> None:
        """There was no room for them anywhere."""
        self.lost.inc(many)

    def entries_set_aside(self, many: int) -> None:
        """The database refuses them; they are in a file of their own."""
        self.aside.inc(many)

    def records_fault(self, part: str) -> None:
        """A part of the archive failed unexpectedly, and tries again."""
        self.records_faults.labels(part).inc()

    # ── this process ───────────────────────────────────────────────────────────────────────────────────────────────

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

    def text(self) -> bytes:
        """All of it in Prometheus' text format (`CONTENT_TYPE`). Some milliseconds: call it in a thread."""
        return generate_latest(self.all())

    def all(self) -> CollectorRegistry:
        """The meters of all processes, to be read."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # prometheus_client's own switch, read by it at import
            return self._registry
        everybody = CollectorRegistry()
        multiprocess.MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
        return everybody

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"lineside_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str, how: How = "livesum") -> Gauge:
        return Gauge(f"lineside_{name}", about, labels, registry=self._registry, multiprocess_mode=how)

    def _histogram(self, name: str, about: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"lineside_{name}", about, labels, registry=self._registry, buckets=buckets)


class CallMetrics(Observer, AudioMeter):
    """The meters of one call, found once: what is counted often costs a microsecond."""

    def __init__(self, meters: GatewayMetrics, line: str, engines: Mapping[str, str]) -> None:
        self._meters, self._line, self._engines = meters, line, engines
        self._in_seconds, self._out_seconds = (meters.seconds.labels(way, line) for way in ("in", "out"))
        self._in_chunks, self._out_chunks = (meters.chunks.labels(way, line) for way in ("in", "out"))
        self._gaps = meters.gaps.labels(line)
        meters.started.labels(line).inc()
        meters.active.labels(line).inc()

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        self._meters.observe(event, self._line, self._engines)

    def heard(self, seconds: float, chunks: int = 1) -> None:
        """Sound came from the caller. A line with many small messages adds up before it tells."""
        self._in_seconds.inc(seconds)
        self._in_chunks.inc(chunks)

    def sent(self, seconds: float, chunks: int = 1) -> None:
        """Sound went to the caller."""
        self._out_seconds.inc(seconds)
        self._out_chunks.inc(chunks)

    def on_playout_gap(self, seconds: float) -> None:
        """See `Observer`."""
        self._gaps.observe(seconds)

    def on_prepared_reply(self, *, committed: bool) -> None:
        """See `Observer`."""
        self._meters.speculated(committed=committed)

    def over(self, seconds: float) -> None:
        """The call is over, after so long. Once a call, whatever became of it."""
        self._meters.active.labels(self._line).dec()
        self._meters.call_seconds.labels(self._line).observe(seconds)


def worker_gone(pid: int) -> None:
    """A worker process ended: its gauges count no longer, its counters do. For whoever started it."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
