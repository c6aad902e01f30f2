"""A bounded channel between two stages: who writes closes it, who reads stops at the end."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Holds at most `size` values; the writer waits when it is full."""

    def __init__(self, size: int) -> None:
        self._queue: asyncio.Queue[T | None] = asyncio.Queue(size)

    async def put(self, value: T) -> None:
        """Hand a value on."""
        await self._queue.put(value)

    async def close(self) -> None:
        """No more will come."""
        await self._queue.put(None)

    async def get(self) -> T | None:
        """The next value; None when there will be no more."""
        return await self._queue.get()

    def get_nowait(self) -> T | None:
        """The next value if there is one already. Raises `asyncio.QueueEmpty`."""
        return self._queue.get_nowait()

    async def all(self) -> AsyncGenerator[T, None]:
        """Every value to the end."""
        while (value := await self._queue.get()) is not None:
            yield value
