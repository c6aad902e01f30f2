"""OpenTelemetry: one trace a call, one span a turn and a stage. Off unless `OTLP_ENDPOINT` names a collector.

The stages are not watched: a call tells at the end of each answer when every stage began and how long it took
(`ReplyMetrics`), and the spans are written from that, some fifty microseconds each. They leave in batches, over HTTP as
protobuf, from a thread of the SDK's own with a bounded queue; a collector that is gone costs spans, never a call. What
callers and agents say is in none of them.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lineside.call.observers import Observer
from lineside.errors import ConfigError
from lineside.protocol import (
    AudioStarted,
    BargeIn,
    Ended,
    Error,
    FalseInterruption,
    ReplyMetrics,
    ServerMessage,
    Transcript,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span

QUEUE = 4096  # spans that wait to be sent; newer ones are dropped
SEND = 5.0  # seconds for one batch to be taken; then it is given up
CLOSE = 3.0  # seconds for what is left when the gateway closes
STAGES = {"asr": "asr_ms", "llm": "llm_ms", "tts": "tts_ms"}
ROLES = {"asr": "stt", "llm": "llm", "tts": "tts"}


class Traces:
    """Where the traces of a process go."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint`: the collector's address, `http://host:4318`. Raises `ConfigError` where the SDK is missing."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as cause:
            raise ConfigError(
                "OTLP_ENDPOINT is set, and OpenTelemetry is not installed: pip install 'lineside[traces]'"
            ) from cause
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=SEND)
        self._provider = TracerProvider(resource=Resource.create({"service.name": "lineside"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE))
        self._tracer = self._provider.get_tracer("lineside")

    def call(self, call_id: str, line: str, engines: Mapping[str, str]) -> Observer:
        """A call has begun; what comes back must hear all of its events."""
        known = {f"lineside.engine.{role}": name for role, name in engines.items()}
        span = self._tracer.start_span(
            "call", attributes={"lineside.call.session": call_id, "lineside.line": line, **known}
        )
        return _CallTrace(self._tracer, span, engines)

    async def close(self) -> None:
        """Send what is left, for a bounded time."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is gone: nobody waited so long
                loop.call_soon_threadsafe(done.set)

        # A thread that nobody waits for at the end: a collector that hangs holds no process.
        threading.Thread(target=shut, name="traces", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE):
                await done.wait()


class _CallTrace(Observer):
    def __init__(self, tracer: Any, call: "Span", engines: Mapping[str, str]) -> None:
        from opentelemetry.trace import set_span_in_context

        self._under = set_span_in_context
        self._tracer, self._call, self._engines = tracer, call, engines
        self._context = set_span_in_context(call)
        self._asked: dict[int, int] = {}  # reply → the end of the caller's speech, ns; one or two at a time

    def on_event(self, event: ServerMessage) -> None:
        match event:
            case Transcript(reply=reply, latency_ms=ms) | AudioStarted(reply=reply, latency_ms=ms):
                self._asked.setdefault(reply, time.time_ns() - _ns(ms))
            case ReplyMetrics():
                self._turn(event)
            case BargeIn(turn=turn):
                self._asked.clear()  # the reply that was talked over is measured no further
                self._call.add_event("barge-in", {"lineside.turn": turn})
            case FalseInterruption(turn=turn):
                self._call.add_event("false_interruption", {"lineside.turn": turn})
            case Error(code=code):
                self._call.add_event("error", {"lineside.code": code})
            case Ended(reason=reason):
                self._call.set_attribute("lineside.reason", reason)
                self._call.end()

    def _turn(self, metrics: ReplyMetrics) -> None:
        zero = self._asked.pop(metrics.reply, None)
        if zero is None:
            return
        times = {name: getattr(metrics, name) for name in metrics.__struct_fields__ if name.endswith("_ms")}
        measured = {f"lineside.{name}": ms for name, ms in times.items() if ms is not None}
        where = {"lineside.turn": metrics.turn, "lineside.call.reply": metrics.reply, "lineside.wasted": metrics.wasted}
        starts = [ms for name, ms in times.items() if name.endswith("_from_ms") and ms is not None]
        began = zero + _ns(min([0.0, *starts]))
        turn = self._tracer.start_span("turn", self._context, start_time=began, attributes=where | measured)
        context = self._under(turn)
        if metrics.endpoint_ms is not None:
            self._stage("endpoint", context, zero, metrics.endpoint_ms)
        for stage, name in STAGES.items():
            start, took = times[f"{stage}_from_ms"], times[name]
            if start is not None and took is not None:
                self._stage(stage, context, zero + _ns(start), took, engine=self._engines.get(ROLES[stage], ""))
        turn.end()

    def _stage(self, name: str, context: Any, began: int, took_ms: float, engine: str = "") -> None:
        about = {"lineside.engine": engine} if engine else None
        self._tracer.start_span(name, context, start_time=began, attributes=about).end(end_time=began + _ns(took_ms))


def _ns(ms: float) -> int:
    return round(ms * 1e6)
