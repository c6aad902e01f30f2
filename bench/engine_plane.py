"""What Ray Serve costs and brings, with models of a fixed time: a small cluster on this machine.

    .venv/bin/python -m bench.engine_plane [--replicas 1 2 4 8] [--requests 40]

Latency: the same requests to an engine server by itself and to the deployed one, in turn. Throughput: utterances a
second by the number of replicas, each of which hears one in `HEARS` seconds. Needs `ray[serve]`. A replica that is
killed under calls: `bench.chaos --only replica-killed`.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import psutil

from lineside.audio.wav import wav_bytes
from lineside.engine_server.asr.whisper import Samples, Segment, WhisperTranscript
from lineside.engine_server.llm.llama import GeneratedText
from lineside.engine_server.scale.deployments import application_name, deploy
from lineside.engine_server.scale.plan import EnginePlan, EngineRole, RolePlan
from lineside.engine_server.server import EngineServerOptions, LoadableModels, open_engine_server
from lineside.engine_server.tts.piper import SynthesizedSentence
from lineside.models.catalogue import Model, ModelFile

# As docs/how-to/engine-plane.md has it, but for a replica that goes, which stays 5 s and not 30. The environment wins.
ENTRANCE = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "5",
}
HEARS, FIRST_TOKEN, EACH_TOKEN, SPEAKS = 0.2, 0.05, 0.02, 0.05  # seconds
TOKENS, RATE = 20, 22_050
# Of real models, which the clients of an engine server ask for.
NAMES = {"stt": "faster-whisper-base", "llm": "qwen2.5-coder-0.5b", "tts": "en_US-joe-medium"}
SOUND = wav_bytes(b"\0\x10\0\xf0" * (16_000 * 3 // 2), 16_000)


class FixedSTT:
    """Hears the same in every sound."""

    def transcribe(
        self, samples: Samples, language: str = "en", prompt: str = "", digits: int | None = None
    ) -> WhisperTranscript:
        """See `SttModel`."""
        time.sleep(HEARS)
        if not samples.any():
            return WhisperTranscript(len(samples) / 16_000, language, ())
        segment = Segment(0.0, 1.0, "When do you open?", -0.2, 0.01, 1.1)
        return WhisperTranscript(len(samples) / 16_000, language, (segment,))


class FixedLLM:
    """Says as many words as it may, by deadlines."""

    async def reply(
        self, messages: Sequence[dict[str, str]], max_tokens: int, temperature: float
    ) -> AsyncGenerator[GeneratedText, None]:
        """See `LlmModel`."""
        due = time.monotonic() + FIRST_TOKEN
        for number in range(min(TOKENS, max_tokens)):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            yield GeneratedText(" word" if number else "word")
            due += EACH_TOKEN
        yield GeneratedText("", "stop", 1, TOKENS)

    async def may_end(self, messages: Sequence[dict[str, str]]) -> float | None:
        """See `LlmModel`."""
        return 1.0

    async def warm(self, opening: Sequence[dict[str, str]], *, keep: bool = True) -> None:
        """See `LlmModel`."""


class FixedTTS:
    """A third of a second of a buzz for each word."""

    rate = RATE

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        """See `TtsModel`."""
        time.sleep(SPEAKS)
        words = sum(any(map(str.isalnum, word)) for word in text.split())
        if words:
            yield SynthesizedSentence(b"\0\x10\0\xf0" * (RATE * words // 6), True)


def fixed_models(options: EngineServerOptions, prompts: Path) -> LoadableModels:
    """One a role."""
    return models_of({"stt": FixedSTT, "llm": FixedLLM, "tts": FixedTTS})


def models_of(made: Mapping[str, Callable[[], Any]]) -> LoadableModels:
    """Models that need no files, under the names of real ones."""
    engines = {"stt": "faster-whisper", "llm": "embedded", "tts": "piper"}
    models = [_model(role, engine) for role, engine in engines.items()]
    return LoadableModels(models, lambda model: True, lambda model: made[model.role]())


def _model(role: Any, engine: Any) -> Model:
    return Model(NAMES[role], role, "Apache-2.0", "fixed", (ModelFile("weights", 10, "0" * 64, ()),), engine=engine)


@asynccontextmanager
async def by_itself() -> AsyncGenerator[str, None]:
    """An engine server of one process, with these models."""
    options = EngineServerOptions("127.0.0.1", 0, Path(), NAMES, [], 1, 4, False)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with open_engine_server(options, fixed_models(options, Path()), listener) as loading:
        await loading
        yield url


class Client:
    """Asks, and stops the time."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url = http, url

    async def hear(self) -> float:
        """Seconds to the transcript."""
        form = aiohttp.FormData()
        form.add_field("file", SOUND, filename="utterance.wav", content_type="audio/wav")
        return await self._timed("/v1/audio/transcriptions", form)

    async def speak(self) -> float:
        """Seconds to the whole sentence."""
        return await self._timed("/v1/audio/speech", {"input": "We open at nine.", "model": "", "voice": ""})

    async def answer(self) -> list[float]:
        """Seconds at which each token came, from the request on."""
        asked = {"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": TOKENS}
        began = time.monotonic()
        async with self.http.post(f"{self.url}/v1/chat/completions", json=asked) as answer:
            assert answer.status == 200, await answer.text()
            return [time.monotonic() - began async for line in answer.content if b"word" in line]

    async def _timed(self, path: str, body: Any) -> float:
        given = {"json": body} if isinstance(body, dict) else {"data": body}
        began = time.monotonic()
        async with self.http.post(self.url + path, **given) as answer:
            raw = await answer.read()
            assert answer.status == 200, raw
        return time.monotonic() - began


async def latency(plain: Client, deployed: Client, requests: int) -> None:
    """What is added, request by request in turn."""
    alone = dict[str, list[float]]()
    added: dict[str, list[float]] = {"utterance": [], "sentence": [], "first token": [], "later token": []}
    for _ in range(requests):
        for what, ask in (("utterance", Client.hear), ("sentence", Client.speak)):
            took = await ask(plain)
            alone.setdefault(what, []).append(took)
            added[what].append(await ask(deployed) - took)
        first, second = await plain.answer(), await deployed.answer()
        assert len(first) == len(second) == TOKENS
        alone.setdefault("first token", []).append(first[0])
        added["first token"].append(second[0] - first[0])
        # Each by its deadline: what a later one is late by, beyond the first.
        added["later token"] += [b - a - added["first token"][-1] for a, b in zip(first[1:], second[1:], strict=True)]
    for what, seconds in added.items():
        worst = sorted(seconds)[int(0.95 * len(seconds))]
        of = f", to {1000 * median(alone[what]):.0f} ms" if what in alone else ""
        print(f"added per {what}: p50 {1000 * median(seconds):.1f} ms, p95 {1000 * worst:.1f} ms{of}", flush=True)


async def throughput(client: Client, replicas: int, seconds: float) -> float:
    """Utterances a second while there are always two for each replica."""
    until, heard = time.monotonic() + seconds, 0

    async def one() -> None:
        nonlocal heard
        while time.monotonic() < until:
            await client.hear()
            heard += 1

    began = time.monotonic()
    await asyncio.gather(*(one() for _ in range(2 * replicas)))
    return heard / (time.monotonic() - began)


def plan(replicas: int, others: int = 1) -> EnginePlan:
    """With so many recognisers."""
    return EnginePlan(
        stt=RolePlan(NAMES["stt"], replicas=replicas, cpus=0.1),
        llm=RolePlan(NAMES["llm"], replicas=others, cpus=0.1),
        tts=RolePlan(NAMES["tts"], replicas=others, cpus=0.1),
    )


def free_port() -> int:
    """One that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def replicas(role: EngineRole) -> list[int]:
    """The processes of a role's replicas on this machine."""
    ours = psutil.Process().children(recursive=True)
    return sorted(each.pid for each in ours if f"ServeReplica:{application_name(role)}" in "".join(each.cmdline()))


def start_cluster() -> None:
    """A cluster of this process's, which tells nobody of it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for name, value in ENTRANCE.items():
        os.environ.setdefault(name, value)
    root = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    import ray

    folder = tempfile.mkdtemp(prefix="ls-ray-", dir="/tmp")
    ray.init(address="local", num_cpus=8, object_store_memory=100_000_000, include_dashboard=False, _temp_dir=folder)


async def measure(replicas: Sequence[int], requests: int, seconds: float) -> None:
    """All of it."""
    import ray

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, by_itself() as itself:
        rates = dict[int, float]()
        for count in replicas:
            began = time.monotonic()
            await asyncio.to_thread(
                deploy, plan(count), address="auto", host="127.0.0.1", port=port, source=fixed_models
            )
            print(f"{count} replicas deployed in {time.monotonic() - began:.0f} s", flush=True)
            if not rates:
                await latency(Client(http, itself), Client(http, url), requests)
            rates[count] = await throughput(Client(http, url), count, seconds)
            share = rates[count] / count / (rates[min(rates)] / min(rates))
            print(f"{count} replicas: {rates[count]:.1f} utterances a second, {share:.2f} of linear", flush=True)
    await asyncio.to_thread(ray.shutdown)


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    start_cluster()
    asyncio.run(measure(given.replicas, given.requests, given.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
