"""Many recorded calls that end in every way there is, through a real gateway; then it is stopped.

    .venv/bin/python bench/mixed_calls.py [--calls 20000] [--at-once 40] [--workers 1]

Exits 1 when a recording or a call is not finished in the database, when a slot or a descriptor is left over, or when
the stop takes longer than 5 s.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.attacks.wire import answer_of, asked, frame, opened, text

STOP = 5.0  # seconds
SCRIPTED = {f"DEFAULT_{role}_ENGINE": "scripted" for role in ("STT", "LLM", "TTS")}
RESUME = "0.2"  # seconds that a broken call keeps its slot; with the default of 5 most of the time is spent waiting
dice = random.Random(1)  # noqa: S311 - the same calls each time
FIRST = {"codec": "pcm", "record": True}
Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def hangs_up(port: int, caller: Caller) -> None:
    """With a word."""
    caller[1].write(text({"type": "hangup"}))
    await ended(caller[0])


async def closes(port: int, caller: Caller) -> None:
    """As a browser does."""
    caller[1].write(frame(8, (1000).to_bytes(2, "big")))
    await ended(caller[0])


async def leaves_the_page(port: int, caller: Caller) -> None:
    """With another code and a reason."""
    caller[1].write(frame(8, (1001).to_bytes(2, "big") + b"going away"))
    await ended(caller[0])


async def is_reset(port: int, caller: Caller) -> None:
    """The connection breaks."""
    sock = caller[1].get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def just_goes(port: int, caller: Caller) -> None:
    """Without a close frame."""


async def closes_one_side(port: int, caller: Caller) -> None:
    """And waits for the other."""
    caller[1].write_eof()
    await ended(caller[0])


async def interrupts_and_goes(port: int, caller: Caller) -> None:
    """In the middle of an answer."""
    caller[1].write(text({"type": "text", "text": "tell me more"}))
    await asyncio.sleep(dice.uniform(0, 0.6))


async def breaks_the_rules(port: int, caller: Caller) -> None:
    """With a frame that is not masked."""
    caller[1].write(b"\x82\x05hello")
    await ended(caller[0])


async def floods(port: int, caller: Caller) -> None:
    """Until it is shed."""
    with suppress(OSError):
        for _ in range(40):
            caller[1].write(frame(9) * 500)
            await caller[1].drain()


async def sends_nonsense(port: int, caller: Caller) -> None:
    """More of it than is answered."""
    caller[1].write(frame(1, b"{") * 30)
    await ended(caller[0])


async def is_ended_by_an_operator(port: int, caller: Caller) -> None:
    """Whoever of all calls it hits, asked twice."""
    calls = json.loads(await answer_of(port, "/api/calls"))["calls"]
    for call in dice.sample(calls, min(1, len(calls))):
        for _ in range(2):
            await asked(port, "POST", f"/api/calls/{call['id']}/end", {}, b"")


WAYS: tuple[Callable[[int, Caller], Awaitable[None]], ...] = (
    *(hangs_up, closes, leaves_the_page, is_reset, just_goes, closes_one_side, interrupts_and_goes, breaks_the_rules),
    *(floods, sends_nonsense, is_ended_by_an_operator),
)


async def ended(reader: asyncio.StreamReader) -> None:
    """Wait until the gateway has closed."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(3):
            await reader.read()


async def one_call(port: int, number: int, ways: Counter[str]) -> None:
    """A call with some sound, which ends in one of the ways."""
    end, caller = WAYS[number % len(WAYS)], None
    while caller is None:
        try:
            caller = await opened(port, FIRST)
        except ConnectionRefusedError:  # all slots are held by calls whose end is being waited for
            ways["refused, and tried again"] += 1
            await asyncio.sleep(0.1)
    with suppress(OSError, asyncio.IncompleteReadError):
        await caller[0].readexactly(2)  # it is told that the call is ready
        caller[1].write(frame(2, os.urandom(640)) * dice.randrange(1, 40))
        await asyncio.sleep(dice.uniform(0, 0.2))
        await end(port, caller)
        caller[1].close()
        ways[end.__name__] += 1


async def all_calls(port: int, calls: int, at_once: int) -> Counter[str]:
    """So many, some at a time."""
    numbers, ways = iter(range(calls)), Counter[str]()

    async def some() -> None:
        for number in numbers:
            await one_call(port, number, ways)

    await asyncio.gather(*(some() for _ in range(at_once)))
    return ways


async def free(port: int) -> bool:
    """Whether every slot is free again, within ten seconds."""
    for _ in range(100):
        if json.loads(await answer_of(port, "/health"))["calls"] == 0:
            return True
        await asyncio.sleep(0.1)
    return False


async def run(calls: int, at_once: int, workers: int) -> int:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = int(finder.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="lineside-mixed-") as folder:
        chosen = {"PORT": str(port), "DATA_DIR": folder, "WORKERS": str(workers), "RESUME_S": RESUME}
        environment = os.environ | SCRIPTED | chosen
        with (Path(folder) / "log").open("wb") as said:
            server = subprocess.Popen(  # noqa: ASYNC220 - once, at the start
                [sys.executable, "-m", "lineside", "serve"], env=environment, stdout=said, stderr=said
            )
        try:
            while await asked(port, "GET", "/health", {}, b"") != 200:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)
            process = psutil.Process(server.pid)
            files, memory, began = process.num_fds(), process.memory_info().rss, time.monotonic()
            ways = await all_calls(port, calls, at_once)
            took, slots_free = time.monotonic() - began, await free(port)
            left, grown = process.num_fds() - files, process.memory_info().rss - memory
        finally:
            stopping = time.monotonic()
            server.send_signal(signal.SIGTERM)
            code = server.wait(60)
            stopped = time.monotonic() - stopping
        with closing(sqlite3.connect(Path(folder) / "records.db")) as database:
            kept = dict(database.execute("SELECT recording, count(*) FROM calls GROUP BY recording"))
            (open_calls,) = database.execute(
                "SELECT count(*) FROM calls WHERE reason IS NULL OR reason = ''"
            ).fetchone()
        files_kept = len(list((Path(folder) / "recordings").glob("*.flac")))
    refused = ways.pop("refused, and tried again", 0)
    print(f"{sum(ways.values())} of {calls} calls in {took:.0f} s, {refused} refused meanwhile: {dict(ways)}")
    print(f"kept calls by recording: {kept}; {files_kept} recordings on the disk; {open_calls} calls without an end")
    print(f"descriptors {left:+d}, memory {grown / 1e6:+.0f} MB, slots free: {slots_free}")
    print(f"stopped after {stopped:.1f} s with exit code {code}")
    whole = set(kept) <= {"kept", "none"} and files_kept == kept.get("kept", 0) and not open_calls
    whole = whole and sum(kept.values()) >= sum(ways.values()) >= 0.95 * calls
    return 0 if whole and slots_free and left <= 10 and stopped <= STOP and code == 0 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    wish = parser.parse_args()
    return asyncio.run(run(wish.calls, wish.at_once, wish.workers))


if __name__ == "__main__":
    sys.exit(main())
