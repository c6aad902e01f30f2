"""Voice to voice beside Pipecat: the same engine server and spoken questions, turn about, the same clock.

    python -m venv /tmp/pipecat && /tmp/pipecat/bin/pip install 'pipecat-ai[openai,silero,websocket]==1.14.0'
    PYTHONPATH=. .venv/bin/python bench/beside_pipecat.py /tmp/pipecat/bin/python [--questions 10] [--rounds 2]

Pipecat as it comes: its Silero, its smart turn, its own sentences. Each has one call of so many questions, in turn;
what is measured is the last sample of speech sent to the first sample that is heard. Both answer by the model, from the
same prompt, with no greeting. Run it on an otherwise idle machine.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import aiohttp
import numpy as np
from bench.voice_to_voice import await_health

from lineside.audio.frame import AudioFrame
from lineside.audio.input_resampler import InputResampler
from lineside.engine_server.launch import engine_server
from lineside.protocol import FirstMessage
from lineside.settings import load_settings
from lineside.testclient.client import CallClient, recordings

AUDIO = Path(__file__).parents[2] / "shared" / "audio"
QUESTIONS = [
    AUDIO / f"{name}.wav" for name in ("order_status", "check_order_12345", "help_me", "hi_how_are_you", "hello")
]
PROMPT = "You answer the phone. Answer in one or two short sentences."
RATE, FRAME = 16_000, 640  # samples a second; bytes of 20 ms
LOUD = 300  # of 32768: a sample that is heard
OVER, PATIENCE = 1.5, 20.0  # seconds without sound after which an answer is over; that it may take to begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipecat", help="a Python that has pipecat-ai")
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    asyncio.run(compare(parser.parse_args()))


async def compare(chosen: argparse.Namespace) -> None:
    spoken = recordings(list(islice(cycle(QUESTIONS), chosen.questions)))
    settings = load_settings()
    async with engine_server(models_dir=settings.models_dir, llm=settings.llm_model) as engines:
        every: dict[str, list[float]] = {"Pipecat": [], "lineside": []}
        print("| | voice to voice p50 / worst | unanswered |\n| --- | --- | --- |")
        for _ in range(chosen.rounds):
            with pipecat(chosen.pipecat, engines) as port:
                show("Pipecat", await ask_pipecat(port, spoken), every)
            with gateway(engines) as url:
                show("lineside", await ask_lineside(url, spoken), every)
    pipecats, ours = (median(waits) for waits in every.values())
    print(f"\nlineside takes {ours / pipecats:.2f} of Pipecat's time; load before the end {os.getloadavg()[0]:.1f}.")


def show(name: str, waits: list[float | None], every: dict[str, list[float]]) -> None:
    heard = [wait for wait in waits if wait is not None]
    every[name] += heard
    print(
        f"| {name} | {median(heard):.2f} / {max(heard):.2f} s | {len(waits) - len(heard)} of {len(waits)} |", flush=True
    )


async def ask_lineside(url: str, spoken: list[tuple[str, AudioFrame]]) -> list[float | None]:
    caller = CallClient(url, FirstMessage(codec="pcm", greeting=""))
    call = await caller.run(spoken)
    return [turn.voice_to_voice_ms and turn.voice_to_voice_ms / 1000 for turn in call.turns]


async def ask_pipecat(port: int, spoken: list[tuple[str, AudioFrame]]) -> list[float | None]:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"http://127.0.0.1:{port}") as line:
        caller = Caller(line)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(caller.talk()), tasks.create_task(caller.listen())]
            await asyncio.sleep(OVER)
            waits = [await caller.ask(recording) for _, recording in spoken]
            for task in running:
                task.cancel()
    return waits


class Caller:
    """Speaks and listens in real time, as `lineside.testclient.CallClient` does."""

    def __init__(self, line: "aiohttp.ClientWebSocketResponse") -> None:
        self._line, self._mouth = line, bytearray()
        self._left, self._ended = 0, 0.0  # bytes until the end of speech; when that was sent
        self._heard: asyncio.Queue[float] = asyncio.Queue(10_000)  # when sound came

    async def ask(self, recording: AudioFrame) -> float | None:
        """Seconds from the end of speech to the answer's first sound; the answer is heard out."""
        resampler = InputResampler(recording.rate, RATE)
        pcm = resampler.feed(recording.pcm) + resampler.end()
        loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > LOUD)
        self._ended, self._left = 0.0, 2 * int(loud[-1] + 1)
        self._mouth += pcm
        first = 0.0
        with suppress(TimeoutError):
            while True:
                at = await asyncio.wait_for(self._heard.get(), OVER if first else PATIENCE)
                if self._ended and not first:
                    first = at
        return first - self._ended if first else None

    async def talk(self) -> None:
        due = time.monotonic()
        while True:
            frame = bytes(self._mouth[:FRAME])
            del self._mouth[:FRAME]
            await self._line.send_bytes(frame.ljust(FRAME, b"\0"))
            if 0 < self._left <= FRAME:
                self._ended = time.monotonic()
            self._left -= FRAME
            due += FRAME / 2 / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def listen(self) -> None:
        async for message in self._line:
            if isinstance(message.data, bytes) and (np.abs(np.frombuffer(message.data, "<i2")) > LOUD).any():
                self._heard.put_nowait(time.monotonic())


@contextmanager
def pipecat(python: str, engines: str) -> Iterator[int]:
    port, address = free_port(), urlsplit(engines)
    script = Path(__file__).with_name("pipecat_agent.py")
    argv = [
        python,
        "-P",
        str(script),
        str(port),
        f"http://{address.hostname}:{address.port}",
        address.password or "",
        PROMPT,
    ]
    env = os.environ | {"PYTHONPATH": ""}
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if not probe.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.2)
            yield port
        finally:
            child.terminate()


@contextmanager
def gateway(engines: str) -> Iterator[str]:
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        agent = Path(folder, "agent.toml")
        agent.write_text(f'name = "Plain"\nprompt = "{PROMPT}"\n')
        env = os.environ | {
            "PORT": url.rpartition(":")[2],
            "EMBEDDED_URL": engines,
            "AGENT_FILE": str(agent),
            "DATA_DIR": folder,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "lineside", "serve"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as child:
            try:
                await_health(url, child)
                yield url
            finally:
                child.terminate()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
