"""Pipecat's OpenAIRealtimeLLMService at a running gateway: a question, a function, sound, an interruption."""

import asyncio
import json
import sys

from interrupted import RATE, Interrupted, until
from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import ErrorFrame, InputAudioRawFrame, LLMRunFrame, TTSAudioRawFrame, TTSTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.realtime import events
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


async def main(url, served):
    answer, parse = Interrupted(served), events.parse_server_event

    def watched(message):
        answer.take(json.loads(message))
        return parse(message)

    events.parse_server_event = watched
    llm = OpenAIRealtimeLLMService(api_key="secret", base_url=url)

    async def weather(params):
        calls.append(dict(params.arguments))
        await params.result_callback({"weather": "sunny"})

    llm.register_function("weather", weather)
    tools = ToolsSchema([FunctionSchema("weather", "Tells the weather.", {"city": {"type": "string"}}, ["city"])])
    context = LLMContext([{"role": "user", "content": "Is it raining?"}], tools=tools)
    pair = LLMContextAggregatorPair(context)
    task = PipelineTask(Pipeline([pair.user(), llm, Watch(), pair.assistant()]))

    async def speak(pcm):
        await task.queue_frames([InputAudioRawFrame(pcm, RATE, 1)])

    async def retrieve(item):
        await llm.send_client_event(events.ConversationItemRetrieveEvent(item_id=item))

    async def drive():
        try:
            await asyncio.sleep(1)
            await task.queue_frames([LLMRunFrame()])
            await until(lambda: sum(audio) > 40000, "the answer sounds")
            await asyncio.sleep(2)
            heard = sum(audio), "".join(text)
            return heard, await answer.verdict(speak, retrieve)
        finally:
            await task.cancel()

    _, (heard, found) = await asyncio.gather(PipelineRunner(handle_sigint=False).run(task), drive())
    print({"calls": calls, "audio": heard[0], "text": heard[1], "errors": errors, "interrupted": found})


asyncio.run(main(*sys.argv[1:]))
