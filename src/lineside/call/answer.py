"""What the agent says, in the order in which it comes about: from a rule, a draft, or the language model, in pieces."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.claims import NOT_YET
from lineside.call.chat_history import greeting_in, without_greeting
from lineside.call.greeting_guard import GreetedAgain, GreetingGuard
from lineside.call.repetition_guard import RepetitionGuard, SaidAgain, in_place_of, misplaced, without_answer
from lineside.call.spoken_tokens import spoken_tokens
from lineside.engines.protocols import LanguageModel, LlmRequest, Message, Thought, Token, ToolCall
from lineside.engines.timeouts import in_time, tried_twice
from lineside.errors import EngineError
from lineside.text.alignment import Alignment
from lineside.text.identifiers import without_identifiers
from lineside.text.normalize import spoken
from lineside.text.sentences import Sentences

# Seconds; a language model that is slower has failed. The caller is told to wait long before that.
FIRST_TOKEN, NEXT_TOKEN = 12.0, 5.0


class AnswerPiece(Struct, frozen=True):
    """A stretch of the answer that can be synthesised by itself."""

    text: str


class WholeText(Struct, frozen=True):
    """The answer has been written to its end."""

    text: str


AnswerPart = Token | Thought | ToolCall | AnswerPiece | WholeText


def fixed_answer(text: str) -> Iterator[AnswerPart]:
    """An answer that no model is asked for."""
    yield WholeText(text)
    for piece in _pieces(text):
        yield AnswerPiece(piece)


def _anything(piece: str) -> bool:
    return True


async def written_answer(
    llm: LanguageModel,
    messages: tuple[Message, ...],
    request: LlmRequest,
    language: str = "en",
    may_say: Callable[[str], bool] = _anything,
    said_before: Sequence[Message] = (),
) -> AsyncGenerator[AnswerPart, None]:
    """The language model's answer: every token, and each piece as soon as it is complete. Raises `EngineError`.

    An answer that is the greeting again, or one of the call's earlier answers (`said_before`) to another question, is
    not passed on: the model is asked once more, without having seen it; then the caller is asked back. Identifiers of
    machines are left out. The
    first piece that it may not say ends the answer, and something true is said in its place, unless it calls tools:
    then what they bring is what is true. Calls come where the model makes them, with no words of theirs.
    """
    said, forbidden, called = "", False, False
    async with aclosing(_unrepeated(llm, messages, request, language, said_before)) as parts:
        async for written in parts:
            part = _speakable(written)
            called = called or isinstance(part, ToolCall)
            if isinstance(part, AnswerPiece) and not any(sign.isalnum() for sign in part.text):
                continue  # it was nothing else
            forbidden = forbidden or (isinstance(part, AnswerPiece) and not may_say(part.text))
            if forbidden and not request.tools:
                break
            if forbidden and isinstance(part, AnswerPiece | WholeText):
                continue
            said += part.text if isinstance(part, AnswerPiece) else ""
            yield part
    if forbidden:
        yield WholeText(said.strip() if called else f"{said} {NOT_YET}".strip())
        if not called:
            yield AnswerPiece(NOT_YET)


def _speakable(part: AnswerPart) -> AnswerPart:
    return replace(part, text=without_identifiers(part.text)) if isinstance(part, AnswerPiece | WholeText) else part


async def _unrepeated(
    llm: LanguageModel,
    messages: tuple[Message, ...],
    request: LlmRequest,
    language: str,
    said_before: Sequence[Message],
) -> AsyncGenerator[AnswerPart, None]:
    greeting, asks = greeting_in(messages), messages[-1].content if messages else ""
    said = misplaced(said_before, asks) if language.startswith("en") else []  # its rules know English
    shown, again = messages, False
    while True:
        guards = GreetingGuard(greeting), RepetitionGuard(said)
        try:
            async with aclosing(_written(llm, shown, request, language, *guards)) as parts:
                async for part in parts:
                    yield part
        except GreetedAgain:
            greeting, shown = "", without_greeting(shown)
        except SaidAgain as same:
            if again:
                break
            again, shown = True, without_answer(shown, same.answer)
        else:
            return
    for part in fixed_answer(in_place_of(said_before)):
        yield part


async def _written(
    llm: LanguageModel,
    messages: tuple[Message, ...],
    request: LlmRequest,
    language: str,
    greeted: GreetingGuard,
    repeated: RepetitionGuard,
) -> AsyncGenerator[AnswerPart, None]:
    text, called, sentences = "", False, Sentences()
    tokens = tried_twice(
        lambda: in_time(llm.reply(messages, request), first=FIRST_TOKEN, later=NEXT_TOKEN, who="the language model")
    )
    async with aclosing(spoken_tokens(tokens, language)) as stream:
        async for token in stream:
            if not isinstance(token, Token):
                called = called or isinstance(token, ToolCall)
                yield token
                continue
            for released in [passed for one in greeted.feed(token) for passed in _fed(repeated, one, called)]:
                text += released.text
                yield released
                for piece in sentences.feed(released.text):
                    yield AnswerPiece(piece)
    held = [passed for one in greeted.end() for passed in _fed(repeated, one, called)]
    for released in [*held, *(repeated.release() if called else repeated.end())]:
        text += released.text
        yield released
        for piece in sentences.feed(released.text):
            yield AnswerPiece(piece)
    if not text.strip() and not called:
        raise EngineError("the language model answered nothing")
    yield WholeText(text.strip())
    for piece in sentences.end():
        yield AnswerPiece(piece)


def _fed(guard: RepetitionGuard, token: Token, called: bool) -> list[Token]:
    """What may go on. Who has called a tool is not asked once more: the tool would be called twice."""
    return [*guard.release(), token] if called else guard.feed(token)


def sayings(text: str, language: str = "en") -> list[str]:
    """What the TTS is asked for when this text is said: one that knows all of these says it from its cache."""
    return [said for piece in _pieces(text) if (said := Alignment(spoken(piece, language)).said)]


def _pieces(text: str) -> list[str]:
    sentences = Sentences()
    return [*sentences.feed(text), *sentences.end()]
