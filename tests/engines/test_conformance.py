"""Engines: one conformance suite for all that are registered, in every way they are reached; and the registry."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from lineside.audio.frame import EAR_RATE, Sound, Utterance
from lineside.engines.protocols import (
    HealthChecked,
    LanguageModel,
    LlmRequest,
    Message,
    PredictsTurnEnd,
    Prefills,
    SpeechToText,
    TextToSpeech,
    Thought,
    Token,
)
from lineside.engines.registry import ROLES, EngineRegistry
from lineside.engines.timeouts import in_time, tried_twice
from lineside.engines.vendors.embedded import FasterWhisper, LlamaCpp
from lineside.errors import ConfigError, EngineError, EngineTimeout, TransportError
from lineside.models.store import state
from lineside.models.voices import KOKORO, VOICES
from tests.call.fixtures import settings
from tests.engines.fixtures import Case, all_of, built, cases, patient_checks, reached, spoken
from tests.real_gateway import Stack
from tests.virtual_time import run

SENTENCE = "Your router restarts in thirty seconds."
QUESTION = (Message("system", "Answer in one short sentence."), Message("user", "What colour is the sky?"))


def conform(request: pytest.FixtureRequest, case: Case, story: Callable[[Any], Awaitable[None]]) -> None:
    """Tell the story with the engine, against the running stack where it needs one."""
    if case.embedded and case.name == "kokoro" and not here(KOKORO.name):
        pytest.skip(f"{KOKORO.name} is not fetched: lineside models pull {KOKORO.name}")
    url = request.getfixturevalue("stack").engine_url if case.embedded else ""

    async def main() -> None:
        async with reached(case, url) as engine:
            if isinstance(engine, HealthChecked):
                await engine.check()
            await story(engine)

    with patient_checks():
        asyncio.run(main(), debug=True)


def here(voice: str) -> bool:
    """Whether a voice can be asked for: those of the catalogue once they are fetched."""
    known = {model.name: model for model in VOICES}
    return voice not in known or state(known[voice], settings().models_dir) in ("ready", "unchecked")


# ── conformance ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", cases("stt"))
def test_a_recogniser_conforms(request: pytest.FixtureRequest, case: Case) -> None:
    """Words where there are some, none in silence; probabilities that are some."""

    async def story(engine: SpeechToText) -> None:
        assert isinstance(engine, SpeechToText)
        heard = await engine.transcribe(spoken("order_status"))
        assert heard.text == heard.text.strip() != ""
        assert 0 <= heard.sure <= 1
        assert heard.no_speech is None or 0 <= heard.no_speech <= 1
        assert (await engine.transcribe(Utterance(bytes(2 * EAR_RATE), 0.0, 0.0))).text == ""

    conform(request, case, story)


@pytest.mark.parametrize("case", cases("llm"))
def test_a_language_model_conforms(request: pytest.FixtureRequest, case: Case) -> None:
    """Tokens as they come, no more than asked for, and closing early leaves it ready for the next question."""

    async def story(engine: LanguageModel) -> None:
        assert isinstance(engine, LanguageModel)
        tokens = await all_of(engine.reply(QUESTION, LlmRequest(max_tokens=30)))
        assert all(isinstance(token, Token | Thought) and token.text for token in tokens)
        assert len([t for t in tokens if isinstance(t, Token)]) > 1
        assert len(await all_of(engine.reply(QUESTION, LlmRequest(max_tokens=3)))) <= 3
        async with aclosing(engine.reply(QUESTION, LlmRequest(max_tokens=150))) as broken_off:
            await anext(broken_off)
        assert await all_of(engine.reply(QUESTION, LlmRequest(max_tokens=2)))
        if isinstance(engine, PredictsTurnEnd):
            said = [Message("system", "You take orders."), Message("user", "I would like to order two of the")]
            for messages in (said, QUESTION):
                assert isinstance(await engine.may_end(messages, LlmRequest()), float | None)
            assert await all_of(engine.reply(QUESTION, LlmRequest(max_tokens=2)))
        if isinstance(engine, Prefills):
            begun = (QUESTION[0], Message("user", "I would like to"))
            assert isinstance(await engine.read_ahead(begun, LlmRequest()), bool)
            assert await all_of(engine.reply(QUESTION, LlmRequest(max_tokens=2)))

    conform(request, case, story)


@pytest.mark.parametrize("case", cases("tts"))
def test_a_voice_conforms(request: pytest.FixtureRequest, case: Case) -> None:
    """One rate, frames of up to 100 ms without holes, all the words once and in order, real sound, known voices."""

    async def story(engine: TextToSpeech) -> None:
        assert isinstance(engine, TextToSpeech)
        sounds: list[Sound] = await all_of(engine.speak(SENTENCE, ""))
        assert len({sound.frame.rate for sound in sounds}) == 1
        assert all(sound.frame.seconds <= 0.1001 for sound in sounds)
        at = 0.0
        for sound in sounds:
            assert sound.frame.at == pytest.approx(at, abs=1e-6)
            at += sound.frame.seconds
        assert 1.0 < at < 6.0
        assert " ".join(sound.says for sound in sounds if sound.says) == SENTENCE
        assert max(abs(s) for sound in sounds for s in memoryview(sound.frame.pcm).cast("h")) > 1000
        assert await all_of(engine.speak("?! —", "")) == []
        for voice in filter(here, engine.info.choices):
            assert await all_of(engine.speak("Yes.", voice))
        async with aclosing(engine.speak(SENTENCE, "")) as broken_off:
            await anext(broken_off)

    conform(request, case, story)


@pytest.mark.models
def test_the_words_of_real_speech_are_right(stack: Stack) -> None:
    """The embedded recogniser hears what was said."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            engine = built(FasterWhisper, http, embedded_url=stack.engine_url)
            for name, word in (("order_status", "order status"), ("yes", "yes"), ("thank_you", "thank you")):
                assert word in (await engine.transcribe(spoken(name))).text.lower()

    asyncio.run(main(), debug=True)


@pytest.mark.models
def test_half_a_sentence_is_less_likely_to_be_all_than_a_whole_one(stack: Stack) -> None:
    """The embedded language model tells them apart by the words alone."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            engine = built(LlamaCpp, http, embedded_url=stack.engine_url)
            assert isinstance(engine, PredictsTurnEnd)
            said = "I would like to change the address on my account"
            half, whole = [
                await engine.may_end((QUESTION[0], Message("user", text)), LlmRequest())
                for text in (said.removesuffix(" my account"), said)
            ]
            assert half is not None
            assert whole is not None
            assert half < whole - 1.0

    asyncio.run(main(), debug=True)


# ── the registry ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    """What a caller may name is what is registered, and nothing else."""
    registry = EngineRegistry(settings(default_tts_engine="scripted", fallback_llm_engines=("scripted",)), None)
    for role in ROLES:
        with pytest.raises(TransportError, match=rf"{role}_engine: 'x'.*(scripted|whisper)"):
            registry.engine(role, "x")
    with pytest.raises(ConfigError, match=r"DEFAULT_TTS_ENGINE='loud'.*piper"):
        EngineRegistry(settings(default_tts_engine="loud"), None)


# ── deadlines ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_item_and_a_later_one_have_deadlines() -> None:
    """Slow to begin and slow to go on are both too slow."""

    async def items(*pauses: float) -> AsyncGenerator[float, None]:
        for pause in pauses:
            await asyncio.sleep(pause)
            yield pause

    async def story(*pauses: float) -> list[float]:
        return await all_of(in_time(items(*pauses), first=2.0, later=1.0, who="it"))

    assert run(story(1.9, 0.9, 0.9)) == [1.9, 0.9, 0.9]
    for late in ((2.1,), (1.0, 1.1)):
        with pytest.raises(EngineTimeout, match="it said nothing for"):
            run(story(*late))


def test_a_failure_is_tried_again_only_before_anything_came() -> None:
    """Half an answer is not asked for twice; one that was too slow neither."""
    tries = 0

    async def failing(after: int, error: type[EngineError]) -> AsyncGenerator[int, None]:
        nonlocal tries
        tries += 1
        for item in range(after):
            yield item
        if tries == 1:
            raise error("no")
        yield 100

    async def story(after: int, error: type[EngineError]) -> list[int]:
        nonlocal tries
        tries = 0
        return await all_of(tried_twice(lambda: failing(after, error)))

    assert run(story(0, EngineError)) == [100]
    for after, error in ((1, EngineError), (0, EngineTimeout)):
        with pytest.raises(error):
            run(story(after, error))
        assert tries == 1
