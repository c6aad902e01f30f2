"""One gateway, two calls: the second one is answered by other engines because its first message says so."""

import asyncio
from pathlib import Path

import pytest

from lineside.gateway.startup import running_gateway
from lineside.protocol import FirstMessage, LlmToken, Ready, ReasoningToken, ServerMessage
from lineside.settings import load_settings
from lineside.testclient.client import CallClient, ClientCall, recordings
from tests.fakes import ANSWERED, WHAT_IT_THOUGHT, serving
from tests.fakes.kokoro import FakeKokoro
from tests.fakes.ollama import FakeOllama
from tests.real_gateway import Stack
from tests.turns.test_speech_segmenter import AUDIO

SWITCHED = FirstMessage(
    codec="pcm", llm_engine="ollama", llm_model="old-thinker", tts_engine="kokoro", tts_voice="af_bella", greeting=""
)


@pytest.mark.models
def test_a_call_is_switched_by_its_first_message_alone(stack: Stack, tmp_path: Path) -> None:
    """From the embedded model to Ollama, from Piper to Kokoro; what the model thinks is shown, and never spoken."""
    ollama, kokoro = FakeOllama(), FakeKokoro()
    plain = tmp_path / "agent.toml"  # its answers come from the model alone, word by word
    plain.write_text('name = "Test"\nprompt = "You answer."\n')

    async def call(url: str, hello: FirstMessage) -> tuple[ClientCall, list[ServerMessage]]:
        events: list[ServerMessage] = []
        question = recordings([AUDIO / "order_status.wav"])
        return await CallClient(url, hello, notice=events.append).run(question), events

    async def main() -> None:
        async with serving(ollama.app()) as ollama_url, serving(kokoro.app()) as kokoro_url:
            settings = load_settings(
                port=0,
                data_dir=tmp_path / "data",
                agent_file=plain,
                embedded_url=stack.engine_url,
                ollama_url=ollama_url,
                ollama_models=("old-thinker",),
                kokoro_url=kokoro_url,
                default_llm_engine="embedded",
                default_tts_engine="piper",
            )
            async with running_gateway(settings) as gateway:
                url = gateway.url.replace("localhost", "127.0.0.1")
                usual, events = await call(url, FirstMessage(codec="pcm", greeting=""))
                assert _engines(events) == {"stt": "faster-whisper", "llm": "embedded", "tts": "piper"}
                assert usual.turns[0].reply
                assert (ollama.asked, kokoro.asked) == ([], [])

                other, events = await call(url, SWITCHED)
        assert _engines(events) == {"stt": "faster-whisper", "llm": "ollama", "tts": "kokoro"}
        (turn,) = other.turns
        assert turn.errors == []
        assert "order status" in turn.transcript.lower()
        assert turn.reply == ANSWERED
        assert "".join(e.token for e in events if isinstance(e, ReasoningToken)).strip() == WHAT_IT_THOUGHT
        assert "".join(e.token for e in events if isinstance(e, LlmToken)).strip() == ANSWERED
        assert turn.seconds > 1.0
        assert {ask["model"] for ask in ollama.asked} == {"old-thinker"}
        assert {ask["voice"] for ask in kokoro.asked} == {"af_bella"}
        assert " ".join(ask["input"] for ask in kokoro.asked).endswith(ANSWERED)

    asyncio.run(main(), debug=True)


def _engines(events: list[ServerMessage]) -> dict[str, str]:
    (ready,) = [event for event in events if isinstance(event, Ready)]
    return ready.engines
