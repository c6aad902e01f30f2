"""Deadlines for engines: an engine that stays silent is as bad as one that is dead."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, TypeVar

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
    async with aclosing(stream):
        with Patience(first, later, who) as patience:
            async for item in stream:
                patience.came()
                yield item
                patience.wait()


class Patience:
    """The deadlines of one stream, for the task that reads it: within the block it waits, but from `came` to `wait`.

    Cancels the task that waits when an item is late, as `asyncio.timeout` does, and raises `EngineTimeout` at the end
    of the block. An answer has tens of tokens, each through two of these: the timer is set once, and looks when it
    fires whether what it was set for has come. Between `came` and `wait` nothing runs, so a generator may yield there.
    """

    def __init__(self, first: float, later: float, who: str) -> None:
        """`first`, `later`: seconds until the first item must be there, and each of the others."""
        loop = asyncio.get_running_loop()
        self._clock, self._call_at = loop.time, loop.call_at
        self._limit, self._later, self._who = first, later, who
        self._task: asyncio.Task[Any] | None = None  # that waits; each item may be read by another
        self._asked_before = 0  # cancellations of it, by others
        self._due = math.inf  # on the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = math.inf  # when it fires
        self._late = False

    def __enter__(self) -> "Patience":
        self.wait()
        return self

    def wait(self) -> None:
        """The task begins to wait for an item."""
        self._task = asyncio.current_task()
        self._asked_before = self._task.cancelling() if self._task is not None else 0
        self._due = self._clock() + self._limit
        if self._due < self._set_for:
            self._stop()
            self._set(self._due)

    def came(self) -> None:
        """The item is there."""
        self._due, self._limit = math.inf, self._later
        if self._late:
            self._ended()

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._stop()
        ended, self._task = self._ended(), None  # whose frames hold this: no circle is left
        if ended and kind is asyncio.CancelledError:
            raise EngineTimeout(f"{self._who} said nothing for {self._limit:g} s") from None

    def _ended(self) -> bool:
        """Whether the cancellation that the task has got is that of its deadline alone; it is taken back."""
        late, self._late = self._late, False
        return late and self._task is not None and self._task.uncancel() <= self._asked_before

    def _set(self, moment: float) -> None:
        self._timer, self._set_for = self._call_at(moment, self._look), moment

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._set_for = None, math.inf

    def _look(self) -> None:
        self._timer, self._set_for = None, math.inf
        if self._due == math.inf:
            return  # whoever waits next sets it
        if self._clock() < self._due:
            self._set(self._due)
        elif self._task is not None:
            self._late = True
            self._task.cancel()


RETRY_AFTER = 0.25  # seconds


async def tried_twice(
    start: Callable[[], AsyncGenerator[T, None]], *, first: float, later: float, who: str
) -> AsyncGenerator[T, None]:
    """Pass the stream on as `in_time` does; if it fails before its first item, try once more, unless it was slow."""
    for last in (False, True):
        begun = False
        try:
            async with aclosing(start()) as stream:
                with Patience(first, later, who) as patience:
                    async for item in stream:
                        patience.came()
                        begun = True
                        yield item
                        patience.wait()
            return
        except EngineTimeout:
            raise
        except EngineError:
            if begun or last:
                raise
        await asyncio.sleep(RETRY_AFTER)
