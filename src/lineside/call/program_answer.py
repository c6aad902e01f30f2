"""The language model's answer in a call that a program leads: its messages, its tools, and no rules of ours."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from lineside.call.answer import written_answer
from lineside.call.call_context import CallContext
from lineside.call.program import LimitReached, ModelPrompt
from lineside.call.reply_input import ReplyInput, ResponseInput
from lineside.call.written_text import AnswerPart
from lineside.engines.protocols import CallsTools, LanguageModel, LlmPiece, LlmRequest, Message
from lineside.errors import EngineError

ProgramPart = AnswerPart | LimitReached


class CountedAnswer:
    """A language model, asked for one answer whose pieces are counted: servers send a token in each."""

    def __init__(self, llm: LanguageModel) -> None:
        self._llm, self.info, self.pieces = llm, llm.info, 0

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        self.pieces = 0
        async with aclosing(self._llm.reply(messages, ask)) as pieces:
            async for piece in pieces:
                self.pieces += 1
                yield piece


def tell_began(context: CallContext, given: ReplyInput, reply: int, turn: int) -> None:
    """The program, where there is one, hears that an answer comes."""
    if context.program is not None:
        context.program.reply_began(reply, turn, given.number if isinstance(given, ResponseInput) else None)


def program_prompt(context: CallContext, turn: int, question: str, given: ReplyInput) -> ModelPrompt:
    """What the program that leads the call wants the model asked."""
    assert context.program is not None, "it leads"  # noqa: S101 - for the type
    return context.program.prompt(turn, question, given.number if isinstance(given, ResponseInput) else None)


async def program_answer(context: CallContext, prompt: ModelPrompt) -> AsyncGenerator[ProgramPart, None]:
    """Words, pieces for the voice, and calls of the program's tools as the model makes them. Raises `EngineError`.

    A model that cannot call tools answers without them.
    """
    request = prompt.request
    if request.tools and not await _calls_tools(context, request.model):
        request = replace(request, tools=())
    language = context.agent.language
    counted = CountedAnswer(context.llm)
    async with aclosing(written_answer(counted, prompt.messages, request, language)) as parts:
        async for part in parts:
            yield part
    if counted.pieces >= request.max_tokens:
        yield LimitReached()


async def _calls_tools(context: CallContext, model: str) -> bool:
    llm = context.llm
    try:
        return isinstance(llm, CallsTools) and await llm.calls_tools(model)
    except EngineError:
        return False
