"""The official `openai` client against our engine server, and the official `ollama` client against our fake of Ollama.

Opt-in: `pip install --target FOLDER openai ollama`, then `PYTHONPATH=FOLDER`; nothing else here needs
them. The fakes of models are the engine server's own; the server is the real one.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.engine_server.fixtures import engine_server, wav
from tests.fakes import ANSWERED, serving
from tests.fakes.ollama import FakeOllama

WHY = "the official client is not installed: pip install --target FOLDER openai ollama; PYTHONPATH=FOLDER"


@pytest.fixture
def openai() -> Any:
    """The client's package."""
    return pytest.importorskip("openai", reason=WHY)


def test_models_are_listed(openai: Any) -> None:
    """With the fields that the client needs."""

    async def main() -> None:
        async with engine_server() as it, openai.AsyncOpenAI(base_url=f"{it.url}/v1", api_key="none") as client:
            names = [model.id async for model in client.models.list()]
            assert {"whisper", "llama", "voice"} <= set(names)

    asyncio.run(main())


def test_an_answer_is_streamed_and_given_whole(openai: Any) -> None:
    """The same words, and the figures of the tokens."""

    async def main() -> None:
        async with engine_server() as it, openai.AsyncOpenAI(base_url=f"{it.url}/v1", api_key="none") as client:
            asked: dict[str, Any] = {
                "model": "llama",
                "messages": [{"role": "user", "content": "count"}],
                "max_tokens": 5,
            }
            stream = await client.chat.completions.create(**asked, stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            assert "".join(said).split() == ["0", "1", "2", "3", "4"]
            whole = await client.chat.completions.create(**asked)
            assert whole.choices[0].message.content.split() == ["0", "1", "2", "3", "4"]
            assert whole.choices[0].finish_reason == "length"
            assert whole.usage.completion_tokens == 5

    asyncio.run(main())


def test_a_recording_is_transcribed_in_every_format(openai: Any) -> None:
    """Verbose with its segments, plain, and text."""

    async def main() -> None:
        async with engine_server() as it, openai.AsyncOpenAI(base_url=f"{it.url}/v1", api_key="none") as client:
            given: dict[str, Any] = {"model": "whisper", "file": ("a.wav", wav(1.0))}
            verbose = await client.audio.transcriptions.create(**given, response_format="verbose_json")
            assert verbose.text == "1.0 seconds"
            assert verbose.segments[0].no_speech_prob == pytest.approx(0.01)
            plain = await client.audio.transcriptions.create(**given, response_format="json", language="en")
            assert plain.text == "1.0 seconds"
            assert (await client.audio.transcriptions.create(**given, response_format="text")).strip() == "1.0 seconds"

    asyncio.run(main())


def test_a_sentence_is_spoken(openai: Any) -> None:
    """As WAV and as bare samples, whole and streamed."""

    async def main() -> None:
        async with engine_server() as it, openai.AsyncOpenAI(base_url=f"{it.url}/v1", api_key="none") as client:
            given: dict[str, Any] = {"model": "voice", "voice": "voice", "input": "one two three"}
            sound = await client.audio.speech.create(**given, response_format="wav")
            assert sound.content[:4] == b"RIFF"
            async with client.audio.speech.with_streaming_response.create(**given, response_format="pcm") as streamed:
                assert len(b"".join([piece async for piece in streamed.iter_bytes()])) > 3 * 2 * 2000

    asyncio.run(main())


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"model": "nobody", "messages": [{"role": "user", "content": "count"}]}, "NotFoundError"),
        ({"model": "llama", "messages": []}, "BadRequestError"),
        ({"model": "llama", "messages": [{"role": "user", "content": "too much"}]}, "BadRequestError"),
    ],
)
def test_errors_are_the_client_s_own_kinds(openai: Any, asked: dict[str, Any], kind: str) -> None:
    """With a message that says what was wrong."""

    async def main() -> None:
        async with (
            engine_server() as it,
            openai.AsyncOpenAI(base_url=f"{it.url}/v1", api_key="none", max_retries=0) as client,
        ):
            with pytest.raises(getattr(openai, kind)) as no:
                await client.chat.completions.create(**asked)
            assert len(no.value.message) > 10

    asyncio.run(main())


def test_the_fake_of_ollama_answers_ollama_s_own_client() -> None:
    """So what our client is tested against is what Ollama speaks."""
    ollama = pytest.importorskip("ollama", reason=WHY)

    async def main() -> None:
        async with serving(FakeOllama().app()) as url, AsyncExitStack() as stack:
            client = await stack.enter_async_context(ollama.AsyncClient(url))
            stream = await client.chat(
                "llama3.2:3b", [{"role": "user", "content": "Hi"}], stream=True, options={"num_predict": 40}
            )
            assert "".join([part.message.content or "" async for part in stream]).strip() == ANSWERED
            assert next(one.model for one in (await client.list()).models) == "llama3.2:3b"
            assert (await client.ps()).models[0].model == "llama3.2:3b"
            with pytest.raises(ollama.ResponseError, match="not found"):
                await client.chat("nobody", [{"role": "user", "content": "Hi"}], options={"num_predict": 4})

    asyncio.run(main())
