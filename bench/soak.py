"""Does anything grow? A day of one line on a virtual clock, or twenty minutes of fifty callers in real time.

    PYTHONPATH=. .venv/bin/python bench/soak.py virtual --hours 24
    PYTHONPATH=. .venv/bin/python bench/soak.py real --minutes 20 --calls 50

Virtual: calls of twenty seconds, one after the other, on scripted engines, in this process: speech, an answer that is
talked over, typed words, keys, silence. Real: the load tester's callers, who hang up after twenty seconds and call
again, at its own gateway with mock engines. Exit code 1 when memory grows by more than `SLOPE` for a thousand calls, or
when tasks, sockets or slots are left over.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import gc
import sys
import time

import numpy as np
import psutil
from msgspec import Struct
from msgspec.structs import replace
from tests.virtual_time import VirtualLoop

from lineside.agents.agent import Agent
from lineside.audio.vad import LoudnessVad
from lineside.call.fillers import PHRASES
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.gateway.call_registry import CallRegistry
from lineside.gateway.listening import TapTransport
from lineside.gateway.supervised_call import SupervisedCall
from lineside.loadtest import mock_engines
from lineside.loadtest.plan import Plan
from lineside.loadtest.recordings import recordings_in
from lineside.loadtest.results import Goal
from lineside.loadtest.runner import hold_test
from lineside.loadtest.server_under_test import own_gateway
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import Dtmf, FirstMessage, Text
from lineside.settings import load_settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks, Doing, ScriptedTransport

CALL_SECONDS = 20.0
SLOPE = 1.0  # MB for a thousand calls
WARM = 0.2  # of the samples, at the beginning: caches fill, the allocator finds its size
SAMPLES = 60

# Twenty seconds: a question and its answer, a second that is talked over, words, keys, and silence to the end.
SCRIPT: tuple[Doing, ...] = (
    CallerSpeaks(1.2),
    CallerSilent(4.0),
    CallerSpeaks(1.0),
    CallerSilent(2.0),
    CallerSpeaks(1.5),
    CallerSilent(3.0),
    CallerSends(Text("Hello")),
    CallerSilent(1.0),
    CallerSends(Dtmf("12")),
    CallerSilent(6.3),
)


class Sample(Struct, frozen=True):
    """After so many calls."""

    calls: int
    megabytes: float


def slope(samples: list[Sample]) -> float:
    """Megabytes for a thousand calls, by least squares, without the time of warming up."""
    kept = samples[int(WARM * len(samples)) :]
    if len(kept) < 3:
        return float("nan")
    grown, _ = np.polyfit([sample.calls for sample in kept], [sample.megabytes for sample in kept], 1)
    return float(grown) * 1000


async def a_day(hours: float) -> tuple[list[Sample], list[str]]:
    """One line on virtual time."""
    settings = load_settings(turn_profile="silence")
    board, meters = CallRegistry(1), GatewayMetrics()
    memory = CachedTTS(ScriptedTTS())
    for phrase in PHRASES:
        await memory.keep(phrase)
    engines = dict.fromkeys(("stt", "llm", "tts"), "scripted")
    count = max(SAMPLES, round(hours * 3600 / CALL_SECONDS))
    tasks, samples, wrong = len(asyncio.all_tasks()), list[Sample](), list[str]()
    for number in range(count):
        stt, llm = ScriptedSTT(), ScriptedLLM()  # they remember all that they are asked
        slot, line, meter = board.admit(), ScriptedTransport(SCRIPT), meters.call("browser", engines)
        call = CallSession(
            line,
            FirstMessage(codec="pcm"),
            agent=Agent(name="Soak", prompt="You answer.", greeting="Hello"),
            engines=Engines(stt, llm, memory, engines, memory),
            settings=settings,
            vad=LoudnessVad(),
            observers=(slot, meter),
        )
        control = SupervisedCall(call, TapTransport(line, slot.on_sound))
        slot.answered(control, facts=CallFacts(line="browser"), codec="pcm", rate=16_000, engines=engines)
        reason = await call.run()
        meter.ended(CALL_SECONDS)
        board.free(slot)
        if reason != "caller_hung_up" or board.calls or len(asyncio.all_tasks()) != tasks:
            wrong.append(f"call {number}: {reason}, {board.calls} slots, {len(asyncio.all_tasks())} tasks")
        if number % (count // SAMPLES) == 0:
            gc.collect()
            samples.append(Sample(number, psutil.Process().memory_info().rss / 1e6))
    return samples, wrong


def virtual(hours: float) -> tuple[list[Sample], list[str]]:
    """Runs on a clock that jumps."""
    loop, began = VirtualLoop(), time.monotonic()
    try:
        found = loop.run_until_complete(a_day(hours))
        print(f"{loop.time() / 3600:.1f} h of one line in {time.monotonic() - began:.0f} s")
        return found
    finally:
        loop.close()


async def real(minutes: float, calls: int) -> tuple[list[Sample], list[str]]:
    """The load tester's callers at its own gateway."""
    plan = Plan(
        url="",
        callers=calls,
        duration=minutes * 60,
        ramp=CALL_SECONDS,
        call_length=CALL_SECONDS,
        recordings=recordings_in(None),
        answer_seconds=mock_engines.ANSWER_SECONDS,
    )
    samples, wrong = list[Sample](), list[str]()
    async with own_gateway(speculation=False) as gateway:
        process, began = psutil.Process(gateway.pid), time.monotonic()
        before = process.num_fds(), process.num_threads()
        plan = replace(plan, url=gateway.url)

        async def watch() -> None:
            while True:
                held = (time.monotonic() - began) / CALL_SECONDS * calls
                samples.append(Sample(round(held), sum(_family(process)) / 1e6))
                await asyncio.sleep(minutes * 60 / SAMPLES)

        watching = asyncio.create_task(watch())
        found, _ = await hold_test(plan, Goal(first_ms=10_000), notice=lambda outlook: None, own=gateway)
        watching.cancel()
        await asyncio.sleep(3.0)  # sockets are closed by both sides
        after = process.num_fds(), process.num_threads()
        print(f"{found.calls} calls, {found.turns} turns; files and threads {before} before, {after} after")
        wrong += [f"errors: {found.errors}"] if found.errors else []
        if after[0] > before[0] + 1:  # the connection that asked for /health or /metrics may be kept open
            wrong.append(f"{after[0] - before[0]} sockets or files are left over")
        samples = [Sample(round(s.calls * found.calls / max(1, samples[-1].calls)), s.megabytes) for s in samples]
    return samples, wrong


def _family(process: psutil.Process) -> list[int]:
    return [each.memory_info().rss for each in (process, *process.children(recursive=True))]


def main() -> None:
    """Soak, and say what grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clock", choices=["virtual", "real"])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--calls", type=int, default=50)
    arguments = parser.parse_args()
    if arguments.clock == "virtual":
        samples, wrong = virtual(arguments.hours)
    else:
        samples, wrong = asyncio.run(real(arguments.minutes, arguments.calls))
    grown = slope(samples)
    first, last = samples[int(WARM * len(samples))], samples[-1]
    print(f"{last.calls} calls; {first.megabytes:.1f} MB after {first.calls}, {last.megabytes:.1f} MB at the end")
    print(
        "MB after so many calls: " + ", ".join(f"{s.megabytes:.1f} after {s.calls}" for s in samples[:: SAMPLES // 12])
    )
    print(f"memory grows by {grown:+.2f} MB for a thousand calls (at most {SLOPE:g})")
    if not grown <= SLOPE:
        wrong.append("memory grows")
    for trouble in wrong[:10]:
        print(trouble)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
