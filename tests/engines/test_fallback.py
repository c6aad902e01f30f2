"""Engines in a chain: what the caller gets when one of them fails, is slow or talks nonsense."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.engines.circuit_breaker import FAILURES, REST, CircuitBreaker
from lineside.engines.continued_answer import ContinuedAnswer
from lineside.engines.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from lineside.engines.fallback_chain import FIRST
from lineside.engines.protocols import (
    EngineInfo,
    LanguageModel,
    LlmPiece,
    LlmRequest,
    Message,
    SpeechToText,
    TextToSpeech,
    Token,
    Transcription,
)
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import EngineBusy, EngineError
from tests.call.test_prefill import Reader
from tests.engines.fixtures import all_of
from tests.virtual_time import run

SPOKEN = Utterance(b"\x10\x00" * 1600, 0.0, 0.1)
ASKED = (Message("user", "What colour is the light?"),)


async def heard(stt: SpeechToText) -> str:
    return (await stt.transcribe(SPOKEN)).text


async def answer(llm: LanguageModel, ask: LlmRequest | None = None) -> str:
    return "".join(t.text for t in await all_of(llm.reply(ASKED, ask or LlmRequest())) if isinstance(t, Token)).strip()


async def said(tts: TextToSpeech, sentence: str, name: str = "") -> str:
    return " ".join(word for s in await all_of(tts.speak(sentence, name)) for _, word in s.words)


class Breaking(ScriptedLLM):
    """Answers some words, then fails or hangs; the next time all of it."""

    def __init__(self, answer: str, after: int, *, hangs: bool = False) -> None:
        super().__init__(answers=[answer])
        self._after, self._hangs = after, hangs

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        async with aclosing(super().reply(messages, ask)) as tokens:
            for _ in range(self._after):
                yield await anext(tokens)
        if self._hangs:
            await asyncio.sleep(1000)
        raise EngineError("broke off")


class Choking(ScriptedTTS):
    """Says some words and half of the next, then fails."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self._words = words

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        async with aclosing(super().speak(sentence, voice)) as sounds:
            for _ in range(self._words):
                yield await anext(sounds)
            word = await anext(sounds)
            yield word.between(0, word.samples // 2)
        raise EngineError("choked")


class Mute(ScriptedTTS):
    """Answers, with nothing."""

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        for sound in list[SpokenAudio]():
            yield sound


# ── one fails, the next one answers ────────────────────────────────────────────────────────────────────────────────


def test_a_recogniser_that_fails_or_hangs_is_followed_by_the_next() -> None:
    """The same utterance is heard by another, at the latest when the deadline is over."""

    async def story(first: ScriptedSTT) -> float:
        chain = FallbackSTT([("one", first), ("two", ScriptedSTT(hears=["second"]))])
        began = asyncio.get_running_loop().time()
        assert await heard(chain) == "second"
        assert chain.switches == 1
        return asyncio.get_running_loop().time() - began

    assert run(story(ScriptedSTT(fails=9))) < 0.2
    assert run(story(ScriptedSTT(takes=100))) == pytest.approx(FIRST["stt"] + 0.05, abs=0.02)


def test_when_all_fail_the_last_ones_error_is_raised() -> None:
    """The reply must learn that there was nobody."""
    chain = FallbackLLM([("one", ScriptedLLM(fails=9)), ("two", ScriptedLLM(fails=9))])
    with pytest.raises(EngineError, match="told to fail"):
        run(answer(chain))


def test_an_answer_without_words_is_a_failure() -> None:
    """Reasoning alone, or nothing at all, is no answer: the next model is asked."""
    for nothing in ("<think> hm hm </think>", ""):
        chain = FallbackLLM([("one", ScriptedLLM(answers=[nothing])), ("two", ScriptedLLM(answers=["Red."]))])
        assert run(answer(chain)) == "Red."


def test_a_model_that_takes_over_sees_what_was_said() -> None:
    """It gets the beginning of the answer and goes on; nothing is said twice, nothing is lost."""
    for hangs in (False, True):
        second = ScriptedLLM(answers=["it blinks twice."])
        chain = FallbackLLM([("one", Breaking("The light is red, and", 5, hangs=hangs)), ("two", second)])
        assert run(answer(chain)) == "The light is red, and it blinks twice."
        assert second.asked == [(*ASKED, Message("assistant", "The light is red, and "))]


def test_a_model_that_begins_again_is_not_repeated() -> None:
    """Servers that do not continue a message start the answer anew: its known beginning is left out."""
    whole = "The light is red, and it blinks twice."
    chain = FallbackLLM([("one", Breaking(whole, 5)), ("two", ScriptedLLM(answers=[whole]))])
    assert " ".join(run(answer(chain)).split()) == whole


def test_the_model_that_will_answer_says_whether_the_words_may_end() -> None:
    """Not another one, which would know it no sooner; and not one that failed the last time."""

    async def story() -> None:
        first, second = ScriptedLLM(ends=1.0, fails=1), ScriptedLLM(ends=2.0)
        chain = FallbackLLM([("first", first), ("second", second)])
        assert await chain.may_end(ASKED, LlmRequest()) == 1.0
        await answer(chain)
        assert await chain.may_end(ASKED, LlmRequest()) == 2.0
        await answer(chain)
        assert await chain.may_end(ASKED, LlmRequest()) == 1.0
        assert await FallbackLLM([("plain", Plain()), ("second", second)]).may_end(ASKED, LlmRequest()) is None

    run(story())


def test_the_model_that_will_answer_reads_ahead() -> None:
    """No other one; and where it cannot, nobody need ask again."""

    async def story() -> None:
        first, second = Reader(fails=1), Reader()
        chain = FallbackLLM([("first", first), ("second", second)])
        assert await chain.read_ahead(ASKED, LlmRequest())
        await answer(chain)
        assert await chain.read_ahead(ASKED, LlmRequest())
        assert (len(first.read), len(second.read)) == (1, 1)
        assert not await FallbackLLM([("plain", Plain()), ("second", second)]).read_ahead(ASKED, LlmRequest())

    run(story())


class Plain:
    """Answers, and can tell nothing beforehand."""

    info = EngineInfo()

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        yield Token("Yes.")


def test_a_voice_that_chokes_is_followed_by_another_from_the_next_word() -> None:
    """The words that were said are not said again; sound goes on where it stopped."""

    async def story() -> None:
        second = ScriptedTTS()
        chain = FallbackTTS([("one", Choking(words=2)), ("two", second)])
        sounds = await all_of(chain.speak("One two three four five.", ""))
        assert " ".join(word for s in sounds for _, word in s.words) == "One two three four five."
        assert second.spoken == ["three four five."]
        assert [s.words for s in sounds[:4]] == [((4800, "One"),), ((4800, "two"),), (), ((4800, "three"),)]

    run(story())


def test_a_voice_that_answers_without_sound_has_failed() -> None:
    """Silence for a sentence with words is nonsense; for one without words it is right."""
    second = ScriptedTTS()
    chain = FallbackTTS([("one", Mute()), ("two", second)])
    assert run(said(chain, "Hello there.")) == "Hello there."
    assert run(said(chain, "?! —")) == ""
    assert second.spoken == ["Hello there."]


def test_a_name_is_given_only_to_the_engine_that_knows_it() -> None:
    """The voice that was chosen is asked first; the one that takes over speaks with its own default."""

    class Named(ScriptedTTS):
        def __init__(self, *choices: str, fails: int = 0) -> None:
            super().__init__(fails=fails)
            self.info, self.asked = EngineInfo(choices=choices), list[str]()

        def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
            self.asked.append(voice)
            return super().speak(sentence, voice)

    ann, bob = Named("ann"), Named("bob", fails=1)
    chain = FallbackTTS([("ann's", ann), ("bob's", bob)])
    assert chain.info.choices == ("ann", "bob")
    assert run(said(chain, "Hello.", "bob")) == "Hello."
    assert (bob.asked, ann.asked) == (["bob"], [""])


def test_a_sentence_known_by_heart_is_said_by_whoever_knows_it() -> None:
    """An apology that was learnt at start-up is said in the desk's own voice, although that voice is dead now."""

    async def story() -> None:
        own, other = ScriptedTTS(), ScriptedTTS()
        memory = CachedTTS(own)
        await memory.keep("I'm sorry.")
        own.fails = 99
        chain = FallbackTTS([("own", memory), ("other", other)])
        for _ in range(FAILURES):
            await said(chain, "New words.")
        assert await said(chain, "I'm sorry.") == "I'm sorry."
        assert "I'm sorry." not in other.spoken

    run(story())


# ── the breaker ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dead_engine_costs_its_deadline_three_times_and_then_no_more() -> None:
    """After that the next one answers at once, and the dead one is tried again with one request now and then."""

    async def story() -> None:
        clock = asyncio.get_running_loop().time
        first = ScriptedSTT(takes=100)
        chain = FallbackSTT([("one", first), ("two", ScriptedSTT(hears=["second"]))])
        for _ in range(FAILURES):
            await heard(chain)
        began = clock()
        assert await heard(chain) == "second"
        assert clock() - began < 0.1
        await asyncio.sleep(REST)
        first._takes = 0.01  # it is well again
        trial, beside = await asyncio.gather(heard(chain), heard(chain))
        assert (trial, beside) == ("scripted words", "second")
        assert await heard(chain) == "scripted words"

    run(story())


def test_a_busy_engine_is_passed_over_but_trusted() -> None:
    """No room is no fault."""

    class Busy(ScriptedSTT):
        busy = True

        async def transcribe(self, utterance: Utterance) -> Transcription:
            if self.busy:
                raise EngineBusy("no room")
            return await super().transcribe(utterance)

    async def story() -> None:
        first = Busy(hears=["first"])
        chain = FallbackSTT([("one", first), ("two", ScriptedSTT(hears=["second"]))])
        for _ in range(FAILURES + 1):
            assert await heard(chain) == "second"
        first.busy = False
        assert await heard(chain) == "first"

    run(story())


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 2 * REST)), max_size=60))
def test_a_breaker_hands_out_one_trial_a_rest(story: list[tuple[bool, float]]) -> None:
    """Whatever happens: open means nobody for REST seconds, then one; a success closes it."""
    breaker, now, last_failure, in_a_row = CircuitBreaker(), 0.0, 0.0, 0
    for well, passes in story:
        now += passes
        may = breaker.lets(now)
        assert may == (in_a_row < FAILURES or now >= last_failure + REST)
        if not may:
            continue
        breaker.tried(now)
        assert breaker.lets(now) == breaker.closed
        if well:
            breaker.succeeded()
            in_a_row = 0
        else:
            breaker.failed(now)
            in_a_row, last_failure = in_a_row + 1, now


# ── an answer begun again ──────────────────────────────────────────────────────────────────────────────────────────


@given(st.text("ab ,", min_size=1), st.text("cd .", min_size=1), st.lists(st.integers(1, 5)))
def test_whatever_the_pieces_a_repeated_beginning_is_left_out(said: str, new: str, cuts: list[int]) -> None:
    """The same text, cut anywhere, gives the same rest."""
    rest, whole, got = ContinuedAnswer(said), said + new, ""
    for size in [*cuts, len(whole)]:
        got, whole = got + rest.feed(whole[:size]), whole[size:]
    if said.strip():
        assert "".join(got.split()) == "".join(new.split())
    else:
        assert got == said + new


def test_an_answer_that_only_looks_alike_is_kept_whole() -> None:
    """A rest that happens to begin with the same word is a rest."""
    rest = ContinuedAnswer("The light is red and it blinks. ")
    assert "".join(rest.feed(piece) for piece in ("The ", "light ", "means trouble.")) == "The light means trouble."
