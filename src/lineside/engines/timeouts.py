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
    limit, patience = first, _Patience()
    async with aclosing(stream), aclosing(patience):
        while True:
            patience.wait(limit)
            try:
                item = await anext(stream)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if patience.ended():
                    raise EngineTimeout(f"{who} said nothing for {limit:g} s") from None
                raise
            patience.came()
            yield item
            limit = later


class _Patience:
    """Cancels the task that waits for an item which is late, as `asyncio.timeout` does, with one timer for many items.

    An answer has tens of tokens, each through two of these: the timer is set once, and looks when it fires whether what
    it was set for has come.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = 0.0  # on the loop's clock
        self._task: asyncio.Task[object] | None = None  # who waits
        self._asked_before = 0  # cancellations that others had asked for
        self._timer: asyncio.TimerHandle | None = None
        self._late = False

    def wait(self, seconds: float) -> None:
        """The running task begins to wait for an item."""
        self._task = asyncio.current_task()
        self._asked_before = self._task.cancelling() if self._task is not None else 0
        self._due = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._look)

    def came(self) -> None:
        """The item is there."""
        self.ended()
        self._task = None

    def ended(self) -> bool:
        """Whether the cancellation that the task has got is that of its deadline alone; it is taken back."""
        late, self._late = self._late, False
        return late and self._task is not None and self._task.uncancel() <= self._asked_before

    async def aclose(self) -> None:
        """Nobody waits any more."""
        self.came()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return  # whoever waits next sets it
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._look)
            return
        self._late = True
        self._task.cancel()


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
