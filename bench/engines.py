"""What one engine server can do: how long a request takes with so many at once, and what it costs in processor time.

    PYTHONPATH=. .venv/bin/python bench/engines.py [--roles stt llm tts] [--at-once 1 2 4] [--requests 24]
    PYTHONPATH=. .venv/bin/python bench/engines.py --url http://HOST:PORT --stt MODEL --llm MODEL --tts MODEL

Without `--url` it starts the embedded engine server, one thread a model, and counts that process's time too. It prints
`[[engine]]` tables for `lineside plan --figures`: a request takes `fixed_s` and `unit_s` for each unit of it (second of
speech heard, token written, second of sound spoken), fitted by least squares over requests of several lengths, and
`variation` is the standard deviation of a request's time over its mean. `--clock cpu` writes processor time in place of
the wall clock's: with one request at once and one thread that is what an otherwise idle core would take, so it may be
used on a machine with other work.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import numpy as np
import psutil
from msgspec import Struct

from lineside.audio.wav import read_wav, wav_bytes
from lineside.engine_server.launch import engine_server
from lineside.loadtest.recordings import OWN

LENGTHS = (0.8, 1.6, 2.4, 3.2, 4.8, 6.4)  # seconds of speech that is heard
TOKENS = (8, 16, 32, 48)  # the most that an answer may have
SENTENCES = (
    "One moment, please.",
    "We are open on Saturdays from nine to one.",
    "Your order left our warehouse this morning and should be with you tomorrow.",
    "A router is included with each of our plans, and it is yours to keep when you leave us.",
    "If the light on the box is red, please unplug it, wait for half a minute, and plug it in again.",
)
QUESTIONS = ("Tell me how to reset a router.", "Name the days of the week.", "What is broadband?", "Describe a sofa.")
PROMPT = "You answer the telephone of a company that sells broadband. Answer in two or three short sentences."
LIMIT = 120.0  # seconds for one request; beyond it the server counts as dead

Ask = Callable[[int], Awaitable[float]]  # the number of a request → units of work that it was


class Request(Struct, frozen=True):
    """One request that was answered."""

    seconds: float
    units: float


class Run(Struct, frozen=True):
    """Requests of one role with so many at once."""

    at_once: int
    requests: list[Request]
    seconds: float  # of the wall clock, all together
    cpu: float  # seconds of the server's process; 0 where it is not ours


def speech() -> list[bytes]:
    """WAV files of several lengths: a recording of the package from its beginning, again and again."""
    whole = read_wav((OWN / "saturday.wav").read_bytes())
    sound = whole.pcm * 8
    return [wav_bytes(sound[: 2 * round(length * whole.rate)], whole.rate) for length in LENGTHS]


def asks(http: aiohttp.ClientSession, names: dict[str, str]) -> dict[str, Ask]:
    """How each role is asked, as a call asks it."""
    files = speech()

    async def hear(number: int) -> float:
        form = aiohttp.FormData({"model": names["stt"], "language": "en"})
        form.add_field("file", files[number % len(files)], filename="turn.wav", content_type="audio/wav")
        async with http.post("/v1/audio/transcriptions", data=form) as answer:
            await answer.read()
        return LENGTHS[number % len(files)]

    async def think(number: int) -> float:
        told = [("system", PROMPT), ("user", QUESTIONS[number % len(QUESTIONS)])]
        messages = [{"role": role, "content": content} for role, content in told]
        body = {"model": names["llm"], "messages": messages, "max_tokens": TOKENS[number % len(TOKENS)], "stream": True}
        async with http.post("/v1/chat/completions", json=body) as answer:
            return sum([1.0 async for line in answer.content if b'"content":"' in line.replace(b": ", b":")])

    async def say(number: int) -> float:
        body = {"model": names["tts"], "voice": names["voice"], "input": SENTENCES[number % len(SENTENCES)]}
        async with http.post("/v1/audio/speech", json=body | {"response_format": "wav"}) as answer:
            return read_wav(await answer.read()).seconds

    return {"stt": hear, "llm": think, "tts": say}


async def run(ask: Ask, at_once: int, count: int, process: psutil.Process | None) -> Run:
    """`count` requests, `at_once` of them under way all the time."""
    numbers, done = iter(range(count)), list[Request]()

    async def client() -> None:
        for number in numbers:
            began = time.monotonic()
            units = await ask(number)
            done.append(Request(time.monotonic() - began, units))

    began, cpu = time.monotonic(), used(process)
    async with asyncio.TaskGroup() as clients:
        for _ in range(at_once):
            clients.create_task(client())
    return Run(at_once, done, time.monotonic() - began, used(process) - cpu)


def used(process: psutil.Process | None) -> float:
    """Processor time of a process until now."""
    return sum(process.cpu_times()[:2]) if process else 0.0


def table(role: str, name: str, runs: list[Run], given: argparse.Namespace) -> str:
    """One engine as `lineside plan --figures` reads it."""
    source = f"bench/engines.py --clock {given.clock}, {len(runs[0].requests)} requests, load {os.getloadavg()[0]:.1f}"
    lines = ["[[engine]]", f'name = "{given.name or name}"', f'role = "{role}"', f'device = "{given.device}"']
    lines += [f"cores = {given.cores}", f'card = "{given.card}"', f"memory_gb = {given.memory_gb}"]
    lines += [f'source = "{source}"', f"date = {datetime.now(UTC):%Y-%m-%d}"]
    for one in runs:
        scale = one.cpu / sum(request.seconds for request in one.requests) if given.clock == "cpu" else 1.0
        seconds = [scale * request.seconds for request in one.requests]
        units = [request.units for request in one.requests]
        unit, fixed = np.polyfit(units, seconds, 1) if len(set(units)) > 1 else (0.0, statistics.fmean(seconds))
        if fixed < 0:  # all of it is units
            unit, fixed = sum(seconds) / sum(units), 0.0
        variation = statistics.pstdev(seconds) / statistics.fmean(seconds)
        rate = len(one.requests) / one.seconds
        lines.append(
            f"# {rate:.2f} requests and {sum(units) / one.seconds:.1f} units a second; {one.cpu:.1f} s of cores"
        )
        lines += ["[[engine.at_once]]", f"requests = {one.at_once}", f"fixed_s = {fixed:.4f}", f"unit_s = {unit:.5f}"]
        lines += [f"variation = {variation:.2f}"]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def server(given: argparse.Namespace) -> AsyncGenerator[tuple[str, psutil.Process | None], None]:
    """The server that is measured, and its process where that is ours."""
    if given.url:
        yield given.url, None
        return
    folder, mine = given.models_dir.expanduser(), psutil.Process()
    async with engine_server(models_dir=folder, stt=given.stt, llm=given.llm, tts=given.tts, threads=1) as url:
        (child,) = [one for one in mine.children() if "lineside.engine_server" in one.cmdline()]
        yield url, child


async def measure(given: argparse.Namespace) -> None:
    """Each role by itself, one after the other."""
    names = {"stt": given.stt, "llm": given.llm, "tts": given.tts, "voice": given.voice}
    headers = {"Authorization": f"Bearer {given.key}"} if given.key else {}
    async with server(given) as (url, process):
        limit = aiohttp.ClientTimeout(total=LIMIT)
        async with aiohttp.ClientSession(url, headers=headers, timeout=limit, raise_for_status=True) as http:
            asked = asks(http, names)
            for role in given.roles:
                await run(asked[role], 1, 2, process)  # what is read once is read
                runs = [await run(asked[role], at_once, given.requests, process) for at_once in given.at_once]
                print(table(role, names[role], runs, given), flush=True)


def main() -> None:
    """Print a table for each role."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="", help="an OpenAI-shaped server; without it the embedded one is started")
    parser.add_argument("--key", default="")
    parser.add_argument("--roles", nargs="+", choices=["stt", "llm", "tts"], default=["stt", "llm", "tts"])
    parser.add_argument("--stt", default="faster-whisper-base")
    parser.add_argument("--llm", default="qwen2.5-coder-0.5b")
    parser.add_argument("--tts", default="hibari-heart")
    parser.add_argument("--voice", default="")
    parser.add_argument("--at-once", nargs="+", type=int, default=[1])
    parser.add_argument("--requests", type=int, default=24)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--name", default="", help="of the figures; default: the model's")
    parser.add_argument("--device", default="1 core", help="in words: what the server runs on")
    parser.add_argument("--cores", type=float, default=1, help="that one server of this engine needs")
    parser.add_argument("--card", default="", help="the kind of card that it needs")
    parser.add_argument("--memory-gb", type=float, default=1.0)
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside"))
    given = parser.parse_args()
    if given.clock == "cpu" and (given.url or given.at_once != [1]):
        parser.error("--clock cpu needs the embedded server and --at-once 1: only then is it what a core would take")
    asyncio.run(measure(given))


if __name__ == "__main__":
    main()
