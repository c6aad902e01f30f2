"""What the control API costs the calls, and whether it can be trusted.

    .venv/bin/python bench/control.py [--calls 100] [--seconds 20] [--silero]
    .venv/bin/python bench/control.py --fuzz 10000

Without `--fuzz`: a gateway with scripted engines carries that many calls in its own event loop while another process
asks `/api/models` and `/api/gpu` ten times a second each. Printed are the times of the answers, and how late the loop's
own clock ticks with the requests and without them. A second gateway, without calls, is asked everything that changes
nothing; printed is the longest that a single step of its loop computed (thread CPU time, so that a busy machine does
not count). With `--fuzz`: schemathesis makes up so many requests from /openapi.json for a scripted gateway.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
import uvloop
from tests.audio.single_vad import SingleVad

from lineside.agents.agent import Agent
from lineside.audio.vad import LoudnessVad, VadModel
from lineside.call.session import CallSession
from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.models.store import locate
from lineside.protocol import FirstMessage
from lineside.settings import Settings, load_settings
from lineside.transports.scripted import CallerSilent, CallerSpeaks, ScriptedTransport

ROOT = Path(__file__).parents[1]
TICK = 0.005  # seconds between two looks at the loop's clock
PACE = 0.1  # seconds between two requests for the same thing
ASKED = ("/api/models", "/api/gpu")
HARMLESS = (
    *ASKED,
    "/api/engines",
    "/api/calls",
    "/api/agent",
    "/api/settings",
    "/openapi.json",
    "/docs",
    "/api/services",
)
AGENT = Agent(name="Bench", prompt="You answer.", greeting="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--silero", action="store_true", help="calls listen with the network, not by loudness")
    parser.add_argument("--fuzz", type=int, default=0, metavar="REQUESTS")
    parser.add_argument("--serve", choices=["calls", "steps"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve == "calls":
        uvloop.run(carry(given.calls, given.silero))
    elif given.serve == "steps":
        asyncio.run(steps())
    elif given.fuzz:
        fuzz(given.fuzz)
    else:
        asyncio.run(measure(given.calls, given.seconds, *(["--silero"] if given.silero else [])))


# ── the gateway under test, in a process of its own ────────────────────────────────────────────────────────────────


@asynccontextmanager
async def own_gateway() -> AsyncGenerator[RunningGateway, None]:
    scripted: dict[str, Any] = {f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(port=0, host_agent_url="", data_dir=Path(folder), **scripted)
        async with running_gateway(settings) as gateway:
            yield gateway


async def carry(calls: int, silero: bool) -> None:
    """Carry calls; at each line of the input, print how late the clock was since the line before."""
    async with own_gateway() as gateway:
        settings = load_settings()
        model = VadModel(locate("silero-vad", settings.models_dir) / "silero_vad.onnx") if silero else None
        held = [asyncio.create_task(hold(gateway, settings, model, 4.0 * n / calls)) for n in range(calls)]
        late: list[float] = []
        ticking = asyncio.create_task(tick(late))
        print(gateway.url, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(late), flush=True)
            late.clear()
        for task in (*held, ticking):
            task.cancel()
        await asyncio.wait([*held, ticking])


async def hold(gateway: RunningGateway, settings: Settings, model: VadModel | None, after: float) -> None:
    """One call after the other: a second of speech, three of silence, and so on."""
    await asyncio.sleep(after)
    while True:
        line = ScriptedTransport([CallerSpeaks(1.0), CallerSilent(3.0)] * 20)
        engines, voice = gateway.registry.choose(), SingleVad(model) if model else LoudnessVad()
        await CallSession(
            line, FirstMessage(codec="pcm"), agent=AGENT, engines=engines, settings=settings, vad=voice
        ).run()


async def tick(late: list[float]) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + TICK
        await asyncio.sleep(TICK)
        late.append(clock() - due)


async def steps() -> None:
    """Be asked; at each line of the input, print the longest steps of the loop since the line before."""
    longest: list[tuple[float, str]] = []
    run = asyncio.events.Handle._run

    def timed(self: asyncio.Handle) -> None:
        began = time.thread_time()
        run(self)
        longest.append((time.thread_time() - began, str(self)[:300]))
        longest.sort(reverse=True)
        del longest[5:]

    asyncio.events.Handle._run = timed  # type: ignore[method-assign]
    async with own_gateway() as gateway:
        print(gateway.url, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(longest), flush=True)
            longest.clear()


# ── who asks ───────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def started(*words: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """This program as the gateway; its address."""
    argv = [sys.executable, __file__, *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip().replace("localhost", "127.0.0.1"), process
        finally:
            process.stdin.close()


def arguments(process: "subprocess.Popen[str]") -> Any:
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


async def measure(calls: int, seconds: float, *more: str) -> None:
    with started("--serve", "calls", "--calls", str(calls), *more) as (url, process):
        await asyncio.sleep(5.0)  # the calls begin
        arguments(process)
        await asyncio.sleep(seconds)
        quiet = arguments(process)
        async with aiohttp.ClientSession(url) as http:
            times = await asyncio.gather(*(ask(http, path, seconds) for path in ASKED))
        busy = arguments(process)
    print(f"{calls} calls {' '.join(more)}, {seconds:g} s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for path, took in zip(ASKED, times, strict=True):
        print(f"{path}: {shown(took)} ({len(took)} answers)")
    print(f"clock late without requests: {shown(quiet)}")
    print(f"clock late with requests:    {shown(busy)}")
    with started("--serve", "steps") as (url, process):
        async with aiohttp.ClientSession(url) as http:
            for round_ in range(20):
                if round_ == 1:
                    arguments(process)  # what is only done once is not what a call meets
                for path in HARMLESS:
                    async with http.get(path) as answer:
                        await answer.read()
        longest = arguments(process)
    for took, what in longest:
        print(f"longest step of the loop: {1000 * took:.1f} ms of CPU in {re.sub(r'<.*?name=', '', what)[:110]}")


async def ask(http: aiohttp.ClientSession, path: str, seconds: float) -> list[float]:
    took = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        async with http.get(path) as answer:
            await answer.read()
            assert answer.status == 200, path
        took.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, began + PACE - time.perf_counter()))
    return took


def shown(seconds: list[float]) -> str:
    cut = quantiles(seconds, n=100)
    p50, p95, p99 = (f"{1000 * cut[i - 1]:.1f}" for i in (50, 95, 99))
    return f"p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, worst {1000 * max(seconds):.1f} ms"


# ── requests that are made up ──────────────────────────────────────────────────────────────────────────────────────


def fuzz(requests: int) -> None:
    """Run schemathesis until so many requests have been made, each time with another seed."""
    gateway = [sys.executable, "-m", "tests.api.open_server"]
    made, seed = 0, 1
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(gateway, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process,
    ):
        assert process.stdin
        assert process.stdout
        url = process.stdout.readline().strip()
        try:
            while made < requests:
                made += _fuzzed(url, seed, folder)
                seed += 1
                print(f"{made} requests", flush=True)
        finally:
            process.stdin.close()
    print(f"{made} requests: no 5xx, no answer that is not documented")


def _fuzzed(url: str, seed: int, folder: str) -> int:
    words = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--no-color"]
    limits = ["--max-examples", "100", "--request-timeout", "60", "--workers", "1", "--seed", str(seed)]
    quiet = ["--suppress-health-check", "all", "--generation-database", "none"]
    environment = os.environ | {"NO_PROXY": "127.0.0.1"}
    run = subprocess.run(
        [*words, *limits, *quiet], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    found = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    if run.returncode or found is None:
        sys.exit(f"{run.stdout[-20_000:]}{run.stderr[-2000:]}\nfound something, with --seed {seed}")
    return int(found[2])


if __name__ == "__main__":
    main()
