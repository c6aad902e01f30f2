"""What is being done to a model, so that two things that contradict each other are not done at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lineside.api.errors import ApiError

WAIT_SECONDS = 60.0  # for the other lock to end, where the request says that it waits


@dataclass
class _Lock:
    doing: str
    hands: int = 0  # requests that do the same thing
    over: asyncio.Event = field(default_factory=asyncio.Event)


class ModelLocks:
    """At most one kind of lock for each model; several requests may do the same one together."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Lock] = {}

    def doing(self, model: str) -> str:
        """`loaded`, `unloaded` or `deleted`; empty when nothing is being done."""
        lock = self._under_way.get(model)
        return lock.doing if lock else ""

    @asynccontextmanager
    async def to_be(self, doing: str, model: str, *, wait: bool = False) -> AsyncGenerator[None, None]:
        """Hold the model while it is being `doing`. Raises `ApiError` when something else is done with it."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while (other := self._under_way.get(model)) and other.doing != doing:
                    if not wait:
                        raise _contradicts(model, other.doing)
                    await other.over.wait()
        except TimeoutError:
            raise _contradicts(model, self.doing(model)) from None
        lock = self._under_way.setdefault(model, _Lock(doing))
        lock.hands += 1
        try:
            yield
        finally:
            lock.hands -= 1
            if not lock.hands:
                del self._under_way[model]
                lock.over.set()


def _contradicts(model: str, doing: str) -> ApiError:
    return ApiError(409, "busy", f"{model} is being {doing or 'changed'} just now; ask again when that is done")
