"""Readings of the machine: one a second for all who watch, and none while nobody does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from lineside.api.background import BackgroundTasks, LatestBroadcast, RecentAnswers
from lineside.api.dependencies import ApiDependencies
from lineside.api.errors import ApiError
from lineside.host.client import HostAgentError
from lineside.host.machine.values import Machine

EVERY = 1.0  # seconds between two readings for those who watch
FRESH, STALE = 0.5, 2.0  # seconds, see `RecentAnswers`
READ_SECONDS = 2.0  # for the host agent's reading; then we read here
PULSE = 15.0  # seconds without a reading; then a comment shows whether the watcher is still there
WATCHERS = 64  # one more is answered 503


class MachineOperations:
    """The machine, read here or by the host agent."""

    def __init__(self, dependencies: ApiDependencies, tasks: BackgroundTasks) -> None:
        self._dependencies, self._tasks = dependencies, tasks
        self._lately: RecentAnswers[str, Machine] = RecentAnswers(tasks, self._read, fresh=FRESH, stale=STALE)
        self._shown: LatestBroadcast[Machine] | None = None

    async def now(self) -> Machine:
        """The machine as it was two seconds ago at most, half a second where somebody asks often."""
        return await self._lately.of("machine")

    async def watch(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events, one reading each. Raises `ApiError` when too many watch."""
        if self._shown is not None and self._shown.followers >= WATCHERS:
            raise ApiError(503, "too_many_watchers", f"{WATCHERS} clients already watch; close one")
        return self._events()

    def close(self) -> None:
        """Let all who watch go."""
        if self._shown is not None:
            self._shown.close()

    async def _events(self) -> AsyncGenerator[bytes, None]:
        while not self._tasks.closing.is_set():
            if self._shown is None or self._shown.closed:
                self._shown = LatestBroadcast()
                self._tasks.start(self._show(self._shown), "readings")
            async with aclosing(self._shown.follow(PULSE)) as readings:
                async for reading in readings:
                    yield (
                        b": nothing new\n\n" if reading is None else b"data: " + msgspec.json.encode(reading) + b"\n\n"
                    )

    async def _show(self, shown: LatestBroadcast[Machine]) -> None:
        """Read while somebody watches."""
        clock = asyncio.get_running_loop().time
        try:
            due = clock()
            while not shown.closed:
                self._lately.forget()
                shown.put(await self._lately.of("machine"))
                due = max(due + EVERY, clock())
                await asyncio.sleep(due - clock())
                if not shown.followers:
                    return
        finally:
            shown.close()

    async def _read(self, which: str) -> Machine:
        if not self._dependencies.settings.host_agent_url:
            return await self._dependencies.read()
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._dependencies.host.machine()
        except (HostAgentError, TimeoutError) as why:
            here = await self._dependencies.read()
            note = f"this is the gateway's own machine, for the host agent did not tell: {why or 'no answer'}"
            return replace(here, note=". ".join(filter(None, (note, here.note))))
