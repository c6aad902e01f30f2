"""Calls of ours by a carrier's REST: placed, followed by its webhooks, held on its media stream, given up.

Each has a name that cannot be guessed, which stands in the addresses that the carrier calls back. What a carrier says
last counts: a call that is over is over once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable
from uuid import uuid4

import structlog
from msgspec import Struct

from lineside.errors import TransportError
from lineside.gateway.carriers.account import CarrierUnreachable, Webhook
from lineside.protocol import EndReason
from lineside.transports.dialer import GIVE_UP_WITHIN, CannotDial, DialedCall, DialOrder, DialOutcome
from lineside.transports.line_control import OfferedCall

log = structlog.get_logger()

GRACE = 20.0  # seconds beyond the ringing for the carrier to say that nobody answered
STREAM_WITHIN = 20.0  # seconds from the answer to the first message of the media stream


class CallAddresses(Struct, frozen=True):
    """Where the carrier calls back about one call."""

    answer: str  # it was answered: what now?
    progress: str  # it rings, it is over


class CarrierRefused(CannotDial):
    """The carrier does not take the call; `outcome` says what that means."""

    def __init__(self, outcome: DialOutcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


@runtime_checkable
class PlacesCalls(Protocol):
    """A carrier's account that can call."""

    line: str

    def why_not(self) -> str:
        """What is not set that calls of ours need; empty: nothing."""
        ...

    async def place(self, order: DialOrder, addresses: CallAddresses) -> str:
        """Have the carrier call; answers what it calls the call.

        Raises `CarrierRefused`, `CarrierUnreachable`.
        """
        ...

    def progress(self, asked: Webhook) -> "CallProgress":
        """What a webhook says of a call."""
        ...

    async def open_stream(self, carrier_call_id: str, socket_url: str) -> None:
        """Have an answered call's sound sent to this socket, where no answer of ours to a webhook does that.

        Raises `CarrierUnreachable`.
        """
        ...

    async def give_up(self, carrier_call_id: str) -> None:
        """End a call that nobody has answered. Raises `CarrierUnreachable`."""
        ...


class CallProgress(Struct, frozen=True):
    """How a call of ours stands."""

    state: str = ""  # "ringing", "answered", "over"; empty: nothing that matters
    outcome: DialOutcome | None = None  # of a call that is over and was not answered
    stream_wanted: bool = False  # it was answered, and the carrier waits for `open_stream`


class _Waiting:
    """A call that the carrier makes for us."""

    def __init__(self, call: DialedCall) -> None:
        self.call, self.carrier_call_id = call, ""
        self.over: asyncio.Future[DialOutcome] = asyncio.get_running_loop().create_future()
        self.answered, self.held = asyncio.Event(), asyncio.Event()

    def end(self, outcome: DialOutcome) -> None:
        if not self.over.done():
            self.over.set_result(outcome)


class CarrierDialer:
    """See `transports.dialer.Dialer`: one carrier's."""

    def __init__(self, account: PlacesCalls, public_url: str, socket_for: Callable[[str], str]) -> None:
        """`socket_for` gives the address of a media socket, with a ticket in it, for a call's name."""
        self.line = account.line
        self._account, self._public, self._socket_for = account, public_url, socket_for
        self._waiting: dict[str, _Waiting] = {}

    async def dial(self, order: DialOrder, call: DialedCall) -> DialOutcome:
        """See `Dialer`."""
        if why := self._account.why_not():
            raise CannotDial(why)
        name = uuid4().hex
        waiting = self._waiting[name] = _Waiting(call)
        base = f"{self._public}/lines/{self.line}"
        try:
            addresses = CallAddresses(f"{base}/placed/{name}", f"{base}/progress/{name}")
            waiting.carrier_call_id = await self._account.place(order, addresses)
            return await self._followed(waiting, order)
        except CarrierRefused as refused:
            return refused.outcome
        except CarrierUnreachable as why:
            raise CannotDial(str(why)) from None
        finally:
            del self._waiting[name]
            if waiting.carrier_call_id and not waiting.over.done() and not waiting.held.is_set():
                await self._give_up(waiting)

    async def _followed(self, waiting: _Waiting, order: DialOrder) -> DialOutcome:
        """Wait for the end: of ringing, within its time; then of the stream's start; then of the call."""
        for event, seconds, missing in (
            (waiting.answered, order.ring_seconds + GRACE, DialOutcome("no_answer", "the carrier said nothing")),
            (waiting.held, STREAM_WITHIN, DialOutcome("failed", "it was answered, and no media stream came")),
        ):
            first: asyncio.Future[object] = asyncio.ensure_future(event.wait())
            over: asyncio.Future[object] = asyncio.ensure_future(asyncio.shield(waiting.over))
            try:
                await asyncio.wait([first, over], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                first.cancel()
                over.cancel()
            if waiting.over.done():
                return waiting.over.result()
            if not event.is_set():
                return missing
        return await waiting.over

    async def _give_up(self, waiting: _Waiting) -> None:
        try:
            async with asyncio.timeout(GIVE_UP_WITHIN):
                await self._account.give_up(waiting.carrier_call_id)
        except (CarrierUnreachable, TimeoutError) as why:
            log.warning("a carrier was not told to give a call up", line=self.line, why=str(why))

    # ── what the carrier says ──────────────────────────────────────────────────────────────────────────────────────

    def waits_for(self, name: str) -> bool:
        """Whether there is such a call."""
        return name in self._waiting

    def answered(self, name: str) -> None:
        """It was answered."""
        if (waiting := self._waiting.get(name)) is not None:
            waiting.answered.set()

    async def progressed(self, name: str, asked: Webhook) -> None:
        """A webhook about a call came."""
        waiting = self._waiting.get(name)
        if waiting is None:
            return
        progress = self._account.progress(asked)
        if progress.state == "ringing":
            waiting.call.ringing()
        elif progress.state == "answered":
            waiting.answered.set()
            if progress.stream_wanted:
                try:
                    await self._account.open_stream(waiting.carrier_call_id, self._socket_for(name))
                except CarrierUnreachable as why:
                    waiting.end(DialOutcome("failed", str(why)))
        elif progress.state == "over" and not waiting.held.is_set():
            waiting.end(progress.outcome or DialOutcome("failed", "over before its media stream began"))

    def holder(self, name: str) -> Callable[[OfferedCall], Awaitable[EndReason]] | None:
        """What holds the call of this name once its stream is there; None: there is no such call, or it is held."""
        waiting = self._waiting.get(name)
        if waiting is None or waiting.held.is_set() or waiting.over.done():
            return None
        waiting.answered.set()
        waiting.held.set()

        async def hold(offered: OfferedCall) -> EndReason:
            try:
                reason = await waiting.call.hold(offered)
            except TransportError as fault:
                waiting.end(DialOutcome("failed", str(fault)))
                raise
            except BaseException:
                waiting.end(DialOutcome("failed", "the call broke"))
                raise
            waiting.end(DialOutcome("answered", ended=reason))
            return reason

        return hold
