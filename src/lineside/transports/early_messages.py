"""What a peer says before anybody listens, up to a bound."""

import asyncio
from collections import deque

EARLY = 64  # messages before anybody listens; with so many the socket is not read until somebody does
EARLY_BYTES = 128 * 1024  # of them; the same

Message = bytes | str


class EarlyMessages:
    """Messages that came before anybody listened."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._size = 0
        self._waits: asyncio.Future[None] | None = None  # for the first one

    @property
    def full(self) -> bool:
        """Whether no more should be read."""
        return len(self._messages) >= EARLY or self._size >= EARLY_BYTES

    def put(self, message: Message) -> None:
        """Keep one."""
        self._messages.append(message)
        self._size += len(message)
        self.wake()

    def take(self) -> Message | None:
        """The oldest one."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._size -= len(message)
        return message

    async def some(self) -> None:
        """Wait until there is one, or until `wake`."""
        if not self._messages:
            self._waits = asyncio.get_running_loop().create_future()
            await self._waits

    def wake(self) -> None:
        """End the wait."""
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)
