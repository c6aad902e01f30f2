"""openai-agents at a running gateway: connects, types, hears, calls a function, is told of each event strictly."""

import asyncio
import sys

from agents.realtime import RealtimeAgent, RealtimeRunner

from agents import function_tool

calls = []


@function_tool
def weather(city: str) -> str:
    """Tells the weather."""
    calls.append(city)
    return "sunny"


async def main(url):
    agent = RealtimeAgent(name="A", instructions="Answer briefly.", tools=[weather])
    runner = RealtimeRunner(agent)
    session = await runner.run(model_config={"url": url, "api_key": "secret"})
    kinds = []
    errors = []
    async with session:
        await session.send_message("Is it raining?")
        try:
            async with asyncio.timeout(20):
                async for event in session:
                    kinds.append(event.type)
                    if event.type == "error":
                        errors.append(str(event.error))
                    if event.type == "audio_end":
                        break
        except TimeoutError:
            pass
    print(sorted(set(kinds)), "errors", errors, "calls", calls)


asyncio.run(main(sys.argv[1]))
