"""The voice's memory: one synthesis for all who want the sentence, the same sound for each, nothing spoilt."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.agent import Agent
from lineside.audio.frame import SpokenAudio
from lineside.audio.vad import LoudnessVad
from lineside.call.fillers import PHRASES
from lineside.call.session import CallSession
from lineside.engines import tts_cache
from lineside.engines.protocols import EngineInfo
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import MAX_KEPT, MAX_RECENT, CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import EngineError
from lineside.gateway.runtime import prepare_agent
from lineside.protocol import FirstMessage
from lineside.transports.scripted import CallerSilent, ScriptedTransport
from tests.call.fixtures import settings
from tests.virtual_time import run

SENTENCE = "Welcome to the broadband desk."


class Slow:
    """A voice that needs a tenth of a second for each frame, and never says the same sentence with the same samples."""

    info = EngineInfo(choices=("v", "w"))

    def __init__(self, frames: int = 10, fails: int = 0, after: int = 5) -> None:
        self.frames, self.fails, self.after = frames, fails, after
        self.begun = self.finished = self.closed = 0

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        self.begun += 1
        take, words = self.begun, sentence.split()
        try:
            for number in range(self.frames):
                await asyncio.sleep(0.1)
                if self.fails and number == self.after:
                    self.fails -= 1
                    raise EngineError("out of breath")
                pcm = bytes([take % 256, number % 128]) * 320
                yield SpokenAudio(pcm, 16_000, ((320, words[number]),) if number < len(words) else ())
            self.finished += 1
        finally:
            self.closed += 1


async def listen(
    memory: CachedTTS, sentence: str = SENTENCE, *, voice: str = "", at: float = 0.0, leaves: int = 1000
) -> list[SpokenAudio]:
    """Hear a sentence, from a moment on, and leave after so many frames."""
    await asyncio.sleep(at)
    heard = list[SpokenAudio]()
    async with aclosing(memory.speak(sentence, voice)) as sounds:
        async for sound in sounds:
            heard.append(sound)
            if len(heard) == leaves:
                break
    return heard


def test_several_calls_that_greet_at_once_share_one_synthesis() -> None:
    """Twenty calls within one second: one synthesis, the same bytes for all, and the first sound as soon as it is."""

    async def story() -> None:
        tts = Slow()
        memory = CachedTTS(tts)
        heard = await asyncio.gather(*(listen(memory, at=number * 0.05) for number in range(20)))
        assert tts.begun == tts.finished == tts.closed == 1
        assert all(sounds == heard[0] for sounds in heard)
        assert await listen(memory) == heard[0]  # and from memory

    run(story())


def test_who_joins_late_hears_all_of_it_at_once_as_far_as_it_is() -> None:
    """Not from the middle, and not at the pace of the first."""

    async def story() -> float:
        memory = CachedTTS(Slow())
        first = asyncio.create_task(listen(memory))
        await asyncio.sleep(0.75)
        began = asyncio.get_running_loop().time()
        async with aclosing(memory.speak(SENTENCE, "")) as sounds:
            for _ in range(7):
                await anext(sounds)
            waited = asyncio.get_running_loop().time() - began
        await first
        return waited

    assert run(story()) == pytest.approx(0.0, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), min_size=1, max_size=6))
def test_whoever_hangs_up_the_others_hear_it_to_its_end(calls: list[tuple[int, int]]) -> None:
    """They come and leave at any moments: nobody who stays misses a sample, and nothing runs for nobody."""

    async def story() -> None:
        tts = Slow()
        memory = CachedTTS(tts)
        given = [(at * 0.1 + 0.01, leaves) for at, leaves in calls]
        heard = await asyncio.gather(*(listen(memory, at=at, leaves=leaves) for at, leaves in given))
        for sounds, (_, leaves) in zip(heard, given, strict=True):
            takes = {sound.pcm[0] for sound in sounds}
            assert len(takes) == 1  # never half of one synthesis and half of another
            assert [sound.pcm[1] for sound in sounds] == list(range(min(leaves, tts.frames)))
        assert tts.closed == tts.begun

    run(story())


def test_a_cancelled_call_spoils_nothing_for_those_who_share_its_sentence() -> None:
    """The one who asked first is cut off in the middle of a frame; the other hears all; it is remembered whole."""

    async def story() -> None:
        tts = Slow()
        memory = CachedTTS(tts)
        first = asyncio.create_task(listen(memory))
        await asyncio.sleep(0.25)
        second = asyncio.create_task(listen(memory))
        await asyncio.sleep(0.1)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert len(await second) == tts.frames
        assert (tts.begun, tts.finished) == (1, 1)
        assert memory.remembers(SENTENCE, "")

    run(story())


def test_when_the_last_listener_leaves_the_synthesis_is_stopped_and_not_remembered() -> None:
    """The engine works for nobody no longer, at once; the next caller hears the whole sentence."""

    async def story() -> None:
        tts = Slow()
        memory = CachedTTS(tts)
        await asyncio.gather(listen(memory, leaves=3), listen(memory, leaves=2))
        assert (tts.begun, tts.finished, tts.closed) == (1, 0, 1)
        assert not memory.remembers(SENTENCE, "")
        assert len(await listen(memory)) == tts.frames

    run(story())


def test_a_synthesis_that_fails_fails_for_all_who_share_it_and_for_nobody_later() -> None:
    """All are told, so that another voice takes over; who asks again gets a new synthesis, whole, and one for all."""

    async def story() -> None:
        tts = Slow(fails=1)
        memory = CachedTTS(tts)
        told = await asyncio.gather(*(listen(memory) for _ in range(3)), return_exceptions=True)
        assert [str(each) for each in told] == ["out of breath"] * 3
        assert not memory.remembers(SENTENCE, "")
        again = await asyncio.gather(*(listen(memory) for _ in range(3)))
        assert [len(sounds) for sounds in again] == [tts.frames] * 3
        assert tts.begun == 2

    run(story())


def test_nobody_joins_a_synthesis_that_has_failed() -> None:
    """One who shares it has not come to the failure yet: who asks now gets a new synthesis all the same."""

    async def story() -> None:
        tts = Slow(fails=1)
        memory = CachedTTS(tts)
        async with aclosing(memory.speak(SENTENCE, "")) as behind:
            await anext(behind)
            with pytest.raises(EngineError):
                await listen(memory)
            assert len(await listen(memory)) == tts.frames
        assert tts.closed == tts.begun == 2

    run(story())


def test_a_voice_that_once_said_nothing_is_asked_again() -> None:
    """An empty answer is not remembered as the sound of the sentence, nor learnt by heart."""

    async def story() -> None:
        tts = Slow(frames=0)
        memory = CachedTTS(tts)
        await memory.keep(SENTENCE)
        assert await listen(memory) == []
        assert not memory.remembers(SENTENCE, "")
        tts.frames = 10
        assert len(await listen(memory)) == tts.frames

    run(story())


def test_another_voice_is_another_sound() -> None:
    """The same words in two voices at once are two syntheses; the usual voice by name or without is one."""

    async def story() -> None:
        tts = Slow()
        memory = CachedTTS(tts)
        usual, named, other = await asyncio.gather(*(listen(memory, voice=name) for name in ("", "v", "w")))
        assert usual == named != other
        assert tts.begun == 2

    run(story())


def test_memory_is_bounded_in_sentences_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not said for longest is forgotten; what is known by heart is bounded too, and keeps the latest."""
    monkeypatch.setattr(tts_cache, "MAX_RECENT_BYTES", 640 * 10 * 4)

    async def story() -> None:
        memory = CachedTTS(Slow())
        for number in range(6):
            await listen(memory, f"sentence {number}")
        assert [memory.remembers(f"sentence {n}", "") for n in range(6)] == [False, False, True, True, True, True]
        await listen(memory, "sentence 2")  # from memory: it is the latest now
        await listen(memory, "sentence 6")
        assert [memory.remembers(f"sentence {n}", "") for n in (2, 3)] == [True, False]
        brief = CachedTTS(Slow(frames=1))
        for number in range(2 * MAX_RECENT):
            await listen(brief, str(number))
        assert sum(brief.remembers(str(n), "") for n in range(2 * MAX_RECENT)) == 40  # by bytes: 40 frames
        for number in range(2 * MAX_KEPT):
            await brief.keep(f"line {number}")
        assert sum(brief.remembers(f"line {n}", "") for n in range(MAX_KEPT)) <= 40
        assert all(brief.remembers(f"line {n}", "") for n in range(MAX_KEPT, 2 * MAX_KEPT))

    run(story())


def test_a_long_greeting_does_not_push_out_the_phrases_for_bad_moments() -> None:
    """Three hundred lines are learnt after the apology: it can be said when the voice is dead."""

    async def story() -> None:
        memory = CachedTTS(Slow(frames=1))
        await memory.keep("I'm sorry.", pinned=True)
        for number in range(300):
            await memory.keep(f"line {number}")
        await memory.keep("line 299", pinned=True)
        for number in range(300, 300 + MAX_KEPT + 44):
            await memory.keep(f"line {number}")
        assert memory.remembers("I'm sorry.", "")
        assert memory.remembers("line 299", "")
        assert sum(memory.remembers(f"line {n}", "") for n in range(300, 300 + MAX_KEPT + 44)) == MAX_KEPT

    run(story())


def test_what_was_learnt_is_greeted_with_and_nothing_is_synthesised() -> None:
    """A greeting of two sentences with a price in it: a call says it as it was learnt at start-up."""
    agent = Agent(name="Test", prompt="", greeting="Thanks for calling Northwind Ltd. Plans begin at $5.50 a month.")
    tts = ScriptedTTS()
    memory = CachedTTS(tts)

    class Learning:
        def llm(self) -> Any:
            return object()

        def cached_tts(self) -> CachedTTS:
            return memory

    async def story() -> None:
        await prepare_agent(Learning(), agent)  # type: ignore[arg-type]
        tts.spoken.clear()
        line = ScriptedTransport([CallerSilent(6.0)])
        engines = Engines(ScriptedSTT(), ScriptedLLM(), memory, {}, memory)
        call = CallSession(
            line, FirstMessage(codec="pcm"), agent=agent, engines=engines, settings=settings(), vad=LoudnessVad()
        )
        await call.run()
        assert call._context.history.said[-1].content == agent.greeting
        assert tts.spoken == []
        assert all(memory.remembers(phrase, "") for phrase in PHRASES)

    run(story())
