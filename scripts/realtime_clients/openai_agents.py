"""openai-agents at a running gateway: types, hears, calls a function, speaks, interrupts, reads all events strictly."""

import asyncio
import sys

from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelSendRawMessage
from interrupted import Interrupted, until

from agents import function_tool

calls = []


@function_tool
def weather(city: str) -> str:
    """Tells the weather."""
    calls.append(city)
    return "sunny"


async def main(url, served):
    agent = RealtimeAgent(name="A", instructions="Answer briefly.", tools=[weather])
    runner = RealtimeRunner(agent)
    session = await runner.run(model_config={"url": url, "api_key": "secret"})
    answer, kinds, errors = Interrupted(served), [], []

    async def watch():
        async for event in session:
            kinds.append(event.type)
            if event.type == "error":
                errors.append(str(event.error))
            if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                answer.take(event.data.data)

    async def retrieve(item):
        asked = {"type": "conversation.item.retrieve", "other_data": {"item_id": item}}
        await session.model.send_event(RealtimeModelSendRawMessage(message=asked))

    async with session:
        watching = asyncio.create_task(watch())
        await session.send_message("Is it raining?")
        await until(lambda: "audio_end" in kinds, "the answer has sounded")
        found = await answer.verdict(session.send_audio, retrieve)
        watching.cancel()
    if "audio_interrupted" not in kinds:
        raise SystemExit("it did not notice the interruption")
    print(sorted(set(kinds)), "errors", errors, "calls", calls, "interrupted", found)


asyncio.run(main(*sys.argv[1:]))
