"""Admission and registry of active calls: their state, event streams for operators, hang-up.

A slot is taken before the upgrade and freed when the call is gone, so slots equal live calls, always. What callers say
is handed on to operators who watch, and kept nowhere else.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from typing import Protocol
from uuid import uuid4

from lineside.call.observers import Observer
from lineside.errors import CallRefused
from lineside.observability.active_call import ActiveCall, CallState
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    BargeIn,
    Clear,
    Ended,
    EndReason,
    Error,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Transcript,
    TurnEnded,
    TurnStarted,
    encode,
)
from lineside.transports.call_facts import CallFacts

WATCHERS = 8  # operators who follow one call; one more is refused
BEHIND = 500  # events that a watcher may be behind; a slower one is let go
STILL = 15.0  # seconds without an event, after which a watcher is told that there was none
STORY = 200  # events of the conversation so far that a new watcher is told; older ones are forgotten


class CallControl(Protocol):
    """A call as the registry needs it."""

    def end(self, reason: EndReason) -> None:
        """End it."""
        ...


class RegisteredCall(Observer):
    """A call in the registry: a `CallHandle`, or in a worker process what stands for one."""

    def __init__(self, call_id: str) -> None:
        self.id = call_id

    def answered(self, control: CallControl, *, facts: CallFacts, codec: str, engines: dict[str, str]) -> None:
        """The call is up."""

    def ended(self) -> None:
        """The call is gone; it is let go of."""


class CallHandle(RegisteredCall):
    """One call from admission to its end."""

    def __init__(self, call_id: str, holder: str = "") -> None:
        """`holder`: whose key opened the call; empty: nobody's."""
        super().__init__(call_id)
        self.holder = holder
        self._control: CallControl | None = None
        self._facts, self._codec, self._engines = CallFacts(line=""), "", dict[str, str]()
        self._state: CallState = "connecting"
        self._began = time.monotonic()
        self._turns = self._last_turn = 0
        self._e2e: float | None = None
        self._conversation: deque[bytes] = deque(maxlen=STORY)
        self._watchers: list[asyncio.Queue[bytes | None]] = []
        self._on_followed: Callable[[bool], None] | None = None

    def answered(self, control: CallControl, *, facts: CallFacts, codec: str, engines: dict[str, str]) -> None:
        """See `RegisteredCall`."""
        self._control, self._facts, self._codec, self._engines = control, facts, codec, engines
        self._state, self._began = "listening", time.monotonic()

    def subscribe_followed(self, on_followed: Callable[[bool], None]) -> None:
        """Have `on_followed` called when the first comes who follows the call, and when the last leaves."""
        self._on_followed = on_followed
        if self._watchers:
            on_followed(True)

    def end(self, reason: EndReason) -> None:
        """End it, if it has been answered."""
        if self._control is not None:
            self._control.end(reason)

    def now(self) -> ActiveCall:
        """How it stands."""
        seconds = round(time.monotonic() - self._began, 1)
        facts = self._facts
        return ActiveCall(
            id=self.id,
            line=facts.line,
            direction=facts.direction,
            caller=facts.caller,
            called=facts.called,
            codec=self._codec,
            state=self._state,
            seconds=seconds,
            turns=self._turns,
            engines=self._engines,
            last_e2e_ms=self._e2e,
        )

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`. Whoever watches the call is told."""
        match event:
            case TurnStarted() | AudioDone() | Clear():
                self._state = "listening"
            case TurnEnded():
                self._state = "thinking"
            case AudioStarted():
                self._state = "speaking"
            case ReplyMetrics():
                self._e2e = event.e2e_ms if event.e2e_ms is not None else self._e2e
        if isinstance(event, TurnStarted | Transcript) and event.turn > self._last_turn:
            self._last_turn = event.turn  # a turn is counted when it begins; a typed one begins with its words
            self._turns += 1
        in_conversation = isinstance(event, Transcript | ReplyText | BargeIn | ReplyMetrics | Error | Ended)
        if not in_conversation and not self._watchers:
            return
        line = encode(event)
        if in_conversation:
            self._conversation.append(line)
        for watcher in self._watchers[:]:
            self._send(watcher, line)

    def watch(self) -> AsyncGenerator[bytes, None]:
        """Its events as JSON: the conversation so far, then each as it comes, to its end; nothing now and then.

        Raises `CallRefused`.
        """
        if len(self._watchers) >= WATCHERS:
            raise CallRefused(f"{WATCHERS} operators already follow this call")
        watcher: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND + STORY + 1)
        for line in self._conversation:
            watcher.put_nowait(line)
        self._watchers.append(watcher)
        if self._on_followed is not None:
            self._on_followed(True)
        return self._events(watcher)

    def ended(self) -> None:
        """See `RegisteredCall`. Whoever watches the call is told."""
        self._control = None
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


class CallRegistry:
    """All calls of one gateway."""

    def __init__(self, slots: int, slots_a_holder: int = 0) -> None:
        """`slots_a_holder`: of those, how many one holder of a key may have; 0: all of them."""
        self._most, self._most_a_holder = slots, slots_a_holder
        self._held_by = Counter[str]()  # calls by holder
        self._handles: dict[str, CallHandle] = {}
        self._closing = False
        self._empty = asyncio.Event()

    @property
    def calls(self) -> int:
        """Calls alive now."""
        return len(self._handles)

    @property
    def closing(self) -> bool:
        """Whether no more calls are taken."""
        return self._closing

    @property
    def has_room(self) -> bool:
        """Whether `admit` would take a call now."""
        return not self._closing and self.calls < self._most

    def admit(self, holder: str = "") -> CallHandle:
        """Take a slot for a holder of a key; empty: for nobody's. Raises `CallRefused` before anything is upgraded."""
        if self._closing:
            raise CallRefused("the gateway is shutting down")
        if self.calls >= self._most:
            raise CallRefused(f"all {self._most} call slots are in use (MAX_CONCURRENT_CALLS)")
        if holder and 0 < self._most_a_holder <= self._held_by[holder]:
            raise CallRefused(f"all {self._most_a_holder} call slots of this key are in use (MAX_CALLS_PER_KEY)")
        handle = CallHandle(uuid4().hex, holder)
        self._held_by[holder] += 1
        self._handles[handle.id] = handle
        return handle

    def free(self, handle: CallHandle) -> None:
        """The call is gone."""
        del self._handles[handle.id]
        self._held_by[handle.holder] -= 1
        if not self._held_by[handle.holder]:
            del self._held_by[handle.holder]
        handle.ended()
        if not self._handles:
            self._empty.set()

    def list(self) -> "list[ActiveCall]":
        """All calls that have been answered, the oldest first."""
        return [now for handle in self._handles.values() if (now := handle.now()).state != "connecting"]

    def end(self, call_id: str, reason: EndReason = "ended_by_operator") -> bool:
        """End a call; whether there was one."""
        handle = self._handles.get(call_id)
        if handle is not None:
            handle.end(reason)
        return handle is not None

    def watch(self, call_id: str) -> AsyncGenerator[bytes, None] | None:
        """The events of a call, if there is one. Raises `CallRefused` when too many follow it."""
        handle = self._handles.get(call_id)
        return handle.watch() if handle is not None else None

    async def close(self, within: float, warn: Callable[[int], None]) -> None:
        """Closing time: no new calls; those under way are ended, with a word. `warn` hears how many were cut off."""
        self._closing = True
        for handle in tuple(self._handles.values()):
            handle.end("server_stopping")
        if not self._handles:
            return
        self._empty.clear()
        try:
            async with asyncio.timeout(within):
                await self._empty.wait()
        except TimeoutError:
            warn(self.calls)
