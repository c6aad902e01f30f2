"""Admission and registry of active calls: their state, event streams for operators, hang-up.

A slot is taken before the upgrade and freed when the call is gone, so slots equal live calls, always. What callers say
is handed on to operators who watch, and kept nowhere else.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Protocol
from uuid import uuid4

from lineside.call.observers import Observer
from lineside.call.supervision import OperatorOrder
from lineside.errors import CallRefused
from lineside.gateway.call_announcer import CallAnnouncer
from lineside.gateway.call_tally import CallTally
from lineside.gateway.call_watchers import CallWatchers
from lineside.gateway.listening import CallListeners
from lineside.observability.active_call import ActiveCall, CallState
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    Clear,
    Codec,
    EndReason,
    ReplyMetrics,
    ServerMessage,
    Transcript,
    TurnEnded,
    TurnStarted,
)
from lineside.records.recorder import RecordedStretch
from lineside.transports.call_facts import CallFacts


class CallControl(Protocol):
    """A call as the registry needs it."""

    def end(self, reason: EndReason) -> None:
        """End it."""
        ...

    def supervise(self, order: OperatorOrder) -> bool:
        """Do what an operator wants; False where it cannot be done now."""
        ...


class RegisteredCall(Observer):
    """A call in the registry: a `CallHandle`, or in a worker process what stands for one."""

    def __init__(self, call_id: str) -> None:
        self.id = call_id

    def answered(
        self, control: CallControl, *, facts: CallFacts, codec: Codec, rate: int, engines: dict[str, str]
    ) -> None:
        """The call is up."""

    def on_sound(self, stretch: RecordedStretch) -> None:
        """Somebody listens, and this was heard."""

    def ended(self) -> None:
        """The call is gone; it is let go of."""


class CallHandle(RegisteredCall):
    """One call from admission to its end."""

    def __init__(
        self, call_id: str, holder: str = "", on_reply: Callable[[ReplyMetrics], None] = lambda reply: None
    ) -> None:
        """`holder`: whose key opened the call; empty: nobody's. `on_reply` hears how long each reply took."""
        super().__init__(call_id)
        self.holder, self._on_reply = holder, on_reply
        self._control: CallControl | None = None
        self._facts, self._engines = CallFacts(line=""), dict[str, str]()
        self._codec: Codec = "pcm"
        self._rate = 0
        self._state: CallState = "connecting"
        self._began = time.monotonic()
        self._turns = self._last_turn = 0
        self._watchers = CallWatchers()
        self._tally = CallTally()
        self.announcer: CallAnnouncer | None = None  # until the call is gone
        self.listeners = CallListeners()

    def answered(
        self, control: CallControl, *, facts: CallFacts, codec: Codec, rate: int, engines: dict[str, str]
    ) -> None:
        """See `RegisteredCall`."""
        self._control, self._facts, self._codec, self._engines = control, facts, codec, engines
        self._rate = rate
        self._state, self._began = "listening", time.monotonic()
        if self.announcer is not None:
            self.announcer.answered()

    def subscribe_followed(self, on_followed: Callable[[bool], None]) -> None:
        """Have `on_followed` called when the first comes who follows the call, and when the last leaves."""
        self._watchers.subscribe(on_followed)

    def end(self, reason: EndReason) -> None:
        """End it, if it has been answered."""
        if self._control is not None:
            self._control.end(reason)

    def supervise(self, order: OperatorOrder) -> bool:
        """Do what an operator wants; False where it cannot be done now."""
        return self._control is not None and self._control.supervise(order)

    def _listened(self, somebody: bool) -> None:
        self.supervise(OperatorOrder("listens" if somebody else "leaves"))

    def listen(self) -> AsyncGenerator[bytes, None]:
        """Its sound from here on, as a WAV without end. Raises `CallRefused`."""
        if self._control is None:
            raise CallRefused("the call has not been answered yet")
        return self.listeners.listen(self._rate, self._listened)

    def on_sound(self, stretch: RecordedStretch) -> None:
        """See `RegisteredCall`."""
        self.listeners.hear(stretch, self._codec)

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
            last_e2e_ms=self._tally.last_e2e_ms,
            asked_for_person=self._tally.asked_for_person,
            unanswered=self._tally.unanswered,
            fallbacks=self._tally.fallbacks,
            taken_over=self._tally.taken_over,
            listeners=len(self.listeners),
        )

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`. Whoever watches the call is told."""
        self._tally.count(event)
        match event:
            case TurnStarted() | AudioDone() | Clear():
                self._state = "listening"
            case TurnEnded():
                self._state = "thinking"
            case AudioStarted():
                self._state = "speaking"
            case ReplyMetrics():
                self._on_reply(event)
        if isinstance(event, TurnStarted | Transcript) and event.turn > self._last_turn:
            self._last_turn = event.turn  # a turn is counted when it begins; a typed one begins with its words
            self._turns += 1
        self._watchers.tell(event)
        if self.announcer is not None:
            self.announcer.on_event(event)

    def watch(self) -> AsyncGenerator[bytes, None]:
        """Its events as JSON: the conversation so far, then each as it comes. Raises `CallRefused`."""
        return self._watchers.watch()

    def ended(self) -> None:
        """See `RegisteredCall`. Whoever watches the call is told."""
        self._control = self.announcer = None
        self.listeners.close()
        self._watchers.close()


class CallRegistry:
    """All calls of one gateway."""

    def __init__(
        self,
        slots: int,
        slots_a_holder: int = 0,
        on_reply: Callable[[ReplyMetrics], None] = lambda reply: None,
        announcer: Callable[[Callable[[], ActiveCall]], CallAnnouncer] | None = None,
    ) -> None:
        """`slots_a_holder`: of those, how many one holder of a key may have; 0: all of them.

        `on_reply` hears how long each reply of any call took; `announcer` makes what announces a call to programs.
        """
        self._on_reply, self._announcer = on_reply, announcer
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
        handle = CallHandle(uuid4().hex, holder, self._on_reply)
        self._held_by[holder] += 1
        self._handles[handle.id] = handle
        handle.announcer = self._announcer(handle.now) if self._announcer is not None else None
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

    def listen(self, call_id: str) -> AsyncGenerator[bytes, None] | None:
        """The sound of a call, if there is one. Raises `CallRefused` when too many listen to it."""
        handle = self._handles.get(call_id)
        return handle.listen() if handle is not None else None

    def supervise(self, call_id: str, order: OperatorOrder) -> bool | None:
        """Do in a call what an operator wants: whether it could be done; None where there is no such call."""
        handle = self._handles.get(call_id)
        return handle.supervise(order) if handle is not None else None

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
