"""The engine does what lineside asks of every language model."""

import asyncio

import aiohttp
from lineside_parrot import Parrot

from lineside.engine_options import EngineHost
from lineside.testing import check_llm


def test_parrot_conforms() -> None:
    """It streams, keeps to max_tokens, and can be interrupted."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            await check_llm(Parrot(Parrot.Options(), EngineHost(http)))

    asyncio.run(main())
