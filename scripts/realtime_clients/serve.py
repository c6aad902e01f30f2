"""A gateway on scripted engines whose model calls a function and then answers; prints its address, and serves.

After it, for each question that its model is asked, the answer before it, as the model sees it.
"""

import asyncio
import sys

from scripts.realtime_clients.interrupted import LONG, SAW
from tests.gateway.test_app import opened

from lineside.engines.protocols import Message, ToolCall
from lineside.engines.vendors.scripted import ScriptedLLM

ASKS = Message("assistant", "", (ToolCall("", "weather", '{"city":"Rome"}'),))
LOOK_EVERY = 0.1  # seconds


async def main(seconds: float) -> None:
    """Serve for so long."""
    async with opened(echo_gate=False, api_keys=("secret",)) as served:
        engines = served.gateway._registry._engines
        engines["llm", "scripted"] = model = ScriptedLLM(answers=(ASKS, "It is sunny in Rome today.", LONG))
        print(served.url, flush=True)
        told = 0
        for _ in range(round(seconds / LOOK_EVERY)):
            await asyncio.sleep(LOOK_EVERY)
            for asked in model.asked[told:]:
                answers = [message.content for message in asked if message.role == "assistant" and message.content]
                print(SAW + " ".join(answers[-1:]), flush=True)
            told = len(model.asked)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
