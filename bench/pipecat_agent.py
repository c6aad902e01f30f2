"""A voice agent of Pipecat's, with its defaults, over the same engines: run by a Python that has Pipecat.

    python bench/pipecat_agent.py PORT ENGINES_URL SECRET PROMPT

One caller at a time over a WebSocket: messages are 16-bit mono sound, 16 kHz in and 24 kHz out. `beside_pipecat.py`
starts it.
"""

import asyncio
import sys
from typing import Any

from pipecat.audio.vad.silero import SileroVADAnalyzer  # type: ignore[import-not-found,unused-ignore]
from pipecat.frames.frames import (  # type: ignore[import-not-found,unused-ignore]
    Frame,
    InputAudioRawFrame,
    OutputAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline  # type: ignore[import-not-found,unused-ignore]
from pipecat.pipeline.worker import PipelineParams, PipelineWorker  # type: ignore[import-not-found,unused-ignore]
from pipecat.processors.aggregators.llm_context import LLMContext  # type: ignore[import-not-found,unused-ignore]
from pipecat.processors.aggregators.llm_response_universal import (  # type: ignore[import-not-found,unused-ignore]
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.serializers.base_serializer import FrameSerializer  # type: ignore[import-not-found,unused-ignore]
from pipecat.services.openai.llm import OpenAILLMService  # type: ignore[import-not-found,unused-ignore]
from pipecat.services.openai.stt import OpenAISTTService  # type: ignore[import-not-found,unused-ignore]
from pipecat.services.openai.tts import VALID_VOICES, OpenAITTSService  # type: ignore[import-not-found,unused-ignore]
from pipecat.transports.websocket.server import (  # type: ignore[import-not-found,unused-ignore]
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from pipecat.workers.runner import WorkerRunner  # type: ignore[import-not-found,unused-ignore]

RATE, VOICE = 16_000, "hibari-heart"


class PlainSound(FrameSerializer):  # type: ignore[misc,unused-ignore]
    """Nothing but samples in a message."""

    async def serialize(self, frame: Frame) -> bytes | None:
        """See `FrameSerializer`."""
        return frame.audio if isinstance(frame, OutputAudioRawFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """See `FrameSerializer`."""
        return InputAudioRawFrame(audio=data, sample_rate=RATE, num_channels=1) if isinstance(data, bytes) else None


async def main(port: int, engines: str, secret: str, prompt: str) -> None:
    """Answer until ended."""
    transport = SingleClientWebsocketServerTransport(
        SingleClientWebsocketServerParams(audio_in_enabled=True, audio_out_enabled=True, serializer=PlainSound()),
        host="127.0.0.1",
        port=port,
    )
    door: dict[str, Any] = {"api_key": secret, "base_url": f"{engines}/v1"}
    stt = OpenAISTTService(**door, settings=OpenAISTTService.Settings(model="faster-whisper-base"))
    llm = OpenAILLMService(
        **door, settings=OpenAILLMService.Settings(model="qwen2.5-coder-0.5b", system_instruction=prompt)
    )
    VALID_VOICES[VOICE] = VOICE  # it knows those of OpenAI alone
    tts = OpenAITTSService(**door, settings=OpenAITTSService.Settings(model=VOICE, voice=VOICE))
    context = LLMContext()
    aggregators = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    steps = [transport.input(), stt, aggregators.user(), llm, tts, transport.output(), aggregators.assistant()]
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=24_000)
    runner = WorkerRunner()
    await runner.add_workers(PipelineWorker(Pipeline(steps), params=params, idle_timeout_secs=None))
    await runner.run()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
