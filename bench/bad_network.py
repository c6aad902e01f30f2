"""A call over WebRTC and over the WebSocket on a bad network: what is late, what is missing, how soon an answer comes.

    PYTHONPATH=. .venv/bin/python bench/bad_network.py --loss 5 --jitter 60     # root: network namespaces, /dev/net/tun

Gateway and client stand in network namespaces of their own, joined by a link of ours: each packet of either, UDP or
TCP, is lost with that probability or comes after 20 ms and up to `--jitter` more, in order. TCP is the kernel's, with
its real retransmissions. Engines are scripted: nothing but the network differs. `--protocol`: a
Realtime client's call, or one of our own protocol (`/ws/call`, `/rtc/call`). Both lines have their turns in one run.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from statistics import median
from typing import Any

import aiohttp
import numpy as np
from bench.bad_line_callers import CALLERS, RATE, Arrivals
from bench.bad_link import enter_namespace, run_link, tell, tun_of

LINES = ("websocket", "webrtc")
GATEWAY, CLIENT = "10.77.0.1", "10.77.0.2"
PORT = 3001
URL = f"http://{GATEWAY}:{PORT}"
PLAYER = (
    0.1  # seconds that the client's player waits before it begins; for what comes later than its turn it waits, too
)
LOOK_EVERY = 0.01  # seconds: how late each process itself is
EARS = {  # where the caller's sound comes by, in the gateway
    "realtime": {
        "websocket": ("lineside.realtime.transport", "RealtimeTransport", "_hear"),
        "webrtc": ("lineside.realtime.track_transport", "TrackTransport", "_hear"),
    },
    "own": {
        "websocket": ("lineside.transports.received_sound", "ReceivedSound", "check"),
        "webrtc": ("lineside.transports.webrtc.browser", "BrowserRtcTransport", "_hear"),
    },
}
ANSWER = "One two three four five six seven eight nine ten."


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--loss", type=float, default=5.0, help="percent")
    options.add_argument("--jitter", type=float, default=60.0, help="ms")
    options.add_argument("--turns", type=int, default=12)
    options.add_argument("--protocol", choices=("realtime", "own"), default="realtime")
    options.add_argument("--role", default="")
    options.add_argument("--fd", type=int, default=0)
    chosen = options.parse_args()
    if chosen.role:
        asyncio.run(_role(chosen.role, chosen.fd, chosen.protocol, chosen.turns))
        return
    ends = {role: _child(role, chosen.protocol, chosen.turns) for role in ("gateway", "client")}
    tuns = [tun_of(end) for end, _ in ends.values()]
    results = run_link(tuns, [end for end, _ in ends.values()], chosen.loss / 100, chosen.jitter / 1000)
    for _, process in ends.values():
        process.wait(timeout=20)
    _show(results)


def _child(role: str, protocol: str, turns: int) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    ours, theirs = socket.socketpair()
    argv = [sys.executable, __file__, "--role", role, "--fd", str(theirs.fileno())]
    argv += ["--protocol", protocol, "--turns", str(turns)]
    process = subprocess.Popen(argv, pass_fds=[theirs.fileno()])
    theirs.close()
    return ours, process


# ── in a namespace ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _role(role: str, fd: int, protocol: str, turns: int) -> None:
    end = socket.socket(fileno=fd)
    here, there = (GATEWAY, CLIENT) if role == "gateway" else (CLIENT, GATEWAY)
    enter_namespace(end, here, there)
    end.setblocking(False)
    import_module("tests.realtime.webrtc_client" if role == "client" else "tests.gateway.test_app")  # seconds, at first
    own_lag: list[float] = []
    looking = asyncio.create_task(_look(own_lag))
    if role == "gateway":
        await _gateway(end, own_lag, protocol)
    else:
        end.setblocking(True)
        tell(end, {"client": {line: await _call(protocol, line, turns) for line in LINES} | {"lag": own_lag}})
    looking.cancel()


async def _look(own_lag: list[float]) -> None:
    """How late this process is, by itself: what the machine does to it is no fault of the network's."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + LOOK_EVERY
        await asyncio.sleep(LOOK_EVERY)
        own_lag.append(clock() - due)


async def _gateway(end: socket.socket, own_lag: list[float], protocol: str) -> None:
    """Hold calls, and write down when sound of the caller's reaches the ear."""
    from tests.gateway.test_app import opened

    from lineside.engines.vendors.scripted import ScriptedLLM

    heard: dict[str, list[tuple[float, float]]] = {line: [] for line in LINES}
    clock = asyncio.get_running_loop().time
    for line, (place, name, method) in EARS[protocol].items():
        kind = getattr(import_module(place), name)
        of_kind = getattr(kind, method)

        def hear(self: Any, pcm: bytes, *more: Any, line: str = line, plain: Any = of_kind) -> Any:
            heard[line].append((clock(), len(pcm) / 2 / RATE))
            return plain(self, pcm, *more)

        setattr(kind, method, hear)
    async with opened(host=GATEWAY, port=PORT, echo_gate=False) as gateway:
        gateway.gateway._registry._engines["llm", "scripted"] = ScriptedLLM(answers=(ANSWER,) * 1000)
        await asyncio.get_running_loop().sock_recv(end, 4)
    end.setblocking(True)
    tell(end, {"gateway": heard | {"lag": own_lag}})


async def _call(protocol: str, line: str, turns: int) -> list[dict[str, Any]]:
    arrivals = Arrivals()
    async with aiohttp.ClientSession() as http:
        for _ in range(300):  # until the gateway is up
            with suppress(aiohttp.ClientError):
                async with http.get(f"{URL}/health"):
                    break
            await asyncio.sleep(0.2)
        await CALLERS[protocol, line](http, URL, arrivals, turns)
    return arrivals.answers


# ── figures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _show(results: dict[str, Any]) -> None:
    print(f"{'':12}{'caller heard late, ms':>30}{'answer after, ms':>24}{'holes in answers, ms':>28}{'answers':>10}")
    print(f"{'':12}{'p50':>14}{'p95':>8}{'max':>8}{'p50':>16}{'max':>8}{'share':>12}{'p95':>8}{'longest':>8}")
    for line in LINES:
        late = _lateness(results["gateway"][line])
        answers = [one for one in results["client"][line] if one["came"]]
        first = [one["came"][0][0] - one["asked"] for one in answers]
        holes = [_holes(one["came"]) for one in answers]
        share = sum(sum(each) for each in holes) / max(1e-9, 0.02 * sum(map(len, holes)))
        runs = [run for each in holes for run in _runs(each)] or [0.0]
        print(
            f"{line:12}{_ms(median(late)):>14}{_ms(float(np.quantile(late, 0.95))):>8}{_ms(max(late)):>8}"
            f"{_ms(median(first)):>16}{_ms(max(first)):>8}{share:>12.1%}"
            f"{_ms(float(np.quantile(runs, 0.95))):>8}{_ms(max(runs)):>8}{len(answers):>10}"
        )
    for role in ("gateway", "client"):
        lag = results[role]["lag"]
        p95, p999 = (_ms(float(np.quantile(lag, part))) for part in (0.95, 0.999))
        print(f"{role} late by itself, ms: p95 {p95}, p99.9 {p999}, max {_ms(max(lag))}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _lateness(heard: list[tuple[float, float]]) -> list[float]:
    """How much later each piece reached the ear than the one that was least late, by the count of its samples."""
    seconds = np.cumsum([length for _, length in heard])
    lag = np.array([at for at, _ in heard]) - seconds
    return [float(one) for one in (lag - lag.min())[50:]]  # without the first second


def _holes(came: list[tuple[float, float, float]]) -> list[float]:
    """For each 20 ms of an answer, the seconds without sound before it or, where it never came, in its place.

    The player waits `PLAYER` at first. For a piece that is late it waits, and is so much later from there on.
    """
    behind = came[0][0] + PLAYER - came[0][1]
    there = {round(part / 0.02): at for at, where, length in came for part in np.arange(where, where + length, 0.02)}
    holes = []
    for number in range(max(there) + 1):
        at = there.get(number)
        late = 0.0 if at is None else max(0.0, at - behind - number * 0.02)
        behind += late
        holes.append(0.02 if at is None else late)
    return holes


def _runs(holes: list[float]) -> list[float]:
    """How long each stretch without sound lasted: pieces in a row that were late or never came."""
    runs, run = list[float](), 0.0
    for hole in [*holes, 0.0]:
        if hole:
            run += hole
        elif run:
            runs.append(run)
            run = 0.0
    return runs


if __name__ == "__main__":
    main()
