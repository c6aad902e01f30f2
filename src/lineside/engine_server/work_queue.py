"""The work of one model: a thread of its own, and a queue before it that holds only so many requests."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from lineside.errors import EngineBusy

P = ParamSpec("P")
T = TypeVar("T")


class WorkQueue:
    """Admits `limit` requests, works on one piece of them at a time, in the order they came."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.requests = 0  # requests, the one being worked on among them
        self._limit = limit
        self._empty = asyncio.Event()
        self._empty.set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    @contextmanager
    def admitted(self) -> Generator[None, None, None]:
        """Be in the queue. Raises `EngineBusy` when it is full: a caller is better sent away than kept waiting."""
        if self.requests >= self._limit:
            raise EngineBusy(f"{self.name} has {self.requests} requests already; try again in a second")
        self.requests += 1
        self._empty.clear()
        try:
            yield
        finally:
            self.requests -= 1
            if not self.requests:
                self._empty.set()

    async def empty(self) -> None:
        """Wait until no request is left."""
        await self._empty.wait()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work that blocks. Cancelled before its turn it is never done; cancelled later its result is thrown away."""
        return await asyncio.wrap_future(self._thread.submit(work, *args, **kwargs))

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
