"""A voice says a sentence of the operator's, and only so much of it."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from lineside.api.engines import EngineList
from lineside.api.errors import ApiError
from lineside.api.schemas import SayText
from lineside.api.voice_samples import AT_ONCE, MINUTE, MOST_A_MINUTE, MOST_SECONDS, VoiceSamples
from lineside.audio.frame import SpokenAudio
from lineside.audio.wav import read_wav
from lineside.engines.protocols import EngineInfo
from lineside.engines.vendors.scripted import SECONDS_PER_WORD, ScriptedTTS
from tests.api.fixtures import ControlClient, FakeRegistry, at_home


class TwoVoices(ScriptedTTS):
    """One that can speak as two people, and waits for `go`."""

    def __init__(self) -> None:
        super().__init__(takes=0)
        self.info = EngineInfo(choices=("joe", "amy"))
        self.voices: list[str] = []
        self.go = asyncio.Event()
        self.go.set()

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        self.voices.append(voice)
        await self.go.wait()
        async for sound in super().speak(sentence, voice):
            yield sound


class Endless(ScriptedTTS):
    """One that does not stop."""

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        while True:
            yield SpokenAudio(bytes(2 * 16_000), 16_000)


def samples(tts: ScriptedTTS, now: list[float] | None = None) -> VoiceSamples:
    registry = FakeRegistry({"stt": {"s": None}, "llm": {"l": None}, "tts": {"piper": tts}})
    clock = now or [0.0]
    return VoiceSamples(EngineList(registry), lambda: clock[0])


def test_a_voice_says_the_sentences_as_a_call_would_have_them_said(tmp_path: Path) -> None:
    """Numbers are words, each sentence is synthesised by itself, and the answer is one WAV."""

    async def story(control: ControlClient) -> None:
        body = {"text": "It costs $5. Good morning."}
        async with control.http.post(f"{control.url}/api/voices/say", json=body) as answer:
            assert (answer.status, answer.content_type) == (200, "audio/wav")
            sound = read_wav(await answer.read())
        tts = control.dependencies.registry.engines["tts"]["espeak"]  # type: ignore[attr-defined]
        assert tts.spoken == ["It costs five dollars.", "Good morning."]
        assert sound.seconds == pytest.approx(6 * SECONDS_PER_WORD, abs=0.01)

    at_home(story, tmp_path)


@pytest.mark.parametrize(
    ("body", "status", "code", "named"),
    [
        ({"text": "Hello.", "engine": "nobody"}, 404, "unknown_engine", "espeak"),
        ({"text": "…"}, 400, "nothing_to_say", "no speakable words"),
        ({"text": ""}, 400, "bad_request", "text of 1 to 300 characters"),
        ({"text": "a" * 301}, 400, "bad_request", "text of 1 to 300 characters"),
    ],
)
def test_what_cannot_be_said_is_refused_with_what_can(
    tmp_path: Path, body: dict[str, str], status: int, code: str, named: str
) -> None:
    """An unknown voice, a text without words, none at all, too much."""

    async def story(control: ControlClient) -> None:
        refused = await control.refused("POST", "/api/voices/say", body)
        assert refused[:2] == (status, code)
        assert named in refused[2]

    at_home(story, tmp_path)


def test_an_engine_that_fails_is_named_and_no_other_one_speaks(tmp_path: Path) -> None:
    """Whoever compares voices must hear the one that they asked for."""

    async def story(control: ControlClient) -> None:
        tts = control.dependencies.registry.engines["tts"]["espeak"]  # type: ignore[attr-defined]
        tts.fails = 9
        status, code, _ = await control.refused("POST", "/api/voices/say", {"text": "Hello."})
        assert (status, code) == (502, "engine_failed")

    at_home(story, tmp_path)


def test_the_chosen_voice_speaks_and_an_unknown_one_is_refused() -> None:
    """The engine is asked for that voice by name."""

    async def story() -> None:
        tts = TwoVoices()
        await samples(tts).say(SayText("Hello.", "piper", "amy"))
        assert tts.voices == ["amy"]
        with pytest.raises(ApiError, match="joe, amy") as refused:
            await samples(tts).say(SayText("Hello.", "piper", "tom"))
        assert refused.value.status == 404

    asyncio.run(story())


def test_few_are_made_at_once_and_few_within_a_minute() -> None:
    """The voices are the callers' first of all."""

    async def story() -> None:
        tts, now = TwoVoices(), [100.0]
        voice_samples = samples(tts, now)
        tts.go.clear()
        making = [asyncio.create_task(voice_samples.say(SayText("Hello."))) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="try again when one is finished"):
            await voice_samples.say(SayText("Hello."))
        tts.go.set()
        await asyncio.gather(*making)
        for _ in range(MOST_A_MINUTE - AT_ONCE):
            await voice_samples.say(SayText("Hello."))
        with pytest.raises(ApiError, match="try again in 61 s") as refused:
            await voice_samples.say(SayText("Hello."))
        assert refused.value.status == 429
        now[0] += MINUTE
        assert await voice_samples.say(SayText("Hello."))

    asyncio.run(story())


def test_a_voice_that_does_not_stop_is_stopped() -> None:
    """After a minute of sound."""

    async def story() -> None:
        sound = read_wav(await samples(Endless(takes=0)).say(SayText("Hello.")))
        assert sound.seconds == pytest.approx(MOST_SECONDS, abs=1.1)

    asyncio.run(story())
