"""Whoever has a key and means harm, or has a broken program: readers who do not read, and questions that cost."""

import asyncio
import json
import os
import time
from contextlib import suppress

from bench.attacks.wire import again, answer_of, asked, asking, attack, frame, opened, read_slowly, request, text


async def fill(port: int, calls: int) -> None:
    """Make a history: so many calls of ten long questions each, every tenth recorded."""

    async def one(number: int) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            reader, writer = await opened(port, {"codec": "pcm", "record": number % 10 == 0, "caller": f"c{number}"})
            reading = asyncio.create_task(reader.read(-1))
            question = text({"type": "text", "text": f"lorem{number} " * 390})
            writer.write(frame(2, os.urandom(32_000)))
            writer.write(question * 10)
            await asyncio.sleep(1.5)
            writer.write(text({"type": "hangup"}))
            async with asyncio.timeout(3):
                await reading
            writer.close()

    for begin in range(0, calls, 50):
        await asyncio.gather(*(one(number) for number in range(begin, min(begin + 50, calls))))


@attack
async def exports_read_slowly(port: int, seconds: float) -> None:
    """Forty who ask for the whole history, and read a byte now and then."""
    await asyncio.gather(
        read_slowly(port, seconds, "/api/history/export.jsonl", 20),
        read_slowly(port, seconds, "/api/history/export.csv", 20),
    )


@attack
async def exports_all_the_time(port: int, seconds: float) -> None:
    """Four who read the whole history again and again."""
    await asking(port, seconds, "GET", "/api/history/export.csv", at_once=4)


@attack
async def searches(port: int, seconds: float) -> None:
    """Words that every call has, words that none has, signs of other query languages."""
    for words in ("lorem", "%22lorem lorem%22", "zz " * 60, "%25_%25", "NEAR(a b) OR * AND", "%27%3B--"):
        query = words.replace(" ", "%20").replace("*", "%2A")
        await asking(port, seconds / 6, "GET", f"/api/history?limit=200&search={query}", at_once=8)


@attack
async def pages_without_end(port: int, seconds: float) -> None:
    """The longest page of the history, again and again."""
    await asking(port, seconds, "GET", "/api/history?limit=200", at_once=8)


@attack
async def events_that_nobody_reads(port: int, seconds: float) -> None:
    """A hundred who follow the newest call and do not read; it is asked and asked meanwhile."""
    reader, writer = await opened(port, {"codec": "pcm"})
    reading = asyncio.create_task(reader.read(-1))
    await asyncio.sleep(0.3)
    calls = json.loads(await answer_of(port, "/api/calls"))["calls"]
    ends = time.monotonic() + seconds

    async def ask() -> None:
        while time.monotonic() < ends:
            writer.write(text({"type": "text", "text": "tell me more " * 300}))
            await asyncio.sleep(0.2)

    paths = [f"/api/calls/{call['id']}/events" for call in calls]
    await asyncio.gather(ask(), *(read_slowly(port, seconds, path, 100 // len(paths)) for path in paths))
    reading.cancel()
    writer.close()


@attack
async def a_stream_of_graphics_cards(port: int, seconds: float) -> None:
    """A hundred who follow the machine and do not read."""
    await read_slowly(port, seconds, "/api/gpu/stream", 100)


async def _recording(port: int) -> str:
    """The path of a kept call."""
    page = json.loads(await answer_of(port, "/api/history?recorded=true&limit=1"))
    return f"/api/history/{page['calls'][0]['id']}"


@attack
async def ranges_of_recordings(port: int, seconds: float) -> None:
    """One byte each, thousands in one header, beyond the end, backwards."""
    path = await _recording(port) + "/recording"
    for ranges in (
        "0-0",
        "1-0",
        "99999999999-",
        "-99999999999",
        ",".join("0-" for _ in range(1300)),
        "0-" + "9" * 4000,
    ):
        await again(port, seconds / 6, request(port, f"GET {path} HTTP/1.1", f"Range: bytes={ranges}"))


@attack
async def recordings_read_slowly(port: int, seconds: float) -> None:
    """Fifty who play one a byte at a time."""
    await read_slowly(port, seconds, await _recording(port) + "/recording", 50)


@attack
async def waveforms_all_the_time(port: int, seconds: float) -> None:
    """The picture of a recording, by sixteen at once."""
    await asking(port, seconds, "GET", await _recording(port) + "/waveform", at_once=16)


@attack
async def agents_saved_again_and_again(port: int, seconds: float) -> None:
    """As long as they may be, each another one; and their history is asked for."""
    agent, ends, number = json.loads(await answer_of(port, "/api/agent")), time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        number += 1
        changed = agent | {"prompt": f"{number} " + "Be brief. " * 1800, "greeting": f"Hello {number}."}
        await asked(port, "PUT", "/api/agent", {}, json.dumps(changed).encode())
        await answer_of(port, "/api/agent/versions")
    await asked(port, "PUT", "/api/agent", {}, json.dumps(agent).encode())


@attack
async def models_that_there_are_not(port: int, seconds: float) -> None:
    """Loaded, unloaded, downloaded, cancelled, deleted: names that climb, names without end."""
    for name in ("../../etc/passwd", "x" * 200, "\u202e", "faster-whisper-none"):
        body = json.dumps({"model": name}).encode()
        for path in ("load", "unload", "download", "download/cancel"):
            await asking(port, seconds / 20, "POST", f"/api/models/{path}", body, at_once=4)
        await asking(port, seconds / 20, "DELETE", "/api/models/..%2f..%2fetc%2fpasswd", at_once=4)


@attack
async def voices_without_end(port: int, seconds: float) -> None:
    """Sentences to be said for an operator's ear, by eight at once."""
    body = json.dumps({"text": "Let me see what I can do. " * 11}).encode()
    await asking(port, seconds, "POST", "/api/voices/say", body, at_once=8)


@attack
async def calls_deleted_while_they_are_read(port: int, seconds: float) -> None:
    """One caller after the other is forgotten; each wipe rewrites what was freed."""
    ends, number = time.monotonic() + seconds, 40
    while time.monotonic() < ends:
        number += 1
        await asked(port, "DELETE", f"/api/callers/c{number}", {}, b"")
