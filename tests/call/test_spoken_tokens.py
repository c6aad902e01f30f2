"""What a model writes and nobody should hear reaches neither the voice nor the history."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from lineside.call.spoken_tokens import spoken_tokens
from lineside.engines.protocols import LlmPiece, Thought, Token
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.protocol import LlmToken, Text
from lineside.transports.scripted import CallerSends, CallerSilent
from tests.call.fixtures import run_call


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
