"""The engine server of fixed times as Ray Serve deployments: two replicas of each role, that can be killed."""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from bench.engine_plane import NAMES, FixedLLM, free_port, models_of, plan, replicas, start_cluster

from lineside.engine_options import EngineOptions
from lineside.engine_server.asr.whisper import Samples, Segment, WhisperTranscript
from lineside.engine_server.llm.llama import GeneratedText
from lineside.engine_server.scale.deployments import deploy
from lineside.engine_server.scale.plan import EngineRole
from lineside.engine_server.server import EngineServerOptions, LoadableModels
from lineside.engine_server.tts.piper import SynthesizedSentence
from lineside.engines.protocols import LlmRequest
from lineside.loadtest.mock_engines import ASR, RATE, TOKENS, TTS, MockLLM, tone

EACH_TOKEN = 0.08  # seconds; ten of them are a sentence, which is spoken in one


class NumberedSTT:
    """Hears a numbered question in everything, another one in each replica."""

    def __init__(self) -> None:
        self._questions = itertools.count(os.getpid() * 1000)

    def transcribe(
        self, samples: Samples, language: str = "en", prompt: str = "", digits: int | None = None
    ) -> WhisperTranscript:
        """See `SttModel`."""
        time.sleep(ASR)
        seconds = len(samples) / 16_000
        text = f"When will line {next(self._questions)} work again?"
        heard = (Segment(0.0, seconds, text, -0.2, 0.01, 1.1),) if samples.any() else ()
        return WhisperTranscript(seconds, language, heard)


class SlowLLM(FixedLLM):
    """The load tester's three sentences, written hardly sooner than they are spoken: what is killed is in mid-reply."""

    def __init__(self) -> None:
        self._llm = MockLLM(EngineOptions())

    async def reply(
        self, messages: Sequence[dict[str, str]], max_tokens: int, temperature: float
    ) -> AsyncGenerator[GeneratedText, None]:
        """See `LlmModel`."""
        async with aclosing(self._llm.reply((), LlmRequest(max_tokens=max_tokens))) as pieces:
            async for piece in pieces:
                await asyncio.sleep(EACH_TOKEN)
                yield GeneratedText(piece.text)
        yield GeneratedText("", "stop", 1, TOKENS)


class ToneTTS:
    """A second of tone for every sentence."""

    rate = RATE

    def __init__(self) -> None:
        self._tone = tone()

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Iterator[SynthesizedSentence]:
        """See `TtsModel`."""
        time.sleep(TTS)
        yield SynthesizedSentence(self._tone, True)


def chaos_models(options: EngineServerOptions, prompts: Path) -> LoadableModels:
    """One a role."""
    return models_of({"stt": NumberedSTT, "llm": SlowLLM, "tts": ToneTTS})


@asynccontextmanager
async def ray_engines() -> AsyncGenerator[int, None]:
    """The port of a cluster's entrance; gone with the block."""
    import ray

    port = free_port()
    await asyncio.to_thread(start_cluster)
    try:
        await asyncio.to_thread(deploy, plan(2, 2), address="auto", host="127.0.0.1", port=port, source=chaos_models)
        yield port
    finally:
        await asyncio.to_thread(ray.shutdown)


def settings_of(port: int) -> dict[str, str]:
    """What a gateway is told of them."""
    return {
        "EMBEDDED_URL": f"http://127.0.0.1:{port}",
        "EMBEDDED_LLM": NAMES["llm"],
        "DEFAULT_STT_ENGINE": "faster-whisper",
        "DEFAULT_LLM_ENGINE": "embedded",
        "DEFAULT_TTS_ENGINE": "piper",
    }


def kill_replica(role: EngineRole) -> None:
    """SIGKILL to one of them."""
    os.kill(replicas(role)[0], signal.SIGKILL)
