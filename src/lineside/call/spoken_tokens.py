"""The tokens of an answer, as far as a caller may hear them. Thoughts and calls pass: they are not spoken."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.engines.protocols import LlmPiece, Token
from lineside.errors import EngineError
from lineside.text.speakable import Speakable

FIRST = 60  # characters that go on token by token: the caller waits for the first sound, which may begin with a clause
TOGETHER = 0.02  # seconds in which later tokens wait for each other: each costs as much as all of them at once …
ENDS = tuple(".,!?;:…\n。！？")  # … unless a sentence or clause may end with them


async def spoken_tokens(answer: AsyncGenerator[LlmPiece, None], language: str = "en") -> AsyncGenerator[LlmPiece, None]:
    """Yield what may be spoken of an answer as soon as it is certain; of a fast engine, a few tokens at a time.

    Args:
        answer: The tokens as the engine gives them; closed at the end.
        language: What the voice speaks ("en", "pt-BR"); words of another script are dropped.
    """
    door, clock = Speakable(language), asyncio.get_running_loop().time
    held, said, last = "", 0, 0.0
    async with aclosing(answer) as tokens:
        try:
            async for token in tokens:
                if not isinstance(token, Token):
                    if held:
                        yield Token(held)
                        held = ""
                    yield token
                elif text := door.feed(token.text):
                    held, said, now = held + text, said + len(text), clock()
                    if said <= FIRST or now - last >= TOGETHER or held.rstrip(" ").endswith(ENDS):
                        yield Token(held)
                        held, last = "", now
        except EngineError:
            if held:
                yield Token(held)
            raise
    if text := held + door.end():
        yield Token(text)
