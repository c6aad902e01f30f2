"""Engines: one conformance suite for all that are registered, in every way they are reached; and the registry."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from lineside.engines.protocols import (
    LlmRequest,
    Message,
    PredictsTurnEnd,
)
from lineside.engines.registry import ROLES, EngineRegistry
from lineside.engines.timeouts import in_time, tried_twice
from lineside.engines.vendors.embedded import FasterWhisper, LlamaCpp
from lineside.errors import ConfigError, EngineError, EngineTimeout, TransportError
from lineside.models.store import state
from lineside.models.voices import KOKORO, VOICES
from lineside.testing import QUESTION, check_llm, check_stt, check_tool_calls, check_tts
from tests.call.fixtures import settings
from tests.engines.fixtures import FAKED, Case, all_of, built, cases, patient_checks, reached, spoken
from tests.real_gateway import Stack
from tests.virtual_time import run

DEPLOYED = os.environ.get("LINESIDE_TEST_ENGINES", "")  # an engine server that is up, in place of one that is started


def conform(request: pytest.FixtureRequest, case: Case, story: Callable[[Any], Awaitable[None]]) -> None:
    """Tell the story with the engine, against the running stack where it needs one."""
    if case.embedded and case.name == "kokoro" and not here(KOKORO.name):
        pytest.skip(f"{KOKORO.name} is not fetched: lineside models pull {KOKORO.name}")
    url = (DEPLOYED or request.getfixturevalue("stack").engine_url) if case.embedded else ""

    async def main() -> None:
        async with reached(case, url) as engine:
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
    conform(request, case, lambda stt: check_stt(stt, spoken("order_status")))


@pytest.mark.parametrize("case", cases("llm"))
def test_a_language_model_conforms(request: pytest.FixtureRequest, case: Case) -> None:
    """Tokens as they come, no more than asked for, and closing early leaves it ready for the next question."""
    conform(request, case, check_llm)


@pytest.mark.parametrize("case", [case for case in FAKED if case.role == "llm"], ids=lambda case: case.name)
def test_a_language_model_that_calls_tools_conforms(request: pytest.FixtureRequest, case: Case) -> None:
    """One whole call after all words, and words once it has the result."""
    conform(request, case, check_tool_calls)


@pytest.mark.parametrize("case", cases("tts"))
def test_a_voice_conforms(request: pytest.FixtureRequest, case: Case) -> None:
    """One rate, no holes, all the words once and in order, real sound, known voices."""
    conform(request, case, lambda tts: check_tts(tts, here))


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


def test_a_deadline_does_not_swallow_what_others_cancel() -> None:
    """Whoever cancels the reader is obeyed, before, with and after a deadline; a deadline leaves no cancellation."""

    async def silent() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.sleep(100)
        yield 2

    async def read() -> None:
        async for _ in in_time(in_time(silent(), first=5.0, later=2.0, who="inner"), first=9.0, later=3.0, who="outer"):
            pass

    async def story(after: float) -> tuple[str, int]:
        task = asyncio.create_task(read())
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.wait([task])
        return ("cancelled" if task.cancelled() else str(task.exception())), task.cancelling()

    assert run(story(1.0)) == ("cancelled", 1)
    assert run(story(2.0))[0] in ("cancelled", "inner said nothing for 2 s")
    assert run(story(2.5)) == ("inner said nothing for 2 s", 0)

    async def turned_into_something_else() -> AsyncGenerator[int, None]:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise EngineError("the connection broke") from None
        yield 1

    async def other_error() -> int:
        with pytest.raises(EngineError, match="broke"):
            await all_of(in_time(turned_into_something_else(), first=1.0, later=1.0, who="it"))
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert run(other_error()) == 0


def test_tokens_that_come_all_the_time_set_one_timer() -> None:
    """A token costs no timer of its own."""

    async def story() -> int:
        loop, timers = asyncio.get_running_loop(), 0
        call_at = loop.call_at

        def counted(*given: object, **more: object) -> asyncio.TimerHandle:
            nonlocal timers
            timers += 1
            return call_at(*given, **more)  # type: ignore[arg-type]

        async def tokens() -> AsyncGenerator[int, None]:
            for number in range(100):
                yield number

        loop.call_at = counted  # type: ignore[method-assign]
        assert len(await all_of(in_time(tokens(), first=5.0, later=2.0, who="it"))) == 100
        return timers

    assert run(story()) == 2  # the first item is given longer


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
        return await all_of(tried_twice(lambda: failing(after, error), first=1.0, later=1.0, who="it"))

    assert run(story(0, EngineError)) == [100]
    for after, error in ((1, EngineError), (0, EngineTimeout)):
        with pytest.raises(error):
            run(story(after, error))
        assert tries == 1
