"""Hostile peers against a running gateway, and another caller who measures what they cost.

    .venv/bin/python bench/attack.py [--only pings,idle] [--seconds 4] [--python OTHER/.venv/bin/python]

Starts a gateway with scripted engines (of another installation with `--python`, to compare), plays one attack after the
other from a process of its own, all on loopback, and prints a table. Meanwhile one caller talks: a text every two
seconds, a request every 50 ms. Exits 1 when an attack hurts: a gap of more than 40 ms in that caller's sound, half a
second in which the gateway does not answer, the call ended, 50 MB more memory, or no answer within 40 ms a second after
the attack is over. The first row, where nobody
attacks, says what this machine itself does to them.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from msgspec import Struct

GAP, MEMORY, RECOVERED, SLOW = 0.040, 50e6, 1.0, 0.040  # seconds, bytes, seconds, seconds
STALL = 0.5  # seconds that a request may take; on a machine that does nothing else a tenth of it
RATE = 16_000
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\0\0\0\0"  # a mask that changes nothing
SCRIPTED = {f"DEFAULT_{role}_ENGINE": "scripted" for role in ("STT", "LLM", "TTS")}

Attack = Callable[[int, float], Coroutine[Any, Any, None]]
ATTACKS: dict[str, Attack] = {}


def attack(fn: Attack) -> Attack:
    """Its name is the function's."""
    ATTACKS[fn.__name__.replace("_", " ")] = fn
    return fn


# ── how attackers speak ────────────────────────────────────────────────────────────────────────────────────────────


def frame(kind: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """A frame of a client."""
    size, head = len(payload), bytes([(128 if final else 0) | kind])
    if size <= 125:
        return head + bytes([128 | size]) + MASK + payload
    if size < 1 << 16:
        return head + bytes([128 | 126]) + size.to_bytes(2, "big") + MASK + payload
    return head + bytes([128 | 127]) + size.to_bytes(8, "big") + MASK + payload


def text(arguments: object) -> bytes:
    """A JSON message."""
    return frame(1, json.dumps(arguments).encode())


async def opened(port: int, first: object = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A call, with its first message where there is one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /ws/call HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    if first is not None:
        writer.write(text(first))
    return reader, writer


async def flood(port: int, seconds: float, piece: bytes, *, first: bool = True, reads: bool = True) -> None:
    """The same bytes again and again, on a new call whenever the last was ended."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(seconds):
                reader, writer = await opened(port, {"codec": "pcm", "greeting": ""} if first else None)
                reading = asyncio.create_task(_read(reader)) if reads else None
                try:
                    while time.monotonic() < ends and not writer.is_closing():
                        writer.write(piece)
                        await writer.drain()
                finally:
                    if reading is not None:
                        reading.cancel()
                    writer.close()
        await asyncio.sleep(0.05)


async def _read(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65_536):
            pass


async def held(port: int, seconds: float, many: int, sent: bytes) -> None:
    """Connections that send this and then nothing."""
    writers = list[asyncio.StreamWriter]()
    for _ in range(many):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writers.append(writer)
    await asyncio.sleep(seconds)
    for writer in writers:
        writer.close()


async def asked(port: int, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    """The status of one request; 0 where there is none."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            url = f"http://localhost:{port}{path}"
            async with http.request(method, url, headers=headers, data=body) as answer:
                return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


# ── the attacks ────────────────────────────────────────────────────────────────────────────────────────────────────


@attack
async def nobody(port: int, seconds: float) -> None:
    """What the machine does to the caller by itself."""
    await asyncio.sleep(seconds)


@attack
async def pings(port: int, seconds: float) -> None:
    """Empty pings, read."""
    await flood(port, seconds, frame(9) * 10_000)


@attack
async def pings_unread(port: int, seconds: float) -> None:
    """Pings of 125 bytes by a peer that reads no answer."""
    await flood(port, seconds, frame(9, bytes(125)) * 1000, reads=False)


@attack
async def pings_before_the_first_message(port: int, seconds: float) -> None:
    """On a socket that is no call yet."""
    await flood(port, seconds, frame(9) * 10_000, first=False)


@attack
async def pongs(port: int, seconds: float) -> None:
    """Answers that nobody asked for."""
    await flood(port, seconds, frame(10) * 10_000)


@attack
async def pieces(port: int, seconds: float) -> None:
    """Messages of 990 empty pieces."""
    await flood(port, seconds, (frame(2, final=False) + frame(0, final=False) * 988 + frame(0)) * 20)


@attack
async def empty_messages(port: int, seconds: float) -> None:
    """Sound without samples."""
    await flood(port, seconds, frame(2) * 10_000)


@attack
async def large_messages(port: int, seconds: float) -> None:
    """A megabyte each."""
    await flood(port, seconds, frame(2, bytes(1 << 20)))


@attack
async def early_messages(port: int, seconds: float) -> None:
    """Twenty callers who send all they can before anybody listens."""
    await asyncio.gather(*(flood(port, seconds, frame(2, bytes(60_000)) * 70, first=False) for _ in range(20)))


@attack
async def bytes_one_by_one(port: int, seconds: float) -> None:
    """A large message that drips in."""
    ends = time.monotonic() + seconds
    _, writer = await opened(port, {"codec": "pcm"})
    writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        writer.write(frame(2, bytes(60_000))[:8])
        while time.monotonic() < ends and not writer.is_closing():
            writer.write(b"\0")
            await asyncio.sleep(0)
    writer.close()


@attack
async def texts(port: int, seconds: float) -> None:
    """Typed turns of 4,000 characters."""
    await flood(port, seconds, text({"type": "text", "text": "why " * 1000}) * 20)


@attack
async def keys(port: int, seconds: float) -> None:
    """Keys pressed, as many as go."""
    await flood(port, seconds, text({"type": "dtmf", "digits": "1"}) * 500)


@attack
async def nested_json(port: int, seconds: float) -> None:
    """A field that nobody knows, five thousand lists deep."""
    await flood(port, seconds, frame(1, b'{"type":"text","text":"a","x":' + b"[" * 5000 + b"]" * 5000 + b"}") * 10)


@attack
async def odd_sample_rates(port: int, seconds: float) -> None:
    """A call at another rate again and again."""
    ends, rate = time.monotonic() + seconds, 8000
    while time.monotonic() < ends:
        rate += 7
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm", "sample_rate": rate})
            writer.write(frame(2, bytes(rate // 50 * 2)))
            await writer.drain()
            writer.close()


@attack
async def a_caller_who_never_reads(port: int, seconds: float) -> None:
    """Twenty of them, who ask and ask."""
    ask = text({"type": "text", "text": "tell me more"})
    await asyncio.gather(*(flood(port, seconds, ask, reads=False) for _ in range(20)))


@attack
async def compressed_bodies(port: int, seconds: float) -> None:
    """Fifty megabytes in fifty kilobytes, to a path that would read them."""
    await _bombs(port, seconds, "/api/models/load")


@attack
async def compressed_bodies_that_nobody_reads(port: int, seconds: float) -> None:
    """The same to paths that have no such method, or are not there."""
    await asyncio.gather(_bombs(port, seconds, "/"), _bombs(port, seconds, "/nowhere"))


async def _bombs(port: int, seconds: float, path: str) -> None:
    bomb, ends = zlib.compress(bytes(400_000_000)), time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < ends:
            status = await asked(port, "POST", path, {"Content-Encoding": "deflate"}, bomb)
            await asyncio.sleep(0.05 if status else 0.2)

    await asyncio.gather(*(one() for _ in range(4)))


@attack
async def idle_connections(port: int, seconds: float) -> None:
    """1,060 that say nothing."""
    await held(port, seconds, 1060, b"")


@attack
async def half_headers(port: int, seconds: float) -> None:
    """Five hundred that never end their header."""
    await held(port, seconds, 500, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ")


@attack
async def half_bodies(port: int, seconds: float) -> None:
    """Five hundred that never end their body."""
    head = f"POST /api/models/load HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 1000\r\n\r\n{{"
    await held(port, seconds, 500, head.encode())


@attack
async def connections_that_come_and_go(port: int, seconds: float) -> None:
    """As many as go."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()


@attack
async def calls_that_come_and_go(port: int, seconds: float) -> None:
    """Opened, answered and dropped."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm"})
            writer.transport.abort()


@attack
async def pipelined_requests(port: int, seconds: float) -> None:
    """Thousands of requests on one connection, whose answers are not read."""
    request, ends = f"GET /health HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode() * 500, time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, TimeoutError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(1):
                while True:
                    writer.write(request)
                    await writer.drain()


@attack
async def garbage(port: int, seconds: float) -> None:
    """Random bytes in place of HTTP."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(os.urandom(4096))
            await writer.drain()
            writer.close()


@attack
async def large_headers(port: int, seconds: float) -> None:
    """A hundred headers of eight kilobytes."""
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"a" * 8000) for number in range(100)
    )
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await held(port, 0.05, 5, head)


@attack
async def a_long_agent(port: int, seconds: float) -> None:
    """A name of 170,000 characters, then a greeting of three hundred sentences; neither is taken."""
    before = await _agent(port)
    agent = json.loads(before)
    for wrong in ({"name": "x" * 170_000}, {"greeting": "We are open from nine to five. " * 300}):
        await asked(port, "PUT", "/api/agent", {}, json.dumps(agent | wrong).encode())
    if await _agent(port) != before:
        raise SystemExit("the agent was changed")


async def _agent(port: int) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(f"http://localhost:{port}/api/agent") as answer:
        return await answer.read()


@attack
async def many_prompts(port: int, seconds: float) -> None:
    """Calls with long prompts of their own."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await opened(port, {"codec": "pcm", "system_prompt": "x" * 19_000})
            writer.write(text({"type": "text", "text": "hello"}))
            await asyncio.sleep(0.05)
            writer.close()


# ── who measures ───────────────────────────────────────────────────────────────────────────────────────────────────


class Row(Struct):
    """What one attack did to the caller beside it."""

    name: str
    p50: float = 0.0  # seconds a ping takes
    worst: float = 0.0
    gap: float = 0.0  # the longest hole in a reply's sound
    memory: float = 0.0  # bytes more than before
    ended: bool = False
    recovered: float = 0.0  # seconds after the attack until a ping is answered quickly
    fault: str = ""

    @property
    def hurts(self) -> bool:
        """Whether it is more than may be."""
        slow = self.worst > STALL or self.gap > GAP or self.recovered > RECOVERED
        return slow or self.memory > MEMORY or self.ended or bool(self.fault)


class Victim:
    """A caller who talks and measures."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.pings: list[tuple[float, float]] = []  # when sent, and how long it took
        self.gaps: list[float] = []
        self.ended = False
        self._sounds_until: float | None = None

    async def talk(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession() as http, http.ws_connect(f"http://localhost:{self._port}/ws/call") as ws:
            await ws.send_str(json.dumps({"codec": "pcm", "sample_rate": RATE}))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask(ws))
                tasks.create_task(self._ping(ws))
                async for message in ws:
                    self._hear(message)
                self.ended = True

    def _hear(self, message: aiohttp.WSMessage) -> None:
        now = time.monotonic()
        if message.type is aiohttp.WSMsgType.BINARY:
            if self._sounds_until is not None and now > self._sounds_until:
                self.gaps.append(now - self._sounds_until)
            self._sounds_until = max(now, self._sounds_until or 0.0) + len(message.data) / 2 / RATE
        elif message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)["type"] in ("audio_done", "clear"):
            self._sounds_until = None

    async def _ask(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await ws.send_str(json.dumps({"type": "text", "text": "What are your hours?"}))
            await asyncio.sleep(2)

    async def _ping(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """By an HTTP request on a connection of its own: what answers it is the same loop."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            while True:
                sent = time.monotonic()
                try:
                    async with http.get(f"http://localhost:{self._port}/health") as answer:
                        await answer.read()
                    self.pings.append((sent, time.monotonic() - sent))
                except (aiohttp.ClientError, TimeoutError, OSError):
                    self.pings.append((sent, 20.0))
                await asyncio.sleep(0.05)


async def measured(name: str, port: int, server: psutil.Process, seconds: float) -> Row:
    """One attack."""
    row, victim = Row(name), Victim(port)
    talking = asyncio.create_task(victim.talk())
    await asyncio.sleep(1.5)
    before, most = memory(server), 0.0
    victim.pings.clear()
    victim.gaps.clear()
    attacker = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--play", name, "--port", str(port), "--seconds", str(seconds)
    )
    waiting = asyncio.create_task(attacker.wait())
    while not waiting.done():
        await asyncio.wait({waiting}, timeout=0.25)
        most = max(most, memory(server))
    over = time.monotonic()
    during = [took for sent, took in victim.pings]
    await asyncio.sleep(1.5)
    row.fault = f"rc {attacker.returncode}" if attacker.returncode else ""
    row.p50, row.worst = (sorted(during)[len(during) // 2], max(during)) if during else (20.0, 20.0)
    row.gap, row.memory = max(victim.gaps, default=0.0), most - before
    quick = [sent + took for sent, took in victim.pings if sent >= over and took <= SLOW]
    row.recovered = min(quick, default=over + 99.0) - over
    row.ended = victim.ended or talking.done()
    talking.cancel()
    await asyncio.wait({talking})
    return row


def memory(server: psutil.Process) -> float:
    """Of the gateway and its children, in bytes."""
    with suppress(psutil.Error):
        return float(sum(one.memory_info().rss for one in (server, *server.children(recursive=True))))
    return 0.0


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = [
        "| attack | p50 ms | worst ms | gap ms | memory MB | call ended | recovered s | hurts |",
        "|---|--:|--:|--:|--:|---|--:|---|",
    ]
    for row in rows:
        cells = [row.name, f"{row.p50 * 1e3:.1f}", f"{row.worst * 1e3:.0f}", f"{row.gap * 1e3:.0f}"]
        cells += [f"{row.memory / 1e6:+.0f}", "yes" if row.ended else "no", f"{row.recovered:.2f}"]
        lines.append("| " + " | ".join([*cells, (row.fault or "yes") if row.hurts else "no"]) + " |")
    return "\n".join(lines)


async def run(names: list[str], seconds: float, python: str) -> int:
    """All of them, each after the other, against one gateway."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = int(finder.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="lineside-attack-") as folder:
        environment = (
            os.environ | SCRIPTED | {"PORT": str(port), "DATA_DIR": folder, "WORKERS": os.environ.get("WORKERS", "1")}
        )
        with (Path(folder) / "log").open("wb") as said:
            server = subprocess.Popen(  # noqa: ASYNC220 - once, at the start
                [python, "-m", "lineside", "serve"],
                cwd=Path(python).parents[2],
                env=environment,
                stdout=said,
                stderr=said,
            )
        try:
            for _ in range(600):
                if await asked(port, "GET", "/health", {}, b"") == 200:
                    break
                await asyncio.sleep(0.1)
            rows = list[Row]()
            for name in names:
                rows.append(await measured(name, port, psutil.Process(server.pid), seconds))
                print(table(rows[-1:]).splitlines()[-1], flush=True)
                if server.poll() is not None:
                    print(f"the gateway has ended with {server.returncode}")
                    return 1
        finally:
            server.terminate()
            server.wait(30)
    print("\n" + table(rows))
    return 1 if any(row.hurts for row in rows[1:]) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help=f"some of: {', '.join(ATTACKS)}")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each attack lasts")
    parser.add_argument("--python", default=sys.executable, help="of the installation whose gateway is attacked")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.play:
        asyncio.run(ATTACKS[arguments.play](arguments.port, arguments.seconds))
        return 0
    names = [name.strip() for name in arguments.only.split(",") if name.strip()] or list(ATTACKS)
    return asyncio.run(
        run(["nobody", *(name for name in names if name != "nobody")], arguments.seconds, arguments.python)
    )


if __name__ == "__main__":
    sys.exit(main())
