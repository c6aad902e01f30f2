"""Voice to voice on this machine: ten spoken turns with speculation and ten without, one after the other.

    .venv/bin/python bench/voice_to_voice.py [--turns 10]

Starts `lineside serve` on a port of its own for each half, holds one call of that many turns after the greeting, and
prints what the caller measured: last sample of speech sent to first sample of the reply received. Memory is read from
the processes after the last turn. Run it on an otherwise idle machine.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import psutil

from lineside.errors import LinesideError
from lineside.protocol import AgentWords, FirstMessage, LlmToken, ServerMessage, Transcript
from lineside.testclient.client import CallClient, ClientCall, ClientTurn, recordings

AUDIO = Path(__file__).parents[2] / "shared" / "audio"
QUESTIONS = [
    AUDIO / f"{name}.wav" for name in ("order_status", "check_order_12345", "help_me", "hi_how_are_you", "hello")
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10)
    turns = parser.parse_args().turns
    columns = (
        "speculation",
        "voice to voice p50 / p95",
        "transcript",
        "end of turn",
        "ASR",
        "first token",
        "first sound",
        "moments",
    )
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for speculation in (True, False):
        with serving(speculation) as (url, process):
            call, shown = asyncio.run(hold(url, turns))
            memory = [child.memory_info().rss / 2**20 for child in [process, *process.children(recursive=True)]]
        report(speculation, call, shown)
    two = [turn for turn in call.turns if sum(turn.reply.count(end) for end in ".!?") >= 2]
    early = sum(bool(turn.audio_before_last_token) for turn in two)
    print(
        f"\nWithout speculation, first audio before the last token: {early} of {len(two)} replies of two sentences up."
    )
    print(f"Memory: gateway {memory[0]:.0f} MB, engine server {sum(memory[1:]):.0f} MB, together {sum(memory):.0f} MB.")
    print(f"{os.cpu_count()} cores; load average before the end {os.getloadavg()[0]:.1f}.")


async def hold(url: str, turns: int) -> tuple[ClientCall, list[float]]:
    """One call of so many turns. One that ends early is told event by event, and ends this program."""
    shown: list[float] = []
    told: list[tuple[float, ServerMessage]] = []
    began = time.monotonic()

    def notice(event: ServerMessage) -> None:
        told.append((time.monotonic() - began, event))
        if isinstance(event, Transcript):
            shown.append(event.latency_ms)

    caller = CallClient(url, FirstMessage(codec="pcm"), notice=notice)
    try:
        return await caller.run(recordings(list(islice(cycle(QUESTIONS), turns)))), shown
    except LinesideError as fault:
        for at, event in told:
            if not isinstance(event, LlmToken | AgentWords):
                print(f"{at:8.2f} s  {event}", file=sys.stderr)
        sys.exit(f"the call ended early: {fault}")


def report(speculation: bool, call: ClientCall, shown: list[float]) -> None:
    waits = sorted(max(turn.voice_to_voice_ms or 60_000.0, e2e(turn)) for turn in call.turns)
    moments = sum(e2e(turn) > (turn.voice_to_voice_ms or 0.0) + 400 for turn in call.turns)
    stages = [p50(call.turns, name) for name in ("endpoint_ms", "asr_ms", "llm_first_ms", "tts_first_ms")]
    p95 = waits[min(len(waits) - 1, round(0.95 * len(waits)))]
    times = [f"{each:.0f} ms" for each in (median(shown), *stages)]
    cells = [f"{median(waits):.0f} / {p95:.0f} ms", *times, str(moments)]
    print(f"| {'on' if speculation else 'off'} | {' | '.join(cells)} |", flush=True)


def e2e(turn: ClientTurn) -> float:
    """End of speech to the first sound of the answer itself, where "One moment, please." came before it."""
    return (turn.metrics.e2e_ms if turn.metrics else None) or 0.0


def p50(turns: list[ClientTurn], name: str) -> float:
    return median(getattr(turn.metrics, name) or 0.0 for turn in turns)


@contextmanager
def serving(speculation: bool) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"PORT": str(port), "SPECULATION": str(speculation).lower()}
    with subprocess.Popen(
        [sys.executable, "-m", "lineside", "serve"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            await_health(f"http://127.0.0.1:{port}", child)
            yield f"http://127.0.0.1:{port}", psutil.Process(child.pid)
        finally:
            child.terminate()


def await_health(url: str, child: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if child.poll() is not None:
            sys.exit("lineside did not start; run `lineside serve` and see why")
        try:
            urllib.request.urlopen(f"{url}/health", timeout=1).close()  # noqa: S310 - our own
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit("lineside was not ready in two minutes")


if __name__ == "__main__":
    main()
