"""Hostile peers against a running gateway, and another caller who measures what they cost.

    .venv/bin/python bench/attack.py [--only pings,idle] [--seconds 4] [--workers 2] [--python OTHER/.venv/bin/python]

Starts a gateway with scripted engines (of another installation with `--python`, to compare), gives it a history of
some hundred calls, plays one attack (`bench/attacks`) after the other from a process of its own, all on loopback, and
prints a table. Meanwhile one caller talks: a text every two seconds, a request every 50 ms. Exits 1 when an attack
hurts: a gap of more than 40 ms in that caller's sound, half a second in which the gateway does not answer, the call
ended, 50 MB more memory, or no answer within 40 ms a second after the attack is over. The first row, where nobody
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
from contextlib import suppress
from pathlib import Path

import aiohttp
import psutil
from msgspec import Struct

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.attacks import callers, known, operators, requests
from bench.attacks.wire import ATTACKS, asked

GAP, MEMORY, RECOVERED, SLOW = 0.040, 50e6, 1.0, 0.040  # seconds, bytes, seconds, seconds
STALL = 0.5  # seconds that a request may take; on a machine that does nothing else a tenth of it
RATE = 16_000
HISTORY = 400  # calls that are kept before the first attack
SCRIPTED = {f"DEFAULT_{role}_ENGINE": "scripted" for role in ("STT", "LLM", "TTS")}
PLAYED = (known, callers, requests, operators)  # each puts its attacks into `ATTACKS`


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


async def run(names: list[str], seconds: float, python: str, workers: int) -> int:
    """All of them, each after the other, against one gateway."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = int(finder.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="lineside-attack-") as folder:
        environment = os.environ | SCRIPTED | {"PORT": str(port), "DATA_DIR": folder, "WORKERS": str(workers)}
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
            await operators.fill(port, HISTORY)
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
    parser.add_argument("--workers", type=int, default=1, help="processes that hold the calls")
    parser.add_argument("--python", default=sys.executable, help="of the installation whose gateway is attacked")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.play:
        asyncio.run(ATTACKS[arguments.play](arguments.port, arguments.seconds))
        return 0
    names = [name.strip() for name in arguments.only.split(",") if name.strip()] or list(ATTACKS)
    played = ["nobody", *(name for name in names if name != "nobody")]
    return asyncio.run(run(played, arguments.seconds, arguments.python, arguments.workers))


if __name__ == "__main__":
    sys.exit(main())
