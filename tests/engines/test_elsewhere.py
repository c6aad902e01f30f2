"""Engines in containers and in the cloud: what they are asked, and what becomes of their refusals."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from lineside.audio.frame import STT_RATE, Utterance
from lineside.engines.protocols import LlmRequest, Message, Thought, Token, Transcription
from lineside.engines.registry import ROLES, EngineRegistry
from lineside.engines.vendors.elevenlabs import ElevenLabs
from lineside.engines.vendors.kokoro import Kokoro
from lineside.engines.vendors.melotts import MeloTTS
from lineside.engines.vendors.openai import OpenAILLM, OpenAISTT, OpenAITTS
from lineside.engines.vendors.piper import PiperFast
from lineside.engines.vendors.whisper_server import WhisperServer
from lineside.errors import EngineBusy, EngineError
from tests.call.fixtures import settings
from tests.engines.fixtures import all_of, built, missing, spoken
from tests.fakes import ANSWERED, HEARD, WHAT_IT_THOUGHT, elevenlabs, openai, serving
from tests.fakes.elevenlabs import FakeElevenLabs
from tests.fakes.kokoro import FakeKokoro
from tests.fakes.melotts import FakeMeloTTS
from tests.fakes.openai import FakeOpenAI
from tests.fakes.whisper_server import FakeWhisperServer

QUESTION = (Message("user", "Where is my order?"),)
SENTENCE = "It left us this morning."
SILENCE = Utterance(bytes(2 * STT_RATE), 0.0, 0.0)


def told(story: Callable[[Any], Awaitable[None]], kind: Any, app: web.Application, setting: str, **given: Any) -> None:
    """Tell a story about an engine whose back end is there."""

    async def main() -> None:
        async with serving(app) as url, aiohttp.ClientSession() as http:
            await story(built(kind, http, **({setting: url} | given)))

    asyncio.run(main(), debug=True)


# ── whisper-server ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_whisper_server_is_asked_for_words_and_probabilities_alone() -> None:
    """Its form; and its notes about silence are no words."""
    fake = FakeWhisperServer()

    async def story(engine: WhisperServer) -> None:
        heard = await engine.transcribe(spoken("yes"))
        assert (heard.text, heard.no_speech) == (HEARD, 0.02)
        assert heard.sure == pytest.approx(0.905, abs=0.001)
        assert {k: v for k, v in fake.asked[0].items() if k != "file"} == {
            "temperature": "0.0",
            "temperature_inc": "0.2",
            "response_format": "verbose_json",
            "no_language_probabilities": "true",
        }
        assert (await engine.transcribe(SILENCE)).text == ""
        fake.loading = True
        with pytest.raises(EngineBusy, match="503: loading model"):
            await engine.check()

    told(story, WhisperServer, fake.app(), "whisper_server_url")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (" [BLANK_AUDIO]\n", ""),
        (" [ Silence ] (wind blowing)", ""),
        ("(wind blowing) (beeping)", ""),
        (" Yes. [MUSIC]\n please", "Yes. please"),
        ("It costs ten dollars (or so).", "It costs ten dollars (or so)."),
    ],
)
def test_notes_are_no_words(written: str, words: str) -> None:
    """What somebody really said in brackets stays."""

    async def inference(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"text": written})

    app = web.Application()
    app.router.add_post("/inference", inference)

    async def story(engine: WhisperServer) -> None:
        assert await engine.transcribe(SILENCE) == Transcription(words)

    told(story, WhisperServer, app, "whisper_server_url")


# ── OpenAI-shaped servers ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reasoning", ["reasoning_content", "reasoning", "inline", "unopened", ""])
def test_thoughts_are_kept_apart_however_the_server_gives_them(reasoning: str) -> None:
    """In a field of their own or in the text, with its opening tag or without, cut in the middle of the other."""
    fake = FakeOpenAI("deepseek-r1-distill-qwen-7b" if reasoning == "unopened" else "some-model", reasoning=reasoning)

    async def story(engine: OpenAILLM) -> None:
        pieces = await all_of(engine.reply(QUESTION, LlmRequest()))
        thought, said = ("".join(p.text for p in pieces if isinstance(p, kind)).strip() for kind in (Thought, Token))
        assert (thought, said) == (WHAT_IT_THOUGHT if reasoning else "", ANSWERED)

    told(story, OpenAILLM, fake.app(), "openai_url", openai_api_key=openai.KEY)


def test_without_a_model_the_first_that_the_server_lists_answers() -> None:
    """It is asked once; the cloud lists too many for that, and is not asked."""
    fake = FakeOpenAI("whatever-is-loaded")

    async def story(engine: OpenAILLM) -> None:
        assert engine.info.choices == ()
        for _ in range(2):
            assert await all_of(engine.reply(QUESTION, LlmRequest()))
        assert [ask["model"] for ask in fake.asked] == ["whatever-is-loaded"] * 2

    told(story, OpenAILLM, fake.app(), "openai_url", openai_api_key=openai.KEY)

    async def cloud() -> None:
        async with aiohttp.ClientSession() as http:
            with pytest.raises(EngineError, match="OPENAI_MODEL is empty"):
                await all_of(built(OpenAILLM, http, openai_api_key="sk-x").reply(QUESTION, LlmRequest()))

    asyncio.run(cloud(), debug=True)


def test_a_wrong_key_is_said() -> None:
    """In the check and in the request, without the key."""

    async def story(engine: OpenAILLM) -> None:
        for doing in (engine.check(), all_of(engine.reply(QUESTION, LlmRequest(model="m")))):
            with pytest.raises(EngineError, match="answered 401: Incorrect API key") as failure:
                await doing
            assert "sk-wrong" not in str(failure.value)

    told(story, OpenAILLM, FakeOpenAI().app(), "openai_url", openai_api_key="sk-wrong")


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-mini-transcribe"])
def test_a_recogniser_is_asked_in_a_shape_that_it_knows(model: str) -> None:
    """The newer ones of the cloud have no probabilities to give."""

    async def story(engine: OpenAISTT) -> None:
        assert (await engine.transcribe(spoken("yes"))).text == HEARD

    app = FakeOpenAI().app()
    told(story, OpenAISTT, app, "openai_stt_url", openai_api_key=openai.KEY, openai_stt_model=model)


def test_a_voice_of_its_own_address() -> None:
    """Model and voice as set."""
    fake = FakeOpenAI()

    async def story(engine: OpenAITTS) -> None:
        assert await all_of(engine.speak(SENTENCE, ""))
        assert fake.asked == [{"model": "tts-1", "input": SENTENCE, "voice": "nova", "response_format": "wav"}]

    given = {"openai_api_key": openai.KEY, "openai_tts_voice": "nova"}
    told(story, OpenAITTS, fake.app(), "openai_tts_url", **given)


# ── voices ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_kokoro_in_its_container() -> None:
    """Its own name for its model, bare samples, and its refusals read."""
    fake = FakeKokoro()

    async def story(engine: Kokoro) -> None:
        sounds = await all_of(engine.speak(SENTENCE, "af_bella"))
        assert {sound.rate for sound in sounds} == {24_000}
        assert fake.asked == [{"model": "kokoro", "input": SENTENCE, "voice": "af_bella", "response_format": "pcm"}]
        with pytest.raises(EngineError, match="400: voice 'bf_lily' not found"):
            await all_of(engine.speak(SENTENCE, "bf_lily"))
        assert not engine.info.embedded

    told(story, Kokoro, fake.app(), "kokoro_url")


def test_melotts_is_asked_for_an_accent_and_a_pace() -> None:
    """As its container has them; its WAV is believed though it calls itself something else."""
    fake = FakeMeloTTS()

    async def story(engine: MeloTTS) -> None:
        assert engine.info.choices == ("EN-BR", "EN-US", "EN_INDIA", "EN-AU", "EN-Default")
        sounds = await all_of(engine.speak(SENTENCE, ""))
        assert {sound.rate for sound in sounds} == {44_100}
        assert await all_of(engine.speak(SENTENCE, "EN_INDIA"))
        common = {"text": SENTENCE, "speed": 1.2, "language": "EN"}
        assert fake.asked == [{**common, "speaker_id": "EN-BR"}, {**common, "speaker_id": "EN_INDIA"}]
        with pytest.raises(EngineError, match="500: Internal Server Error"):
            await all_of(engine.speak(SENTENCE, "EN-NOWHERE"))

    told(story, MeloTTS, fake.app(), "melotts_url", melotts_accent="EN-BR", melotts_speed=1.2)


def test_elevenlabs_is_asked_with_its_key_and_for_bare_samples() -> None:
    """A wrong key or voice is said in its words; no voice can lead to another route."""
    fake = FakeElevenLabs()

    async def story(engine: ElevenLabs) -> None:
        sounds = await all_of(engine.speak(SENTENCE, ""))
        assert {sound.rate for sound in sounds} == {22_050}
        assert fake.asked == [{"text": SENTENCE, "model_id": "eleven_turbo_v2_5"}]
        with pytest.raises(EngineError, match="404: A voice with the given ID was not found"):
            await all_of(engine.speak(SENTENCE, "../../v1/models?"))

    async def refused(engine: ElevenLabs) -> None:
        for doing in (engine.check(), all_of(engine.speak(SENTENCE, ""))):
            with pytest.raises(EngineError, match="401: Invalid API key"):
                await doing

    told(story, ElevenLabs, fake.app(), "elevenlabs_url", elevenlabs_api_key=elevenlabs.KEY)
    told(refused, ElevenLabs, fake.app(), "elevenlabs_url", elevenlabs_api_key="wrong")


def test_engines_are_offered_only_where_they_can_be_had() -> None:
    """Without a key or an address nobody is offered what cannot answer."""
    bare, cloud, own = settings(), settings(openai_api_key="k", elevenlabs_api_key="k"), settings(openai_url="http://x")
    for role in ROLES:
        assert ["openai" in EngineRegistry(given).names(role) for given in (bare, cloud, own)] == [False, True, True]
    assert missing(OpenAILLM) == "OPENAI_URL or OPENAI_API_KEY"
    assert missing(OpenAISTT, openai_stt_url="http://x") == missing(OpenAITTS, openai_tts_url="http://x") == ""
    assert missing(ElevenLabs) == "ELEVENLABS_API_KEY"
    assert [missing(MeloTTS), missing(MeloTTS, melotts_url="http://x")] == ["MELOTTS_URL", ""]
    assert not {"openai", "elevenlabs", "melotts"} & set(EngineRegistry(bare).names("tts"))
    assert {"openai", "elevenlabs"} <= set(EngineRegistry(cloud).names("tts"))


def test_a_piper_preset_speaks_as_the_voice_that_is_there(tmp_path: Any) -> None:
    """Where its own voice has not been fetched, the one that always is."""
    fake = FakeOpenAI(key="")

    async def story(engine: PiperFast) -> None:
        assert engine.info.choices[0] == "fast"
        assert await all_of(engine.speak(SENTENCE, ""))
        assert await all_of(engine.speak(SENTENCE, "en_US-ljspeech-high"))
        assert [ask["voice"] for ask in fake.asked] == ["en_US-joe-medium", "en_US-ljspeech-high"]

    told(story, PiperFast, fake.app(), "piper_url", models_dir=tmp_path)
