"""Operators who follow the events of one call: the conversation so far, then each event as it comes."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from lineside.errors import CallRefused
from lineside.protocol import (
    BargeIn,
    Ended,
    Error,
    OperatorActed,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Transcript,
    TransferDone,
    TransferRequested,
    encode,
)
from lineside.task_events import SlotFilled, TaskMoved, ToolCalled

WATCHERS = 8  # operators who follow one call; one more is refused
BEHIND = 500  # events that a watcher may be behind; a slower one is let go
STILL = 15.0  # seconds without an event, after which a watcher is told that there was none
STORY = 200  # events of the conversation so far that a new watcher is told; older ones are forgotten
# What a new watcher is told of the call so far.
CONVERSATION = (
    Transcript, ReplyText, BargeIn, ReplyMetrics, TransferRequested, TransferDone, ToolCalled, SlotFilled, TaskMoved,
    OperatorActed, Error, Ended,
)  # fmt: skip


class CallWatchers:
    """Those of one call."""

    def __init__(self) -> None:
        self._conversation: deque[bytes] = deque(maxlen=STORY)
        self._watchers: list[asyncio.Queue[bytes | None]] = []
        self._on_followed: Callable[[bool], None] | None = None

    def subscribe(self, on_followed: Callable[[bool], None]) -> None:
        """Have `on_followed` called when the first comes who follows the call, and when the last leaves."""
        self._on_followed = on_followed
        if self._watchers:
            on_followed(True)

    def tell(self, event: ServerMessage) -> None:
        """Tell all of them."""
        in_conversation = isinstance(event, CONVERSATION)
        if not in_conversation and not self._watchers:
            return
        line = encode(event)
        if in_conversation:
            self._conversation.append(line)
        for watcher in self._watchers[:]:
            self._send(watcher, line)

    def watch(self) -> AsyncGenerator[bytes, None]:
        """The events as JSON, to the call's end; nothing now and then. Raises `CallRefused`."""
        if len(self._watchers) >= WATCHERS:
            raise CallRefused(f"{WATCHERS} operators already follow this call")
        watcher: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND + STORY + 1)
        for line in self._conversation:
            watcher.put_nowait(line)
        self._watchers.append(watcher)
        if self._on_followed is not None:
            self._on_followed(True)
        return self._events(watcher)

    def close(self) -> None:
        """The call is over."""
        for watcher in self._watchers:
            self._send(watcher, None)

    async def _events(self, watcher: "asyncio.Queue[bytes | None]") -> AsyncGenerator[bytes, None]:
        try:
            while (line := await _next(watcher)) is not None:
                yield line
        finally:
            if watcher in self._watchers:
                self._watchers.remove(watcher)
            if not self._watchers and self._on_followed is not None:
                self._on_followed(False)

    def _send(self, watcher: "asyncio.Queue[bytes | None]", line: bytes | None) -> None:
        """Hand it on; who does not read is let go at the place where it stopped."""
        if watcher.qsize() < BEHIND + STORY:
            watcher.put_nowait(line)
        else:
            self._watchers.remove(watcher)
            watcher.put_nowait(None)


async def _next(watcher: "asyncio.Queue[bytes | None]") -> bytes | None:
    """What comes next; nothing for a while is told too, so that whoever left is noticed."""
    try:
        return await asyncio.wait_for(watcher.get(), STILL)
    except TimeoutError:
        return b""
