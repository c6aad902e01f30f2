"""The tasks of one call: started while the call runs, cancelled and awaited when it is over."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class CallTasks:
    """All tasks of a call. When the `async with` block ends, whatever still runs is cancelled and waited for."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._running: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> "CallTasks":
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._running:
            task.cancel()
        await self._group.__aexit__(kind, fault, trace)

    def start(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Start a task. If it raises, the call fails."""
        task = self._group.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


class OneTask:
    """At most one task of a kind: starting it again cancels the one before."""

    def __init__(self, tasks: CallTasks, name: str) -> None:
        self._tasks, self._name = tasks, name
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Cancel the one that runs, and start this one."""
        self.stop()
        self._task = self._tasks.start(work, self._name)
        self._task.add_done_callback(self._forget)

    def stop(self) -> None:
        """Cancel the one that runs, if any."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _forget(self, done: "asyncio.Task[None]") -> None:
        # A cancelled task keeps the frames that it was cancelled in, and they keep whoever owns this.
        if self._task is done:
            self._task = None
