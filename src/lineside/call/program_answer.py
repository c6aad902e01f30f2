"""The language model's answer in a call that a program leads: its messages, its tools, and no rules of ours."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec.structs import replace

from lineside.call.answer import AnswerPart, written_answer
from lineside.call.call_context import CallContext
from lineside.call.program import ModelPrompt
from lineside.call.reply_input import ReplyInput, ResponseInput
from lineside.engines.protocols import CallsTools
from lineside.errors import EngineError


def tell_began(context: CallContext, given: ReplyInput, reply: int, turn: int) -> None:
    """The program, where there is one, hears that an answer comes."""
    if context.program is not None:
        context.program.reply_began(reply, turn, given.number if isinstance(given, ResponseInput) else None)


def program_prompt(context: CallContext, turn: int, question: str, given: ReplyInput) -> ModelPrompt:
    """What the program that leads the call wants the model asked."""
    assert context.program is not None, "it leads"  # noqa: S101 - for the type
    return context.program.prompt(turn, question, given.number if isinstance(given, ResponseInput) else None)


async def program_answer(context: CallContext, prompt: ModelPrompt) -> AsyncGenerator[AnswerPart, None]:
    """Words, pieces for the voice, and calls of the program's tools as the model makes them. Raises `EngineError`.

    A model that cannot call tools answers without them.
    """
    request = prompt.request
    if request.tools and not await _calls_tools(context, request.model):
        request = replace(request, tools=())
    language = context.agent.language
    async with aclosing(written_answer(context.llm, prompt.messages, request, language)) as parts:
        async for part in parts:
            yield part


async def _calls_tools(context: CallContext, model: str) -> bool:
    llm = context.llm
    try:
        return isinstance(llm, CallsTools) and await llm.calls_tools(model)
    except EngineError:
        return False
