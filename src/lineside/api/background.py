"""Who owns the tasks of the control API, and how several readers share what one of them brings."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

import structlog

from lineside.api.errors import ApiError

log = structlog.get_logger()

K = TypeVar("K")
T = TypeVar("T")


class BackgroundTasks:
    """Every task of the control API, from the gateway's start to its end."""

    def __init__(self) -> None:
        self._tasks: asyncio.TaskGroup | None = None
        self._life: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()

    async def begin(self) -> None:
        """Be ready to take tasks."""
        ready = asyncio.Event()
        self._life = asyncio.create_task(self._live(ready), name="control")
        await ready.wait()

    async def end(self) -> None:
        """Cancel every task, and wait until the last one is gone."""
        self.closing.set()
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait({self._life})

    def start(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T | None]":
        """Have a task. A bug in it is logged, and the other tasks go on. Raises `ApiError` when the gateway closes."""
        if self._tasks is None:
            work.close()
            raise ApiError(503, "closing", "the gateway is shutting down")
        task = self._tasks.create_task(_seen(work, name), name=name)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began
        return task

    async def _live(self, ready: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as self._tasks:
                ready.set()
                await asyncio.Event().wait()  # until cancelled
        finally:
            self._tasks = None


async def _seen(work: Coroutine[Any, Any, T], name: str) -> T | None:
    try:
        return await work
    except Exception:
        log.exception("API background task failed", task=name)
        return None


class LatestBroadcast(Generic[T]):
    """One value that many follow. Who is slow is not waited for: it goes on with the newest."""

    def __init__(self) -> None:
        self.value: T | None = None
        self.followers = 0
        self.closed = False
        self._count = 0
        self._changed = asyncio.Event()

    def put(self, value: T) -> None:
        """Show this one from now on."""
        self.value = value
        self._count += 1
        self._wake()

    def close(self) -> None:
        """No more will come."""
        self.closed = True
        self._wake()

    async def follow(self, pulse: float) -> AsyncGenerator[T | None, None]:
        """What there is and what comes, to the end; None when nothing came for `pulse` seconds."""
        seen = 0
        self.followers += 1
        try:
            while True:
                changed = self._changed
                if self._count != seen and self.value is not None:
                    seen = self._count
                    yield self.value
                elif self.closed:
                    return
                elif not await _came(changed, pulse):
                    yield None
        finally:
            self.followers -= 1

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def _came(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class RecentAnswers(Generic[K, T]):
    """What each of several back ends said last. One question at a time goes to each of them.

    An answer younger than `fresh` seconds is given as it is. One younger than `stale` is given at once too, but its
    back end is asked anew meanwhile: so a slow one makes nobody wait who asks often, nor a busy loop. An older one is
    never given. `ask` has to end by itself and raise nothing.
    """

    def __init__(self, tasks: BackgroundTasks, ask: Callable[[K], Awaitable[T]], *, fresh: float, stale: float) -> None:
        self._tasks, self._ask = tasks, ask
        self._fresh, self._stale = fresh, stale
        self._said: dict[K, tuple[T, float]] = {}
        self._asking: dict[K, asyncio.Task[T | None]] = {}

    async def of(self, which: K) -> T:
        """The answer of this one. Raises `ApiError` when the gateway closes meanwhile."""
        return (await self.of_all((which,)))[which]

    async def of_all(self, every: Iterable[K]) -> dict[K, T]:
        """The answers of all of these, asked at the same time. Raises `ApiError` as `of` does."""
        answers = {which: self._known(which) for which in every}
        asking = {which: self._asked(which) for which, said in answers.items() if said is None}
        if asking:
            await asyncio.wait(asking.values())
        return {which: _result(asking[which]) if said is None else said[0] for which, said in answers.items()}

    def _known(self, which: K) -> tuple[T, float] | None:
        """What may still be given; asks anew where that is about to grow old."""
        said = self._said.get(which)
        if said is None:
            return None
        age = asyncio.get_running_loop().time() - said[1]
        if age >= self._fresh:
            self._asked(which)
        return said if age < self._stale else None

    def _asked(self, which: K) -> "asyncio.Task[T | None]":
        return self._asking.get(which) or self._begin(which)

    def forget(self) -> None:
        """Ask all anew the next time: we know that something has changed. Questions under way do not count."""
        self._said.clear()
        self._asking.clear()

    def _begin(self, which: K) -> "asyncio.Task[T | None]":
        asking = self._tasks.start(self._learn(which), f"ask {which}")
        self._asking[which] = asking
        return asking

    async def _learn(self, which: K) -> T:
        me = asyncio.current_task()
        try:
            answer = await self._ask(which)
            if self._asking.get(which) is me:
                self._said[which] = (answer, asyncio.get_running_loop().time())
            return answer
        finally:
            if self._asking.get(which) is me:
                del self._asking[which]


def _result(asked: "asyncio.Task[T | None]") -> T:
    if asked.cancelled():
        raise ApiError(503, "closing", "the gateway is shutting down")
    answer = asked.result()
    if answer is None:
        raise RuntimeError(f"{asked.get_name()} failed")  # a bug, which is in the log
    return answer
