"""Where one model works: a thread of its own, and a room before it that holds only so many."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from lineside.errors import EngineBusy

P = ParamSpec("P")
T = TypeVar("T")


class WorkQueue:
    """Admits `room` requests, works on one piece of them at a time, in the order they came."""

    def __init__(self, name: str, room: int) -> None:
        self.name = name
        self.inside = 0  # requests, the one being worked on among them
        self._room = room
        self._empty = asyncio.Event()
        self._empty.set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    @contextmanager
    def admitted(self) -> Generator[None, None, None]:
        """Be in the room. Raises `EngineBusy` when it is full: a caller is better sent away than kept waiting."""
        if self.inside >= self._room:
            raise EngineBusy(f"{self.name} has {self.inside} requests already; try again in a second")
        self.inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self.inside -= 1
            if not self.inside:
                self._empty.set()

    async def empty(self) -> None:
        """Wait until nobody is in the room."""
        await self._empty.wait()

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work that blocks. Cancelled before its turn it is never done; cancelled later its result is thrown away."""
        return await asyncio.wrap_future(self._thread.submit(work, *args, **kwargs))

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
