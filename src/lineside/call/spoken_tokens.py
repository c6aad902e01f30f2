"""The tokens of an answer, as far as a caller may hear them. Thoughts and calls pass: they are not spoken."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.engines.protocols import LlmPiece, Token
from lineside.text.speakable import Speakable


async def spoken_tokens(answer: AsyncGenerator[LlmPiece, None], language: str = "en") -> AsyncGenerator[LlmPiece, None]:
    """Yield what may be spoken of an answer, each token as soon as it is certain.

    Args:
        answer: The tokens as the engine gives them; closed at the end.
        language: What the voice speaks ("en", "pt-BR"); words of another script are dropped.
    """
    door = Speakable(language)
    async with aclosing(answer) as tokens:
        async for token in tokens:
            if not isinstance(token, Token):
                yield token
            elif text := door.feed(token.text):
                yield Token(text)
    if text := door.end():
        yield Token(text)
