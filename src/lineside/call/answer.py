"""What the agent says, in the order in which it comes about: from a rule, a draft, or the language model, in pieces."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial

from lineside.call.chat_history import greeting_in, without_greeting
from lineside.call.greeting_guard import GreetedAgain
from lineside.call.repetition_guard import SaidAgain, in_place_of, misplaced, without_answer
from lineside.call.written_text import AnswerPart, AnswerPiece, WholeText, WrittenText
from lineside.engines.protocols import LanguageModel, LlmRequest, Message
from lineside.engines.timeouts import tried_twice
from lineside.errors import EngineError
from lineside.text.alignment import Alignment
from lineside.text.normalize import spoken
from lineside.text.sentences import Sentences

# Seconds; a language model that is slower has failed. The caller is told to wait long before that.
FIRST_TOKEN, NEXT_TOKEN = 12.0, 5.0


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
    """The language model's answer: its tokens, and each piece as soon as it is complete. Raises `EngineError`.

    An answer that is the greeting again, or one of the call's earlier answers (`said_before`) to another question, is
    not passed on: the model is asked once more, without having seen it; then the caller is asked back. What else is
    left out, `WrittenText` says.
    """
    clock = asyncio.get_running_loop().time
    greeting, asks = greeting_in(messages), messages[-1].content if messages else ""
    said = misplaced(said_before, asks) if language.startswith("en") else []  # its rules know English
    shown, again = messages, False
    while True:
        written = WrittenText(language, greeting, said, may_say, calls_tools=bool(request.tools))
        pieces = tried_twice(
            partial(llm.reply, shown, request), first=FIRST_TOKEN, later=NEXT_TOKEN, who="the language model"
        )
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    for part in written.feed(piece, clock()):
                        yield part
                    if written.stopped:
                        return
            for part in written.end():
                yield part
        except EngineError:
            for part in written.cut():
                yield part
            raise
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


def sayings(text: str, language: str = "en") -> list[str]:
    """What the TTS is asked for when this text is said: one that knows all of these says it from its cache."""
    return [said for piece in _pieces(text) if (said := Alignment(spoken(piece, language)).said)]


def _pieces(text: str) -> list[str]:
    sentences = Sentences()
    return [*sentences.feed(text), *sentences.end()]
