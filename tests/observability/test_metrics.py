"""What Prometheus is told, that labels have a bound, and that every dashboard's query finds something."""

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from aiohttp import web

from lineside.engines.registry import EngineRegistry
from lineside.errors import EngineTimeout, ErrorCode
from lineside.host.machine import Cpu, Gpu, Machine, Ram
from lineside.line_report import LineMeasured
from lineside.observability.meters import NAMES
from lineside.observability.metrics import GatewayMetrics
from lineside.observability.turn_metrics import LINE_FAULTS
from lineside.protocol import (
    AudioStarted,
    BargeIn,
    Ended,
    EndReason,
    Error,
    FalseInterruption,
    LlmToken,
    ReplyMetrics,
    ServerMessage,
    TurnEnded,
    TurnStarted,
)
from lineside.settings import DATA
from lineside.transports.scripted import CallerSilent, CallerSpeaks
from tests.api.fixtures import engines as back_ends
from tests.api.fixtures import opened as control_api
from tests.call.fixtures import run_call, settings
from tests.fakes import serving
from tests.gateway.test_app import ServedGateway, event, events, with_served_gateway
from tests.patience import until

MONITORING = DATA / "monitoring"
DAY = 86_400.0  # seconds
ENGINES = {"stt": "faster-whisper", "llm": "embedded", "tts": "piper"}
TIMES = ReplyMetrics(
    at=1.0,
    turn=1,
    reply=1,
    endpoint_ms=1000,
    asr_ms=60,
    llm_first_ms=80,
    llm_ms=300,
    tts_first_ms=90,
    tts_ms=200,
    e2e_ms=1210,
)
STORY: list[ServerMessage] = [
    TurnStarted(at=0.5, turn=1),
    TurnEnded(at=1.0, turn=1),
    LlmToken(at=1.0, turn=1, reply=1, token="their words"),  # noqa: S106 - a word
    AudioStarted(at=1.0, turn=1, reply=1, latency_ms=1200),
    TIMES,
    BargeIn(at=1.0, turn=1, reply=1, heard="their words"),
    FalseInterruption(at=1.0, turn=1, reply=1, text="mm-hm"),
    Error(at=2.0, code="engine_error", message="their words", fatal=False),
    Ended(at=3.0, reason="caller_hung_up"),
]


def value(meters: GatewayMetrics, sample: str) -> float:
    """Of a sample, written as in the text format."""
    lines = dict(line.rsplit(" ", 1) for line in meters.text().decode().splitlines() if not line.startswith("#"))
    assert sample in lines, f"no {sample} in {sorted(lines)}"
    return float(lines[sample])


def busy(meters: GatewayMetrics) -> None:
    """A little of everything."""
    meters.limit.set(100)
    meter = meters.call("browser", ENGINES)
    for told in STORY:
        meter.on_event(told)
    meter.heard(0.02)
    meter.sent(0.1)
    meter.on_playout_gap(0.05)
    meters.call("browser", ENGINES).ended(12.0)
    meters.call_refused("full")
    meters.turns.prepared(committed=True)
    meters.turns.prepared(committed=False)
    meters.engines.engine_failed("tts", "piper", EngineTimeout("slow"))
    meters.engines.engine_switched("tts", "piper")
    meters.engines.engine_waits("tts", "piper", +1)
    meters.engines.engine_waits("tts", "piper", 0, 0.03)
    meters.engines.models({("llm", "qwen2.5-coder-0.5b"): 600_000_000})
    gpu = Gpu(index=0, vendor="amd", name="x", total_bytes=100, used_bytes=40, percent=30.0)
    meters.process.machine(Machine(at=0.0, cpu=Cpu(2, 10.0), ram=Ram(10, 5), gpus=(gpu,)))
    meters.process.lag.observe(0.001)
    meters.process.cpu.inc(0.1)
    meters.process.memory.set(1000)


def test_a_calls_events_are_counted() -> None:
    """Stages by engine, in seconds; turns, speech, barge-ins true and false, errors, ends."""
    meters = GatewayMetrics()
    busy(meters)
    for sample, count in (
        ('lineside_calls_active{line="browser"}', 1),
        ('lineside_calls_started_total{line="browser"}', 2),
        ('lineside_calls_total{line="browser",reason="caller_hung_up"}', 1),
        ('lineside_calls_refused_total{reason="full"}', 1),
        ('lineside_turns_total{line="browser"}', 1),
        ('lineside_speech_segments_total{line="browser"}', 1),
        ('lineside_barge_ins_total{kind="true",line="browser"}', 1),
        ('lineside_barge_ins_total{kind="false",line="browser"}', 1),
        ('lineside_errors_total{kind="engine_error",stage="engine"}', 1),
        ('lineside_engine_failures_total{engine="piper",kind="EngineTimeout",role="tts"}', 1),
        ('lineside_audio_seconds_total{direction="in",line="browser"}', 0.02),
        ('lineside_audio_chunks_total{direction="out",line="browser"}', 1),
        ('lineside_stage_seconds_sum{engine="",stage="e2e"}', 1.21),
        ('lineside_stage_seconds_bucket{engine="faster-whisper",le="0.05",stage="asr"}', 0),
        ('lineside_stage_seconds_bucket{engine="faster-whisper",le="0.1",stage="asr"}', 1),
        ('lineside_stage_seconds_count{engine="piper",stage="tts_first"}', 1),
        ('lineside_gpu_busy_ratio{gpu="0",vendor="amd"}', 0.3),
        ('lineside_speculations_total{outcome="wasted"}', 1),
    ):
        assert value(meters, sample) == pytest.approx(count), sample


def test_what_callers_say_is_in_no_metric() -> None:
    """Not a word of an event's text."""
    meters = GatewayMetrics()
    busy(meters)
    assert b"mm-hm" not in meters.text()
    assert b"their words" not in meters.text()


def test_a_stage_that_had_no_part_is_not_counted() -> None:
    """Null is no time of zero."""
    meters = GatewayMetrics()
    meters.call("browser", ENGINES).on_event(ReplyMetrics(at=1.0, turn=1, e2e_ms=10.0))
    assert b'stage="e2e"' in meters.text()
    assert b'stage="asr"' not in meters.text()


def test_labels_have_a_bound() -> None:
    """Whoever invents reasons, codes or lines makes no more series than there is room for."""
    meters = GatewayMetrics()
    meter = meters.call("browser", ENGINES)
    for number in range(1000):
        meter.on_event(Ended(at=0.0, reason=cast("EndReason", f"invented {number}")))
        meter.on_event(Error(at=0.0, code=cast("ErrorCode", f"invented {number}"), message="", fatal=False))
        meters.call(f"line {number}", ENGINES | {"tts": f"engine {number}"}).ended(1.0)
        meters.call_refused(f"why {number}")
    text = meters.text().decode()
    assert text.count("lineside_errors_total{") <= NAMES + 1
    assert text.count("lineside_calls_active{") <= NAMES + 1
    assert value(meters, 'lineside_errors_total{kind="other",stage="line"}') == 1000 - (NAMES - len(LINE_FAULTS) - 1)
    assert len(text) < 1_000_000


def test_requests_that_wait_for_an_engine_are_counted_and_given_up_ones_wait_no_longer() -> None:
    """One connection, three requests: two wait; one of them is given up, the other is timed."""
    meters = GatewayMetrics()
    waiting = 'lineside_engine_waiting{engine="openai",role="llm"}'
    queued = 'lineside_engine_queue_seconds_count{engine="openai",role="llm"}'

    async def main() -> float:
        """How long the one that is not given up waited at least: from when it is seen to wait."""
        go = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            await go.wait()
            return web.Response()

        app = web.Application()
        app.router.add_get("/", answer)
        registry = EngineRegistry(settings(llm_pool_size=1, openai_url="http://127.0.0.1:9"), observer=meters.engines)
        pool: aiohttp.ClientSession = registry._pool("llm", "openai")
        async with serving(app) as url:

            async def ask() -> None:
                async with pool.get(url):
                    pass

            asked = [asyncio.create_task(ask()) for _ in range(3)]
            await until(lambda: f"{waiting} 2.0" in meters.text().decode(), "two requests wait")
            since = time.monotonic()
            asked[1].cancel()
            await asyncio.wait([asked[1]])
            assert value(meters, waiting) == 1
            await asyncio.sleep(0.1)
            waited = time.monotonic() - since
            go.set()
            await asyncio.wait(asked)
            await registry.close()
            return waited

    at_least = asyncio.run(main(), debug=True)
    assert value(meters, waiting) == 0
    assert value(meters, queued) == 2
    assert value(meters, queued.replace("_count", "_sum")) >= at_least > 0.05


def test_models_in_memory_are_counted_and_one_that_left_stands_at_nought(tmp_path: Path) -> None:
    """As the engines that keep models tell the control API; a name that nobody knows beforehand has a bound."""
    meters = GatewayMetrics()

    async def main() -> None:
        async with control_api(tmp_path, loaded=meters.engines.models):
            await until(lambda: b"faster-whisper-base" in meters.text())

    asyncio.run(main(), debug=True)
    assert back_ends()["stt"]["faster-whisper"].models["faster-whisper-base"].memory_bytes == 9
    whisper = 'lineside_model_memory_bytes{model="faster-whisper-base",role="stt"}'
    assert value(meters, whisper) == 9
    meters.engines.models({("llm", f"pulled {number}"): 1 for number in range(1000)})
    assert value(meters, whisper) == 0
    assert value(meters, 'lineside_model_memory_bytes{model="other",role="llm"}') == 1000 - NAMES + 1
    assert meters.text().count(b"lineside_model_memory_bytes{") <= NAMES + 2


def test_a_clock_that_steps_in_mid_call_changes_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year forward: times are told by the monotonic clock and the caller's samples, never by the wall."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call()
        await event(ws)
        monkeypatch.setattr(time, "time", lambda: 4e9)
        await ws.send_str('{"type":"hangup"}')
        await events(ws)
        await until(lambda: not gateway_client.gateway.calls)
        assert 0 < value(gateway_client.gateway._meters, 'lineside_call_seconds_sum{line="browser"}') < DAY
        assert value(gateway_client.gateway._meters, "lineside_loop_lag_seconds_sum") < DAY

    with_served_gateway(story)


def test_a_scrape_that_takes_long_holds_no_call_and_is_made_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is being written twenty others ask, and calls come, are answered and end."""
    meters: list[GatewayMetrics] = []
    go = threading.Event()
    written = GatewayMetrics.text

    def slowly(self: GatewayMetrics) -> bytes:
        meters.append(self)
        go.wait(120.0)
        return written(self)

    async def story(gateway_client: ServedGateway) -> None:
        monkeypatch.setattr(GatewayMetrics, "text", slowly)

        async def scrape() -> int:
            async with gateway_client.http.get(gateway_client.url + "/metrics") as answer:
                return len(await answer.read())

        scrapes = [asyncio.create_task(scrape()) for _ in range(20)]
        for _ in range(3):
            ws = await gateway_client.call()
            await event(ws)
            await ws.send_str('{"type":"hangup"}')
            await events(ws)
        assert not any(one.done() for one in scrapes)
        go.set()
        assert all(await asyncio.gather(*scrapes))
        assert len(meters) == 1
        assert await scrape(), "the next one is a new one"
        assert len(meters) == 2

    with_served_gateway(story)


def test_names_that_a_caller_chose_make_no_series() -> None:
    """Engines, voices and codecs that there are not are refused under one name each, whatever was asked for."""

    async def story(gateway_client: ServedGateway) -> None:
        for number in range(20):
            hello = f'{{"codec":"pcm","tts_engine":"mine {number}","llm_model":"my model {number}"}}'
            await events(await gateway_client.call(hello))
        text = gateway_client.gateway._meters.text().decode()
        assert "mine" not in text
        assert "my model" not in text
        assert value(gateway_client.gateway._meters, 'lineside_calls_refused_total{reason="unknown_engine"}') == 20

    with_served_gateway(story)


def test_rates_see_the_first_of_a_kind() -> None:
    """What is always there stands at nought from the start."""
    meters = GatewayMetrics()
    assert value(meters, 'lineside_calls_active{line="browser"}') == 0
    assert value(meters, 'lineside_calls_refused_total{reason="full"}') == 0
    assert value(meters, 'lineside_errors_total{kind="bad_message",stage="line"}') == 0
    assert value(meters, 'lineside_errors_total{kind="engine_error",stage="engine"}') == 0
    meters.call("browser", ENGINES)
    failed = 'lineside_engine_failures_total{engine="piper",kind="EngineTimeout",role="tts"}'
    assert value(meters, failed) == 0


def test_counting_an_event_costs_next_to_nothing() -> None:
    """Of all a caller is told most are tokens, which count for nothing."""
    meter = GatewayMetrics().call("browser", ENGINES)
    token = LlmToken(at=1.0, turn=1, reply=1, token="a")  # noqa: S106 - a word
    began = time.process_time()
    for _ in range(10_000):
        meter.on_event(token)
    assert (time.process_time() - began) / 10_000 < 100e-6


def test_the_loops_lateness_is_measured() -> None:
    """A loop that is held for a third of a second was late by about as much."""
    meters = GatewayMetrics()

    async def main() -> None:
        watching = asyncio.create_task(meters.process.watch_loop())
        await asyncio.sleep(0.15)
        time.sleep(0.35)  # noqa: ASYNC251 - that is the fault to be seen
        await asyncio.sleep(0.25)
        watching.cancel()
        await asyncio.wait([watching])

    asyncio.run(main())
    count = value(meters, "lineside_loop_lag_seconds_count")
    assert count - value(meters, 'lineside_loop_lag_seconds_bucket{le="0.1"}') >= 1
    assert value(meters, "lineside_memory_bytes") > 10_000_000


WORKER = """
import sys
from lineside.observability.metrics import GatewayMetrics
meters = GatewayMetrics()
meter = meters.call("browser", {"stt": "a"})
meter.heard(1.5)
meters.limit.set(100)
if len(sys.argv) > 1:
    print(meters.text().decode())
"""


def test_several_processes_are_one(tmp_path: Path) -> None:
    """Counters add up over all workers, the dead ones too; gauges over those that live."""
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    first = subprocess.run([sys.executable, "-c", WORKER], env=env, check=True)
    assert first.returncode == 0
    (alive,) = tmp_path.glob("gauge_livesum_*")
    gone = f"from lineside.observability.metrics import worker_gone; worker_gone({alive.stem.split('_')[-1]})"
    subprocess.run([sys.executable, "-c", gone], env=env, check=True)
    second = subprocess.run([sys.executable, "-c", WORKER, "say"], env=env, check=True, capture_output=True, text=True)
    assert 'lineside_audio_seconds_total{direction="in",line="browser"} 3.0' in second.stdout
    assert 'lineside_calls_active{line="browser"} 1.0' in second.stdout, "the dead worker's call is no call"
    assert "lineside_calls_limit 100.0" in second.stdout


def test_a_real_call_is_counted_as_its_caller_was_told() -> None:
    """What the events of a held call come to."""
    meters = GatewayMetrics()
    meter = meters.call("browser", dict.fromkeys(ENGINES, "scripted"))
    held = run_call(CallerSpeaks(1.0), CallerSilent(6.0))
    for told in held.transport.events:
        meter.on_event(told)
    assert value(meters, 'lineside_turns_total{line="browser"}') == 1
    assert value(meters, 'lineside_stage_seconds_count{engine="",stage="e2e"}') == 1
    assert value(meters, 'lineside_calls_total{line="browser",reason="caller_hung_up"}') == 1


def test_how_good_a_telephone_line_was_is_counted_at_the_end_of_its_call() -> None:
    """By line; packets by what became of them; one that came twice makes nothing negative; unknown is not 0."""
    meters = GatewayMetrics()
    meters.call("sip", ENGINES).on_line_measured(
        LineMeasured(received=500, lost=-1, strangers=3, jitter=0.004, silence_after=0.02)
    )
    for sample, count in (
        ('lineside_line_packets_total{kind="received",line="sip"}', 500),
        ('lineside_line_packets_total{kind="lost",line="sip"}', 0),
        ('lineside_line_packets_total{kind="strangers",line="sip"}', 3),
        ('lineside_line_jitter_seconds_bucket{le="0.01",line="sip"}', 1),
        ('lineside_line_silence_seconds_bucket{le="0.02",line="sip"}', 1),
    ):
        assert value(meters, sample) == pytest.approx(count), sample
    assert value(meters, 'lineside_line_mark_lag_seconds_count{line="sip"}') == 0
