"""The last hour of the gateway in a few lines, for its page: for those who run no Prometheus, or want no other window.

Every ten seconds the meters of all processes are read, in a thread, and a few sums of them kept; the times of replies
are kept as they were measured. What happened between two looks is worked out when somebody asks. One look costs some
milliseconds, an hour of them a megabyte.
"""

import time
from array import array
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from lineside.engines.recent_fallbacks import RecentFallbacks
from lineside.observability.reply_times import ReplyTimes
from lineside.protocol import ReplyMetrics

if TYPE_CHECKING:  # whoever imports prometheus_client decides whether there are several processes: not the load tester
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

EVERY = 10.0  # seconds between two looks
MOST = 361  # looks: an hour
SUMS = {
    "lineside_calls_active": "calls",
    "lineside_turns_total": "turns",
    "lineside_calls_refused_total": "refused",
    "lineside_errors_total": "errors",
    "lineside_cpu_seconds_total": "cores",
    "lineside_memory_bytes": "memory_bytes",
}
LAG, GAPS, HOLE = "lineside_loop_lag_seconds", "lineside_playout_gap_seconds", 0.04
UNLIMITED = float("inf")


Line = tuple[float, ...]
Broken = Annotated[tuple[float | None, ...], Meta(description="null: nothing happened that could be measured")]


class Trends(Struct, frozen=True):
    """The last hour, over all workers: a point for every stretch of `every` seconds, all lines of one length."""

    every: float
    prometheus: Annotated[str, Meta(description="where more is known, for a browser; empty: no Prometheus is known")]
    grafana: Annotated[str, Meta(description="where it is shown; empty: no Grafana is known")]
    trouble: Annotated[str, Meta(description="why the newest figures are missing; empty: they are not")]
    limit: Annotated[int, Meta(description="calls that may be up at once")]
    at: Annotated[Line, Meta(description="the end of each stretch, seconds since 1970")]
    calls: Line
    memory_bytes: Line
    cores: Annotated[Line, Meta(description="processor cores that the gateway's processes kept busy")]
    turns_a_minute: Line
    refused_a_minute: Line
    errors_a_minute: Line
    gaps_a_minute: Annotated[Line, Meta(description="holes of more than 40 ms in replies")]
    replies: Annotated[Line, Meta(description="replies whose response time was measured")]
    loop_lag_p99_ms: Broken
    e2e_p50_ms: Annotated[Broken, Meta(description="from the caller's last sound to the first of the answer")]
    e2e_p95_ms: Broken
    endpoint_p50_ms: Broken
    asr_p50_ms: Broken
    llm_first_p50_ms: Broken
    tts_first_p50_ms: Broken


class Buckets(Struct, frozen=True):
    """A histogram at one moment. Packed: kept as a dict of floats, an hour of looks took many times as much."""

    bounds: tuple[float, ...]  # seconds, upper ones, in order; one tuple for all looks
    counts: "array[float]"  # how many were not above it


class TrendSample(Struct, frozen=True):
    """What the meters said at one moment."""

    at: float  # seconds since 1970
    ticks: float  # seconds of a clock that never steps
    sums: dict[str, float]
    buckets: dict[str, Buckets]  # of `LAG` and `GAPS`


class TrendHistory:
    """The last of them. Not for several threads at once."""

    def __init__(self) -> None:
        self._readings: deque[TrendSample] = deque(maxlen=MOST)
        self.replies, self.fallbacks = ReplyTimes(), RecentFallbacks()
        self.trouble = ""  # why the newest could not be taken

    def reply_measured(self, reply: ReplyMetrics) -> None:
        """A reply of any call was measured."""
        self.replies.add(reply)
        self.fallbacks.note(reply)

    def add(self, look: TrendSample) -> None:
        """One more."""
        self._readings.append(look)
        self.trouble = ""

    def _newest(self) -> float:
        """When the last one was, by today's clock: where that was set, all of them move with it."""
        return self._readings[-1].at

    def trends(self, limit: int = 0, prometheus: str = "", grafana: str = "") -> Trends:
        """What happened between them; `limit` is of calls, the addresses are of who knows more."""
        pairs = list(pairwise(self._readings))
        replies = self.replies.stretches([one.ticks for one in self._readings]) if pairs else []
        return Trends(
            every=EVERY,
            prometheus=prometheus,
            grafana=grafana,
            trouble=self.trouble,
            limit=limit,
            at=tuple(round(self._newest() - (pairs[-1][1].ticks - after.ticks), 1) for _, after in pairs),
            calls=tuple(after.sums["calls"] for _, after in pairs),
            memory_bytes=tuple(after.sums["memory_bytes"] for _, after in pairs),
            cores=tuple(round(_grown(pair, "cores") / _seconds(pair), 3) for pair in pairs),
            turns_a_minute=_a_minute(pairs, "turns"),
            refused_a_minute=_a_minute(pairs, "refused"),
            errors_a_minute=_a_minute(pairs, "errors"),
            gaps_a_minute=tuple(round(60 * _above(pair, GAPS, HOLE) / _seconds(pair), 2) for pair in pairs),
            replies=tuple(float(one.replies) for one in replies),
            loop_lag_p99_ms=tuple(quantile(pair, LAG, 0.99) for pair in pairs),
            e2e_p50_ms=tuple(one.quantile("e2e", 0.5) for one in replies),
            e2e_p95_ms=tuple(one.quantile("e2e", 0.95) for one in replies),
            endpoint_p50_ms=tuple(one.quantile("endpoint", 0.5) for one in replies),
            asr_p50_ms=tuple(one.quantile("asr", 0.5) for one in replies),
            llm_first_p50_ms=tuple(one.quantile("llm_first", 0.5) for one in replies),
            tts_first_p50_ms=tuple(one.quantile("tts_first", 0.5) for one in replies),
        )


def look(registry: "CollectorRegistry") -> TrendSample:
    """Read the meters now. Some milliseconds: call it in a thread."""
    return made_of(registry.collect())


def made_of(metrics: "Iterable[Metric]") -> TrendSample:
    """What these say, as a look at this moment."""
    sums = dict.fromkeys(SUMS.values(), 0.0)
    buckets: dict[str, dict[float, float]] = {name: {} for name in (LAG, GAPS)}
    for metric in metrics:
        if metric.type == "histogram":
            _add_buckets(metric, buckets)
            continue
        for sample in metric.samples:
            if sample.name in SUMS:
                sums[SUMS[sample.name]] += sample.value
    return TrendSample(time.time(), time.monotonic(), sums, {name: packed(counts) for name, counts in buckets.items()})


def packed(counts: dict[float, float]) -> Buckets:
    """From bound → how many were not above it."""
    ordered = sorted(counts.items())
    return Buckets(_one(tuple(bound for bound, _ in ordered)), array("d", (many for _, many in ordered)))


@lru_cache(maxsize=16)
def _one(bounds: tuple[float, ...]) -> tuple[float, ...]:
    """The same tuple for the same bounds."""
    return bounds


def _add_buckets(metric: "Metric", buckets: dict[str, dict[float, float]]) -> None:
    for sample in metric.samples:
        if sample.name.endswith("_bucket"):
            one = buckets.get(metric.name)
            if one is not None:
                bound = float(sample.labels["le"])
                one[bound] = one.get(bound, 0.0) + sample.value


def _seconds(pair: tuple[TrendSample, TrendSample]) -> float:
    return max(0.1, pair[1].ticks - pair[0].ticks)


def _grown(pair: tuple[TrendSample, TrendSample], name: str) -> float:
    """By how much; never less than nothing, whatever became of a worker's files."""
    return max(0.0, pair[1].sums[name] - pair[0].sums[name])


def _a_minute(pairs: Iterable[tuple[TrendSample, TrendSample]], name: str) -> tuple[float, ...]:
    return tuple(round(60 * _grown(pair, name) / _seconds(pair), 2) for pair in pairs)


def _between(pair: tuple[TrendSample, TrendSample], name: str) -> list[tuple[float, float]]:
    """Upper bounds in order, and how many were not above them, of what came between the two looks."""
    before, after = (look.buckets[name] for look in pair)
    earlier = dict(zip(before.bounds, before.counts, strict=True))
    counted = zip(after.bounds, after.counts, strict=True)
    return [(bound, max(0.0, many - earlier.get(bound, 0.0))) for bound, many in counted]


def _above(pair: tuple[TrendSample, TrendSample], name: str, bound: float) -> float:
    counts = dict(_between(pair, name))
    return counts.get(UNLIMITED, 0.0) - counts.get(bound, 0.0)


def quantile(pair: tuple[TrendSample, TrendSample], name: str, share: float) -> float | None:
    """In milliseconds, as Prometheus' histogram_quantile works it out: even within a bucket. None: none came."""
    counts = _between(pair, name)
    every = counts[-1][1] if counts else 0.0
    if not every:
        return None
    low, below = 0.0, 0.0
    for bound, many in counts:
        if many >= share * every:
            if bound == UNLIMITED:
                return round(1000 * low, 1)
            return round(1000 * (low + (bound - low) * (share * every - below) / max(many - below, 1e-9)), 1)
        low, below = bound, many
    return None
