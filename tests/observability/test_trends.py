"""The last hour in figures: what happened between two looks at the meters."""

import tracemalloc

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from lineside.observability.metrics import GatewayMetrics
from lineside.observability.trends import LAG, MOST, TrendHistory, TrendSample, look, packed
from lineside.protocol import ReplyMetrics, TurnEnded


def looked(
    at: float, calls: float = 0.0, *, counts: dict[str, dict[float, float]] | None = None, **sums: float
) -> TrendSample:
    named = {"calls": calls, "turns": 0.0, "refused": 0.0, "errors": 0.0, "cores": 0.0, "memory_bytes": 0.0}
    buckets = {name: packed((counts or {}).get(name, {})) for name in (LAG, "lineside_playout_gap_seconds")}
    return TrendSample(at, at, named | sums, buckets)


def test_the_meters_are_read_as_calls_move_them() -> None:
    """Two calls up, one refused, one turn answered in 0.8 s: the figures say so."""
    registry = CollectorRegistry()
    meters, looks = GatewayMetrics(registry), TrendHistory()
    looks.add(look(registry))
    first = meters.call("browser", {"stt": "s", "llm": "l", "tts": "t"})
    meters.call("telephone", {"stt": "s", "llm": "l", "tts": "t"})
    meters.call_refused("full")
    first.on_event(TurnEnded(at=1.0, turn=1))
    reply = ReplyMetrics(at=1.0, turn=1, reply=1, e2e_ms=800.0, asr_ms=200.0)
    first.on_event(reply)
    looks.replies.add(reply)
    first.on_playout_gap(0.1)
    looks.add(look(registry))
    trends = looks.trends()
    assert trends.calls == (2.0,)
    assert trends.turns_a_minute[0] > 0
    assert trends.refused_a_minute[0] == pytest.approx(trends.turns_a_minute[0], rel=0.01)
    assert trends.gaps_a_minute[0] == pytest.approx(trends.turns_a_minute[0], rel=0.01)
    assert (trends.replies, trends.e2e_p50_ms, trends.e2e_p95_ms) == ((1.0,), (800.0,), (800.0,))
    assert trends.asr_p50_ms == (200.0,)
    assert trends.llm_first_p50_ms == (None,)
    assert trends.errors_a_minute == (0.0,)


def test_what_is_told_is_a_rate_and_not_a_sum() -> None:
    """Twelve turns in ten seconds are 72 a minute; the seconds before count for nothing."""
    looks = TrendHistory()
    for one in (looked(0.0, turns=100), looked(10.0, turns=112, cores=5.0), looked(20.0, turns=112, cores=5.0)):
        looks.add(one)
    trends = looks.trends()
    assert trends.turns_a_minute == (72.0, 0.0)
    assert trends.cores == (0.5, 0.0)
    assert trends.at == (10.0, 20.0)


def test_a_worker_that_is_gone_makes_nothing_less_than_nothing() -> None:
    """Its gauges go with it, and no line falls below nought."""
    looks = TrendHistory()
    looks.add(looked(0.0, calls=5, cores=9.0))
    looks.add(looked(10.0, calls=2, cores=4.0))
    assert looks.trends().cores == (0.0,)
    assert looks.trends().calls == (2.0,)


def test_quantiles_lie_within_their_bucket() -> None:
    """As Prometheus works them out: even within a bucket, and the last bound for what is above all."""
    looks = TrendHistory()
    looks.add(looked(0.0))
    lag = {0.5: 0.0, 1.0: 100.0, 2.0: 200.0, float("inf"): 200.0}
    looks.add(looked(10.0, counts={LAG: lag}))
    looks.add(looked(20.0, counts={LAG: lag | {float("inf"): 300.0}}))
    assert looks.trends().loop_lag_p99_ms == (1980.0, 2000.0)


def test_an_hour_of_looks_takes_a_megabyte() -> None:
    """A gateway's memory must not seem to grow because somebody counts what it does."""
    registry = CollectorRegistry()
    meters, looks = GatewayMetrics(registry), TrendHistory()
    call = meters.call("browser", {"stt": "s", "llm": "l", "tts": "t"})
    tracemalloc.start()
    try:
        for n in range(MOST):
            call.on_event(ReplyMetrics(at=1.0, turn=n, reply=n, e2e_ms=800.0, asr_ms=200.0))
            looks.add(look(registry))
            if n == 0:
                before, _ = tracemalloc.get_traced_memory()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1.5e6


def test_an_hour_is_kept_and_no_more() -> None:
    """However long the gateway is up."""
    looks = TrendHistory()
    for n in range(MOST + 100):
        looks.add(looked(10.0 * n, calls=n))
    trends = looks.trends()
    assert len(trends.at) == len(trends.calls) == len(trends.e2e_p50_ms) == MOST - 1
    assert trends.calls[-1] == MOST + 99


def test_before_the_second_look_there_is_nothing_to_tell() -> None:
    """Empty lines, not an error."""
    looks = TrendHistory()
    looks.add(looked(0.0))
    assert looks.trends(5, "http://p", "http://g").at == ()
    assert (looks.trends(5, "http://p", "http://g").prometheus, looks.trends(5, "http://p", "http://g").grafana) == (
        "http://p",
        "http://g",
    )


def test_a_clock_that_is_set_back_bends_no_line() -> None:
    """The points stay in their order, ten seconds apart, and end now."""
    looks = TrendHistory()
    for n, wall in enumerate((1000.0, 1010.0, 520.0, 530.0)):
        looks.add(looked(10.0 * n))
        looks._readings[-1] = structs.replace(looks._readings[-1], at=wall)
    assert looks.trends().at == (510.0, 520.0, 530.0)


def test_a_look_that_fails_is_told_until_one_succeeds() -> None:
    """The page says why the newest figures are missing."""
    looks = TrendHistory()
    looks.trouble = "the meters could not be read: disk"
    assert looks.trends().trouble == "the meters could not be read: disk"
    looks.add(looked(0.0))
    assert looks.trends().trouble == ""
