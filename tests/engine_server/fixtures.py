"""An engine server whose models need no files, and a client of it; for the tests of its routes."""

import asyncio
import io
import json
import threading
import wave
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from lineside.engine_server.app import EngineServer
from lineside.engine_server.asr.whisper import Samples, Segment, UnknownLanguage, WhisperTranscript
from lineside.engine_server.llm.llama import GeneratedText, PromptTooLong
from lineside.engine_server.model_pool import ModelPool
from lineside.engine_server.tts.piper import SynthesizedSentence
from lineside.errors import ConfigError, EngineError
from lineside.models.catalogue import Engine, Model, ModelFile, Role

SECRET = "my card number is 4111"  # noqa: S105 - what a caller might say
NAMES = {"stt": "whisper", "llm": "llama", "tts": "voice"}


class FakeSTT:
    """Hears how long the sound was. Waits at a closed gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.heard: list[float] = []
        self.prompts: list[str] = []

    def transcribe(
        self, samples: Samples, language: str = "en", prompt: str = "", digits: int | None = None
    ) -> WhisperTranscript:
        assert self.gate.wait(20)
        self.prompts.append(prompt)
        seconds = round(len(samples) / 16_000, 3)
        self.heard.append(seconds)
        if language != "en":
            raise UnknownLanguage("the model does not know this language")
        if seconds == 9.0:
            raise RuntimeError(SECRET)
        segment = Segment(0.0, seconds, f"{seconds} seconds", -0.25, 0.01, 1.1)
        return WhisperTranscript(seconds, language, (segment,))


class FakeLLM:
    """Counts to what is asked; remembers how far it got."""

    def __init__(self) -> None:
        self.said = 0
        self.warmed: list[dict[str, str]] = []
        self.stopped = asyncio.Event()
        self.pauses_at = -1  # for ever, unless somebody stops it

    async def reply(
        self, messages: Sequence[dict[str, str]], max_tokens: int, temperature: float
    ) -> AsyncGenerator[GeneratedText, None]:
        if messages[-1]["content"] == "too much":
            raise PromptTooLong("the messages are too long")
        try:
            for number in range(max_tokens):
                if messages[-1]["content"] == "fail" and number == 2:
                    raise EngineError("the model failed")
                if number == self.pauses_at:
                    await asyncio.Event().wait()
                self.said += 1
                yield GeneratedText(f"{number} ")
            yield GeneratedText("", "length", 7, max_tokens)
        finally:
            self.stopped.set()

    async def may_end(self, messages: Sequence[dict[str, str]]) -> float | None:
        if messages[-1]["content"] == "too much":
            raise PromptTooLong("the messages are too long")
        return None if messages[-1]["content"] == "who knows" else len(messages) + 0.12345

    async def warm(self, opening: Sequence[dict[str, str]], *, keep: bool = True) -> None:
        self.warmed.extend(opening)


class FakeTTS:
    """Says a sentence a word, a tenth of a second each; waits at a closed gate after the first."""

    rate = 22_050

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.said: list[str] = []
        self.voices: list[str] = []

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        self.voices.append(voice)
        words = [word for word in text.split() if word.isalnum()]
        for index, word in enumerate(words):
            assert index == 0 or self.gate.wait(20)
            self.said.append(word)
            yield SynthesizedSentence(bytes([index + 1, 0]) * round(2205 / speed), index == len(words) - 1)


def model(name: str, role: Role, engine: Engine, *files: str) -> Model:
    made = tuple(ModelFile(file, 10, "0" * 64, ()) for file in files or ("weights",))
    return Model(name, role, "MIT", "a tiny one", made, engine=engine)


KNOWN = (
    model("whisper", "stt", "faster-whisper"),
    model("other-whisper", "stt", "faster-whisper"),
    model("llama", "llm", "embedded"),
    model("voice", "tts", "piper"),
    model("second-voice", "tts", "piper"),
    model("choir", "tts", "kokoro", "choir.onnx", "af_anna.bin", "bm_bert.bin"),
    *(model(f"spare-{number}", "tts", "piper") for number in range(4)),
    model("absent", "tts", "piper"),
    model("broken", "stt", "faster-whisper"),
)


class FakeEngineServer:
    """An engine server with such models, and a client of it. Loads wait at a closed gate."""

    def __init__(self, tasks: asyncio.TaskGroup, http: aiohttp.ClientSession, defaults: dict[str, str]) -> None:
        self.url, self.http = "", http
        self.stt, self.llm, self.tts = FakeSTT(), FakeLLM(), FakeTTS()
        self.gate = threading.Event()
        self.gate.set()
        self.made: list[str] = []
        self.parts: dict[str, Any] = {"whisper": self.stt, "llama": self.llm, "voice": self.tts}
        self.model_pool = ModelPool(tasks, KNOWN, lambda model: model.name != "absent", self.make, defaults)
        self.server = EngineServer(self.model_pool, self.preset)

    def make(self, model: Model) -> Any:
        assert self.gate.wait(20)
        self.made.append(model.name)
        if model.name == "broken":
            raise ConfigError("its weights are torn")
        kind = {"stt": FakeSTT, "llm": FakeLLM, "tts": FakeTTS}[model.role]
        return self.parts.setdefault(model.name, kind())

    def preset(self, name: str) -> tuple[str, str]:
        return ("second-voice", "") if name == "quality" else ("voice", f"{name} is not here")

    async def post(self, path: str, body: Any, **more: Any) -> tuple[int, Any]:
        """Status, and the JSON or the bytes."""
        given = {"data": body} if isinstance(body, aiohttp.FormData | bytes | io.BytesIO) else {"json": body}
        async with self.http.post(self.url + path, **given, **more) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if "json" in answer.content_type else raw

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON."""
        async with self.http.get(self.url + path) as answer:
            return answer.status, await answer.json()

    async def entry(self, name: str) -> dict[str, Any]:
        """What is said of a model in the list."""
        _, said = await self.get("/v1/models")
        return next(dict(entry) for entry in said["data"] if entry["id"] == name)

    async def until(self, line: str) -> None:
        """Wait until the metrics say so."""
        while line not in await self.metrics():
            pass  # the question takes its time itself

    async def metrics(self) -> str:
        async with self.http.get(self.url + "/metrics") as answer:
            return await answer.text()


@asynccontextmanager
async def engine_server(defaults: dict[str, str] | None = None) -> AsyncGenerator[FakeEngineServer, None]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        asyncio.TaskGroup() as tasks,
    ):
        it = FakeEngineServer(tasks, http, NAMES if defaults is None else defaults)
        runner = web.AppRunner(it.server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield it
        finally:
            for gate in (it.gate, it.stt.gate, it.tts.gate):
                gate.set()
            it.model_pool.close()
            await runner.cleanup()


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 300), debug=True)


def wav(seconds: float = 1.0, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(bytes(round(seconds * rate) * channels * width))
    return file.getvalue()


def form(file: bytes | None = None, **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    if file is not None:
        data.add_field("file", io.BytesIO(file), filename="utterance.wav", content_type="audio/wav")
    for name, value in fields.items():
        data.add_field(name, value)
    return data


def chat(content: str = "count", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]} | more
