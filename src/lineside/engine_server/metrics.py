"""What the engine server did, in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats)."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import psutil

# Seconds; chosen around what matters to a caller: an answer that begins within a second is a conversation.
BUCKETS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)


class EngineServerMetrics:
    """Requests by endpoint and status, and how long they took."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._process = psutil.Process()

    def add(self, endpoint: str, status: int, seconds: float) -> None:
        """One request is done. `endpoint` is a route's own path, so there are few; status 499: the client left."""
        self._requests[endpoint, status] += 1
        self._seconds[endpoint] += seconds
        for bound in (*BUCKETS, float("inf")):
            self._within[endpoint, bound] += seconds <= bound

    def text(self, on_duty: Iterable[tuple[str, str, int, int]], ready: bool) -> str:
        """All of it; of each model on duty its role, its name, the requests at it now and the bytes it took."""
        requests, seconds = "lineside_engine_requests_total", "lineside_engine_request_seconds"
        lines = [f"# TYPE {requests} counter"]
        for (endpoint, status), count in sorted(self._requests.items()):
            lines.append(f'{requests}{{endpoint="{endpoint}",status="{status}"}} {count}')
        lines.append(f"# TYPE {seconds} histogram")
        for (endpoint, bound), count in sorted(self._within.items()):
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'{seconds}_bucket{{endpoint="{endpoint}",le="{le}"}} {count}')
        for endpoint, total in sorted(self._seconds.items()):
            lines.append(f'{seconds}_sum{{endpoint="{endpoint}"}} {total:.6f}')
            lines.append(f'{seconds}_count{{endpoint="{endpoint}"}} {self._within[endpoint, float("inf")]}')
        inside, loaded = ["# TYPE lineside_engine_inside gauge"], ["# TYPE lineside_engine_model_memory_bytes gauge"]
        for role, model, count, size in on_duty:
            inside.append(f'lineside_engine_inside{{role="{role}",model="{model}"}} {count}')
            loaded.append(f'lineside_engine_model_memory_bytes{{role="{role}",model="{model}"}} {size}')
        lines += [*inside, *loaded]
        memory, processor = self._process.memory_info().rss, self._process.cpu_times()
        gauges = {
            "lineside_engine_ready gauge": int(ready),
            "process_resident_memory_bytes gauge": memory,
            "process_cpu_seconds_total counter": round(processor.user + processor.system, 2),
            "process_start_time_seconds gauge": self._process.create_time(),
        }
        for kind, value in gauges.items():
            lines += [f"# TYPE {kind}", f"{kind.split()[0]} {value}"]
        return "\n".join(lines) + "\n"
