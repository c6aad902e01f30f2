"""The plan's waits against measured ones: engine servers of known service times, asked at random moments.

    .venv/bin/python -m bench.queueing [--seconds 400] [--seed 0]

Three set-ups that the formula was not fitted on: one recogniser, two recognisers behind HAProxy, which has requests
wait for one that is free, and a voice whose sentences take times of every length. Each is first asked one request after
the other, which gives the figures that a plan is made from; then as callers who do not know of each other would ask it.
Service times are sleeps, so a machine that does other work besides hardly matters. Needs Debian's `haproxy`.
"""

import argparse
import asyncio
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from math import log
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import aiohttp
from bench.engine_plane import NAMES, RATE, FixedLLM, free_port, models_of
from msgspec import Struct

from lineside.audio.wav import wav_bytes
from lineside.engine_server.asr.whisper import Samples, Segment, WhisperTranscript
from lineside.engine_server.server import EngineServerOptions, open_engine_server
from lineside.engine_server.tts.piper import SynthesizedSentence
from lineside.planning.queueing import ServiceQueue

SERVICE = 0.1  # seconds
ALONE = 500  # requests, one after the other, for the figures
SOUND = wav_bytes(b"\0\x10\0\xf0" * 1600, 16_000)


class SteadySTT:
    """Takes the same time for every sound."""

    def transcribe(
        self, samples: Samples, language: str = "en", prompt: str = "", digits: int | None = None
    ) -> WhisperTranscript:
        """See `SttModel`."""
        time.sleep(SERVICE)
        return WhisperTranscript(len(samples) / 16_000, language, (Segment(0.0, 0.2, "Yes.", -0.2, 0.01, 1.1),))


class WildTTS:
    """Takes a time of exponential distribution for every sentence; of `ALONE` in a row each time comes once."""

    rate = RATE

    def __init__(self) -> None:
        self._times: list[float] = []

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        """See `TtsModel`."""
        if not self._times:
            self._times = exponential(1 / SERVICE, ALONE, random.Random(1))  # noqa: S311
        time.sleep(self._times.pop())
        yield SynthesizedSentence(b"\0\x10\0\xf0" * 100, True)


class SetUp(Struct, frozen=True):
    """What is asked, and how busy it shall be."""

    name: str
    servers: int
    path: str
    body: Callable[[], Any]
    busy: float


def sound() -> aiohttp.FormData:
    """A fifth of a second."""
    form = aiohttp.FormData()
    form.add_field("file", SOUND, filename="utterance.wav", content_type="audio/wav")
    return form


def sentence() -> aiohttp.JsonPayload:
    """A short one."""
    return aiohttp.JsonPayload({"input": "We open at nine.", "model": "", "voice": ""})


STT, TTS = "/v1/audio/transcriptions", "/v1/audio/speech"
SET_UPS = (
    SetUp("one recogniser", 1, STT, sound, 0.6),
    SetUp("two recognisers behind HAProxy", 2, STT, sound, 0.75),
    SetUp("one voice of wild times", 1, TTS, sentence, 0.5),
)


@asynccontextmanager
async def engine_server() -> AsyncGenerator[int, None]:
    """The port of one."""
    options = EngineServerOptions("127.0.0.1", 0, Path(), NAMES, [], 1, 4, False)
    listener = socket.create_server(("127.0.0.1", 0))
    models = models_of({"stt": SteadySTT, "llm": FixedLLM, "tts": WildTTS})
    async with open_engine_server(options, models, listener) as loading:
        await loading
        yield int(listener.getsockname()[1])


@asynccontextmanager
async def balanced(ports: list[int], folder: Path) -> AsyncGenerator[int, None]:
    """HAProxy before these, with one request at a time at each."""
    port, config = free_port(), folder / "haproxy.cfg"
    servers = "\n".join(f"  server s{each} 127.0.0.1:{each} maxconn 1" for each in ports)
    waits = "  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  timeout queue 60s"
    listens = f"listen engines\n  bind 127.0.0.1:{port}\n  balance leastconn\n{servers}\n"
    config.write_text(f"global\n  maxconn 1000\ndefaults\n{waits}\n{listens}")
    haproxy = await asyncio.create_subprocess_exec(shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", config)
    try:
        while not await _listens(port):  # noqa: ASYNC110 - it tells nobody when it is ready
            await asyncio.sleep(0.05)
        yield port
    finally:
        haproxy.terminate()
        await haproxy.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def exponential(rate: float, count: int, order: random.Random) -> list[float]:
    """So many seconds of exponential distribution, `rate` to a second, each length as often as it has it."""
    found = [-log(1 - (number + 0.5) / count) / rate for number in range(count)]
    order.shuffle(found)
    return found


async def measure(http: aiohttp.ClientSession, port: int, setup: SetUp, seconds: float, seed: int) -> str:
    """A row of the table."""
    loop = asyncio.get_running_loop()

    async def ask() -> float:
        began = loop.time()
        async with http.post(f"http://127.0.0.1:{port}{setup.path}", data=setup.body()) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()
        return loop.time() - began

    alone = [await ask() for _ in range(ALONE)]
    service, variation = fmean(alone), pstdev(alone) / fmean(alone)
    if setup.path == STT:
        variation = 0.0  # a sleep; what is measured of it is this machine's other work
    arrivals = setup.busy * setup.servers / service
    due, took = loop.time(), list[asyncio.Task[float]]()
    async with asyncio.TaskGroup() as callers:
        for gap in exponential(arrivals, round(arrivals * seconds), random.Random(seed)):  # noqa: S311
            due += gap
            await asyncio.sleep(max(0.0, due - loop.time()))
            took.append(callers.create_task(ask()))
    waited = fmean([each.result() for each in took]) - service
    planned = ServiceQueue(setup.servers, arrivals, service, variation).mean_wait_s
    figures = f"{1000 * service:.1f} ms | {setup.busy:.0%} | {len(took)} | {1000 * planned:.1f} ms"
    return f"| {setup.name} | {figures} | {1000 * waited:.1f} ms | {waited / planned - 1:+.0%} |"


async def measure_all(seconds: float, seed: int) -> None:
    """All of them at once: each sleeps most of the time."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        ports = [await stack.enter_async_context(engine_server()) for _ in range(4)]
        two = await stack.enter_async_context(balanced(ports[1:3], folder))
        entrances = (ports[0], two, ports[3])
        rows = await asyncio.gather(
            *(
                measure(http, port, setup, seconds, seed + number)
                for number, (port, setup) in enumerate(zip(entrances, SET_UPS, strict=True))
            )
        )
    print("| set-up | service | busy | requests | planned mean wait | measured | off by |")
    print("\n".join(rows), flush=True)


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=400.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(measure_all(given.seconds, given.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
