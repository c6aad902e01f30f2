"""Pipecat's OpenAIRealtimeLLMService at a running gateway: a question, a function, the answer's sound."""

import asyncio
import sys

from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import ErrorFrame, LLMRunFrame, TTSAudioRawFrame, TTSTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

calls = []
audio = []
text = []
errors = []


class Watch(FrameProcessor):
    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            audio.append(len(frame.audio))
        if isinstance(frame, TTSTextFrame):
            text.append(frame.text)
        if isinstance(frame, ErrorFrame):
            errors.append(str(frame.error))
        await self.push_frame(frame, direction)


async def main(url):
    llm = OpenAIRealtimeLLMService(api_key="secret", base_url=url)

    async def weather(params):
        calls.append(dict(params.arguments))
        await params.result_callback({"weather": "sunny"})

    llm.register_function("weather", weather)
    tools = ToolsSchema([FunctionSchema("weather", "Tells the weather.", {"city": {"type": "string"}}, ["city"])])
    context = LLMContext([{"role": "user", "content": "Is it raining?"}], tools=tools)
    pair = LLMContextAggregatorPair(context)
    task = PipelineTask(Pipeline([pair.user(), llm, Watch(), pair.assistant()]))

    async def drive():
        await asyncio.sleep(1)
        await task.queue_frames([LLMRunFrame()])
        for _ in range(120):
            await asyncio.sleep(0.1)
            if sum(audio) > 40000:
                break
        await asyncio.sleep(1)
        await task.cancel()

    await asyncio.gather(PipelineRunner(handle_sigint=False).run(task), drive())
    print({"calls": calls, "audio": sum(audio), "text": "".join(text), "errors": errors})


asyncio.run(main(sys.argv[1]))
