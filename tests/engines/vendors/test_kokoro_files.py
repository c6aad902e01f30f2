"""An embedded Kokoro whose files are not here is no engine that answers."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from lineside.engine_options import EngineHost
from lineside.engines.vendors.kokoro import Kokoro
from lineside.errors import ModelMissing


def test_kokoro_that_was_not_downloaded_says_so(tmp_path: Path) -> None:
    """Before a call names it, with what to do."""

    async def story() -> None:
        async with aiohttp.ClientSession() as http:
            host = EngineHost(http=http, embedded_url="http://127.0.0.1:9", embedded_llm="", models_dir=tmp_path)
            with pytest.raises(ModelMissing, match="not downloaded: lineside models pull kokoro-82m"):
                await Kokoro(Kokoro.Options(), host).check()

    asyncio.run(story())
