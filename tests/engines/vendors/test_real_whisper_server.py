"""whisper.cpp's own server, where there is one: LINESIDE_TEST_WHISPER_SERVER=/path/to/whisper-server.

The model beside it has random weights (from whisper.cpp's own tests): what it hears may be anything, or nothing.
LINESIDE_TEST_WHISPER_MODEL names another.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from lineside.audio.frame import STT_RATE, Utterance
from lineside.engines.protocols import SpeechToText
from lineside.engines.vendors.whisper_server import WhisperServer
from lineside.errors import EngineError, EngineUnreachable
from tests.engines.fixtures import built, spoken
from tests.turns.test_speech_segmenter import AUDIO

PROGRAM = os.environ.get("LINESIDE_TEST_WHISPER_SERVER", "")
MODEL = Path(os.environ.get("LINESIDE_TEST_WHISPER_MODEL", AUDIO.parent / "whisper-for-tests-ggml-tiny.en.bin"))

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="LINESIDE_TEST_WHISPER_SERVER names no whisper-server"),
    pytest.mark.skipif(not MODEL.exists(), reason=f"no model at {MODEL}; set LINESIDE_TEST_WHISPER_MODEL"),
]


@asynccontextmanager
async def whisper_server() -> AsyncGenerator[str, None]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "-m", str(MODEL), "--host", "127.0.0.1", "--port", port, stdout=quiet, stderr=quiet
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def told(story: Callable[[WhisperServer, str], Awaitable[None]]) -> None:
    """Tell the story once the server answers."""

    async def main() -> None:
        async with whisper_server() as url, aiohttp.ClientSession() as http, asyncio.timeout(120):
            engine = built(WhisperServer, http, whisper_server_url=url)
            while True:
                with suppress(EngineError):
                    await engine.check()
                    break
                await asyncio.sleep(0.1)
            await story(engine, url)

    asyncio.run(main(), debug=True)


def test_it_conforms() -> None:
    """A transcript for speech, for silence, and for several at once."""

    async def story(engine: WhisperServer, url: str) -> None:
        assert isinstance(engine, SpeechToText)
        silence = Utterance(bytes(2 * STT_RATE), 0.0, 0.0)
        many = [engine.transcribe(said) for said in (spoken("order_status"), silence, spoken("yes"))]
        for transcript in await asyncio.gather(*many):
            assert transcript.text == transcript.text.strip()
            assert 0 <= transcript.sure <= 1
            assert transcript.no_speech is not None
            assert 0 <= transcript.no_speech <= 1

    told(story)


def test_its_answer_has_the_shape_that_the_fake_has() -> None:
    """What is read of it is there, by these names; and its refusal is read."""

    async def story(engine: WhisperServer, url: str) -> None:
        async with aiohttp.ClientSession() as http:
            form = aiohttp.FormData()
            form.add_field("response_format", "verbose_json")
            form.add_field("file", (AUDIO / "yes.wav").read_bytes(), filename="yes.wav")
            async with http.post(f"{url}/inference", data=form) as answer:
                said = await answer.json()
            assert isinstance(said["text"], str)
            assert isinstance(said["segments"], list)
            async with http.post(f"{url}/inference", data={"response_format": "json"}) as answer:
                assert answer.status == 400

    told(story)


def test_when_it_dies_the_next_request_fails_and_says_where() -> None:
    """And what to do."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            async with whisper_server() as url:
                engine = built(WhisperServer, http, whisper_server_url=url)
            with pytest.raises(EngineUnreachable, match="start it: lineside host"):
                await engine.transcribe(spoken("yes"))

    asyncio.run(main(), debug=True)
