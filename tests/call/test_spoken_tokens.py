"""What a model writes and nobody should hear reaches neither the voice nor the history."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from itertools import pairwise

import pytest

from lineside.call.answer import written_answer
from lineside.call.spoken_tokens import TOGETHER, SpokenTokens
from lineside.call.written_text import AnswerPart
from lineside.engines.protocols import EngineInfo, LlmPiece, LlmRequest, Message, Thought, Token
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.errors import EngineError
from lineside.protocol import LlmToken, Text
from lineside.transports.scripted import CallerSends, CallerSilent
from tests.call.fixtures import run_call
from tests.virtual_time import run as run_virtually


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("*smiles* Of course!", "Of course!"),
        ('<break time="500ms"/> One moment.', "One moment."),
        ("Sure.<|im_end|>", "Sure."),
        ("Assistant: We open at nine.\nUser: Thanks!", "We open at nine."),
        ('One moment. {"name": "get_balance", "arguments": {"account": 123}}', "One moment."),
        ("Your bill is 20. 您的账单是20美元。 Anything else?", "Your bill is 20. Anything else?"),
    ],
)
def test_what_nobody_should_hear_is_not_spoken_and_not_remembered(answer: str, said: str) -> None:
    """The history, the program's screen and the voice agree."""
    call = run_call(CallerSends(Text("Well?")), CallerSilent(8.0), llm=ScriptedLLM(answers=[answer]))
    assert call.conversation[-1] == ("assistant", said)
    assert "".join(event.token for event in call.all(LlmToken)).strip() == said
    assert not any(sign in spoken for spoken in call.tts.spoken for sign in "<*{您|")


def test_an_answer_that_nobody_can_hear_is_apologised_for() -> None:
    """A call of a tool alone is no answer."""
    call = run_call(
        CallerSends(Text("Well?")), CallerSilent(8.0), llm=ScriptedLLM(answers=['{"name": "x", "arguments": {}}'])
    )
    assert "went wrong" in call.conversation[-1][1]


SOON, WORD = 0.005, "word "


def passed_on(pieces: Sequence[str]) -> tuple[list[tuple[float, str]], str]:
    """What goes on of an answer with a token every five milliseconds, and when; and what waits still."""
    tokens, went = SpokenTokens(), list[tuple[float, str]]()
    for number, piece in enumerate(pieces, 1):
        if text := tokens.feed(piece, number * SOON):
            went.append((round(number * SOON, 3), text))
    return went, tokens.take()


def test_the_first_words_go_on_one_by_one_and_later_ones_together() -> None:
    """The caller waits for the first sound; what comes fast after it goes on a few tokens at a time."""
    went, held = passed_on([WORD] * 40)
    assert "".join(text for _, text in went) + held == WORD * 40
    assert [text for _, text in went[:12]] == [WORD] * 12
    assert len(went) <= 20  # of 40
    assert all(later - sooner <= TOGETHER + SOON + 1e-6 for (sooner, _), (later, _) in pairwise(went))


def test_the_end_of_a_sentence_does_not_wait() -> None:
    """The voice can begin with it."""
    assert (0.075, "word noon. ") in passed_on([WORD] * 14 + ["noon. ", "And ", "more"])[0]


class FailingLLM:
    """Breaks off after a number of words."""

    info = EngineInfo()

    def __init__(self, words: int) -> None:
        self._words = words
        self.closed = 0

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        try:
            yield Thought("why")
            for _ in range(self._words):
                yield Token(WORD)
            raise EngineError("gone")
        finally:
            self.closed += 1


def parts_of(llm: FailingLLM, most: int = 1000) -> list[AnswerPart]:
    async def read() -> list[AnswerPart]:
        taken = list[AnswerPart]()
        with suppress(EngineError):
            async with aclosing(written_answer(llm, (), LlmRequest())) as parts:
                async for part in parts:
                    taken.append(part)
                    if len(taken) == most:
                        break
        return taken

    return run_virtually(read())


def test_words_that_waited_go_on_when_the_engine_fails() -> None:
    """What was written before is told; thoughts pass."""
    parts = parts_of(FailingLLM(14))
    assert parts[0] == Thought("why")
    assert "".join(part.text for part in parts if isinstance(part, Token)) == WORD * 14


def test_the_stream_of_the_engine_is_closed() -> None:
    """Also where its reader leaves early."""
    for most in (1, 3, 1000):
        llm = FailingLLM(14)
        parts_of(llm, most)
        assert llm.closed == 1
