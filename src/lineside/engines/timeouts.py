"""Deadlines for engines: an engine that stays silent is as bad as one that is dead."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from lineside.errors import EngineError, EngineTimeout

T = TypeVar("T")


async def answer_within(answer: Awaitable[T], seconds: float, who: str) -> T:
    """Wait for an answer that comes in one piece; raise `EngineTimeout` when it is not there in so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise EngineTimeout(f"{who} did not answer within {seconds:g} s") from None


async def in_time(stream: AsyncGenerator[T, None], *, first: float, later: float, who: str) -> AsyncGenerator[T, None]:
    """Pass the stream on; raise `EngineTimeout` when its first item or a later one is not there in so many seconds."""
    limit = first
    async with aclosing(stream):
        while True:
            try:
                async with asyncio.timeout(limit):
                    item = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise EngineTimeout(f"{who} said nothing for {limit:g} s") from None
            yield item
            limit = later


RETRY_AFTER = 0.25  # seconds


async def tried_twice(start: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """Pass the stream on; if it fails before its first item, try once more, unless it was too slow already."""
    for last in (False, True):
        begun = False
        try:
            async with aclosing(start()) as stream:
                async for item in stream:
                    begun = True
                    yield item
            return
        except EngineTimeout:
            raise
        except EngineError:
            if begun or last:
                raise
        await asyncio.sleep(RETRY_AFTER)
