"""A gateway on scripted engines whose model calls a function and then answers; prints its address, and serves."""

import asyncio
import sys

from tests.gateway.test_app import opened

from lineside.engines.protocols import Message, ToolCall
from lineside.engines.vendors.scripted import ScriptedLLM

ASKS = Message("assistant", "", (ToolCall("", "weather", '{"city":"Rome"}'),))
LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."


async def main(seconds: float) -> None:
    """Serve for so long."""
    async with opened(echo_gate=False, api_keys=("secret",)) as served:
        engines = served.gateway._registry._engines
        engines["llm", "scripted"] = ScriptedLLM(answers=(ASKS, "It is sunny in Rome today.", LONG))
        print(served.url, flush=True)
        await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
