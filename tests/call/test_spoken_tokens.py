"""What a model writes and nobody should hear reaches neither the voice nor the history."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from itertools import pairwise

import pytest

from lineside.call.spoken_tokens import TOGETHER, spoken_tokens
from lineside.engines.protocols import LlmPiece, Thought, Token
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


def test_the_stream_of_the_engine_is_closed() -> None:
    """Also where its reader leaves early; thoughts pass."""
    closed = []

    async def answer() -> AsyncGenerator[LlmPiece, None]:
        try:
            for token in (Thought("why"), Token("*smi"), Token("les* Yes"), Token(".<|im")):
                yield token
        finally:
            closed.append(True)

    async def read(most: int) -> list[LlmPiece]:
        taken: list[LlmPiece] = []
        async with aclosing(spoken_tokens(answer())) as tokens:
            async for token in tokens:
                taken.append(token)
                if len(taken) == most:
                    break
        return taken

    assert asyncio.run(read(9)) == [Thought("why"), Token("Yes"), Token(".")]
    assert asyncio.run(read(1)) == [Thought("why")]
    assert closed == [True, True]


SOON, WORD = 0.005, "word "


def passed_on(pieces: Sequence[str], *, fails: bool = False) -> list[tuple[float, str]]:
    """What goes on of an answer with a token every five milliseconds, and when."""

    async def answer() -> AsyncGenerator[LlmPiece, None]:
        for piece in pieces:
            await asyncio.sleep(SOON)
            yield Token(piece)
        if fails:
            raise EngineError("gone")

    async def read() -> list[tuple[float, str]]:
        now, went = asyncio.get_running_loop().time, list[tuple[float, str]]()
        began = now()
        with suppress(EngineError):
            async with aclosing(spoken_tokens(answer())) as tokens:
                async for token in tokens:
                    assert isinstance(token, Token)
                    went.append((round(now() - began, 3), token.text))
        return went

    return run_virtually(read())


def test_the_first_words_go_on_one_by_one_and_later_ones_together() -> None:
    """The caller waits for the first sound; what comes fast after it goes on a few tokens at a time."""
    went = passed_on([WORD] * 40)
    assert "".join(text for _, text in went) == WORD * 40
    assert [text for _, text in went[:12]] == [WORD] * 12
    assert len(went) <= 20  # of 40
    assert all(later - sooner <= TOGETHER + SOON + 1e-6 for (sooner, _), (later, _) in pairwise(went))


def test_the_end_of_a_sentence_does_not_wait() -> None:
    """The voice can begin with it."""
    assert (0.07, "word noon. ") in passed_on([WORD] * 13 + ["noon. ", "And ", "more"])


def test_words_that_waited_go_on_when_the_engine_fails() -> None:
    """What was written before is told."""
    assert "".join(text for _, text in passed_on([WORD] * 14, fails=True)) == WORD * 14
