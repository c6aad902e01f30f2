"""Reading ahead: the model reads a question while it is being said."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from lineside.call.engine_load import EngineLoad
from lineside.engines.protocols import LlmPiece, LlmRequest, Message
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from lineside.errors import EngineError
from lineside.protocol import ReplyMetrics, Transcript
from lineside.transports.scripted import CallerSilent, CallerSpeaks, Doing
from tests.call.fixtures import FinishedCall, run_call

SAID = ["I would like", "I would like to change my", "I would like to change my appointment."]


class Reader(ScriptedLLM):
    """Reads ahead, and remembers what."""

    def __init__(self, *, takes: float = 0.05, breaks: bool = False, **given: Any) -> None:
        super().__init__(**given)
        self._takes, self._breaks = takes, breaks
        self.read: list[tuple[Message, ...]] = []
        self._reading = 0
        self.at_once = 0  # answers asked for while it still read: a slot that is busy reads nothing else

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        self.at_once += self._reading
        async with aclosing(super().reply(messages, ask)) as tokens:
            async for token in tokens:
                yield token

    async def read_ahead(self, messages: Sequence[Message], ask: LlmRequest) -> bool:
        """See `ReadsAhead`."""
        self.read.append(tuple(messages))
        self._reading += 1
        try:
            await asyncio.sleep(self._takes)
        finally:
            self._reading -= 1
        if self._breaks:
            raise EngineError("it was told to fail")
        return True

    @property
    def words(self) -> list[str]:
        return [messages[-1].content for messages in self.read]


def spoken(*script: Doing, hears: Sequence[str] = SAID, llm: ScriptedLLM | None = None, **given: Any) -> FinishedCall:
    return run_call(*script, stt=ScriptedSTT(hears=hears), llm=llm or Reader(), **given)


def test_the_model_reads_the_words_while_they_are_said() -> None:
    """Twice in two seconds, without the word that may be half of one; then all of them are heard and answered."""
    llm = Reader()
    call = spoken(CallerSpeaks(2.0), CallerSilent(8.0), llm=llm)
    assert llm.words == ["I", "I would", "I would like to change"]
    assert call.one(Transcript).text == SAID[-1]
    assert [asked[-1].content for asked in llm.asked] == [SAID[-1]]
    assert {messages[:-1] for messages in llm.read} == {asked[:-1] for asked in llm.asked}, "the same slot will do"


def test_a_short_answer_is_heard_once() -> None:
    """ "Yes" has no beginning; only what was said before it is read."""
    llm = Reader()
    call = spoken(CallerSpeaks(0.5), CallerSilent(8.0), llm=llm)
    assert (llm.words, len(call.stt.utterances)) == (["I"], 1)


@pytest.mark.parametrize("given", [{"read_ahead": False}, {"speculation": False}])
def test_nothing_is_read_ahead_where_that_is_not_wanted(given: dict[str, Any]) -> None:
    """And nothing is heard for it."""
    llm = Reader()
    call = spoken(CallerSpeaks(2.0), CallerSilent(8.0), llm=llm, **given)
    assert (llm.words, len(call.stt.utterances)) == ([], 1)


def test_a_model_that_cannot_is_not_heard_for() -> None:
    """A hearing costs the same whether anybody reads its words."""
    assert len(spoken(CallerSpeaks(2.0), CallerSilent(8.0), llm=ScriptedLLM()).stt.utterances) == 1


def test_who_goes_on_after_a_pause_is_read_on() -> None:
    """Not from the beginning: that would drop what the model has read; a pause is for the answer."""
    llm = Reader()
    call = spoken(CallerSpeaks(1.0), CallerSilent(0.6), CallerSpeaks(2.0), CallerSilent(8.0), llm=llm)
    assert llm.words[0] == "I"
    assert llm.words.count("I") == 1
    assert len(llm.words) >= 2
    assert len(call.all(Transcript)) == 1


def test_a_model_that_hangs_over_it_delays_no_answer() -> None:
    """It is broken off when the answer is prepared, so that the slot is free."""
    slow, quick = Reader(takes=60.0), Reader()
    first, second = (spoken(CallerSpeaks(1.0), CallerSilent(8.0), llm=llm).one(ReplyMetrics) for llm in (slow, quick))
    assert (len(slow.read), slow.at_once) == (1, 0)
    assert first.e2e_ms == second.e2e_ms


def test_what_fails_while_reading_ahead_fails_nobody() -> None:
    """Neither a model nor a recogniser: the turn is heard and answered as if there were no such thing."""
    broken = Reader(breaks=True)
    call = spoken(CallerSpeaks(2.0), CallerSilent(8.0), llm=broken, hears=SAID[-1:])
    assert (broken.words, call.one(Transcript).text) == (["I"], SAID[-1])
    deaf = run_call(CallerSpeaks(2.0), CallerSilent(8.0), stt=ScriptedSTT(hears=SAID[-1:], fails=1), llm=Reader())
    assert deaf.one(Transcript).text == SAID[-1]


def test_engines_that_are_busy_are_spared() -> None:
    """Sixty per cent of what an answer may take, and nothing is done that only may be of use; half a minute long."""
    now = [0.0]
    load = EngineLoad(lambda: now[0])
    assert load.has_headroom()
    load.on_event(ReplyMetrics(at=0.0, turn=1, reply=1, asr_ms=1000.0, llm_first_ms=400.0))
    assert not load.has_headroom()
    assert not load.overloaded()
    now[0] = 31.0
    assert load.has_headroom()
