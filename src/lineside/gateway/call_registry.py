"""Admission and registry of active calls.

A slot is taken before the upgrade and freed when the call is gone, so slots equal live calls; only a call whose
connection broke gives its slot away a moment before, where a new caller needs it. What callers say is handed on to
operators who watch, and kept nowhere else.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from uuid import uuid4

from lineside.call.supervision import OperatorOrder
from lineside.errors import CallRefused
from lineside.gateway.call_announcer import CallAnnouncer
from lineside.gateway.call_handle import CallHandle
from lineside.observability.active_call import ActiveCall
from lineside.protocol import EndReason, ReplyMetrics
from lineside.records.call_leases import SharedCap


class CallRegistry:
    """All calls of one gateway."""

    def __init__(
        self,
        slots: int,
        slots_a_holder: int = 0,
        on_reply: Callable[[ReplyMetrics], None] = lambda reply: None,
        announcer: Callable[[Callable[[], ActiveCall]], CallAnnouncer] | None = None,
        on_gave_way: Callable[[], None] = lambda: None,
    ) -> None:
        """`slots_a_holder`: of those, how many one holder of a key may have; 0: all of them.

        `on_reply` hears how long each reply of any call took; `announcer` makes what announces a call to programs;
        `on_gave_way` hears that a call whose connection was broken ends for a new one.
        """
        self._on_reply, self._announcer = on_reply, announcer
        self._most, self._most_a_holder = slots, slots_a_holder
        self._on_gave_way = on_gave_way
        self._held_by = Counter[str]()  # slots by holder
        self._handles: dict[str, CallHandle] = {}
        self._leaving: set[CallHandle] = set()  # alive for a moment still, their slots are others' already
        self.shared_cap: SharedCap | None = None  # of one holder, over several gateways
        self._closing = self.draining = False
        self._empty = asyncio.Event()

    @property
    def calls(self) -> int:
        """Calls alive now."""
        return len(self._handles)

    @property
    def held_by(self) -> "Counter[str]":
        """Slots that are taken, by the holder of their key; empty: nobody's."""
        return self._held_by.copy()

    @property
    def closing(self) -> bool:
        """Whether no more calls are taken: for good, or while the gateway drains."""
        return self._closing or self.draining

    @property
    def has_room(self) -> bool:
        """Whether `admit` would take a call now."""
        return not self.closing and (self._taken < self._most or self._longest_broken() is not None)

    @property
    def _taken(self) -> int:
        return self.calls - len(self._leaving)

    def admit(self, holder: str = "") -> CallHandle:
        """Take a slot for a holder of a key; empty: for nobody's. Raises `CallRefused` before anything is upgraded.

        Where none is free, the call whose connection has been broken for longest ends, and its slot is the new one's.
        """
        if self.closing:
            raise CallRefused("the gateway is shutting down" if self._closing else "the gateway drains")
        theirs_full = bool(holder) and not self._takes(holder)
        if theirs_full or self._taken >= self._most:
            gives_way = self._longest_broken(holder if theirs_full else None)
            if gives_way is None and theirs_full:
                raise CallRefused(f"all {self._most_a_holder} call slots of this key are in use (MAX_CALLS_PER_KEY)")
            if gives_way is None:
                raise CallRefused(f"all {self._most} call slots are in use (MAX_CONCURRENT_CALLS)")
            self._give_way(gives_way)
        handle = CallHandle(uuid4().hex, holder, self._on_reply)
        self._held_by[holder] += 1
        self._handles[handle.id] = handle
        handle.announcer = self._announcer(handle.now) if self._announcer is not None else None
        return handle

    def _takes(self, holder: str) -> bool:
        held = self._held_by[holder]
        if self.shared_cap is not None:
            return self.shared_cap.takes(holder, held, time.monotonic())
        return not 0 < self._most_a_holder <= held

    def _longest_broken(self, holder: str | None = None) -> CallHandle | None:
        """The call that would give way, of this holder's or of all; None where no connection is broken.

        Also None while as many as there are slots are ending: what lives at once has an end.
        """
        if len(self._leaving) >= self._most:
            return None
        broken = [
            (handle.broken_at, order, handle)
            for order, handle in enumerate(self._handles.values())
            if handle.broken_at is not None and handle not in self._leaving and holder in (None, handle.holder)
        ]
        return min(broken)[2] if broken else None

    def _give_way(self, handle: CallHandle) -> None:
        self._let_go(handle)
        self._leaving.add(handle)
        self._on_gave_way()
        handle.end("line_lost")

    def _let_go(self, handle: CallHandle) -> None:
        self._held_by[handle.holder] -= 1
        if not self._held_by[handle.holder]:
            del self._held_by[handle.holder]

    def free(self, handle: CallHandle) -> None:
        """The call is gone."""
        del self._handles[handle.id]
        if handle in self._leaving:
            self._leaving.remove(handle)
        else:
            self._let_go(handle)
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

    def end_all(self, reason: EndReason) -> None:
        """End every call; those that are told it first go on for some seconds."""
        for handle in tuple(self._handles.values()):
            handle.end(reason)

    async def empty(self) -> None:
        """Wait until no call is left."""
        if self._handles:
            self._empty.clear()
            await self._empty.wait()

    async def close(self, within: float, warn: Callable[[int], None]) -> None:
        """Closing time: no new calls; those under way are ended, with a word. `warn` hears how many were cut off."""
        self._closing = True
        self.end_all("server_stopping")
        try:
            async with asyncio.timeout(within):
                await self.empty()
        except TimeoutError:
            warn(self.calls)
