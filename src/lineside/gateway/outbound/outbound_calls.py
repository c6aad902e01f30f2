"""Calls that lineside makes: each from its request through the gates to its outcome. Owns their tasks.

A slot is taken before anything is dialled, so that somebody is there to speak when it is answered: no call of ours is
ever answered by silence for want of an agent. What was asked is on the disk before the line hears of it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import msgspec
import structlog
from msgspec.structs import replace

from lineside.api.outbound_schemas import PlaceCall
from lineside.errors import CallBlocked, CallRefused, KeyUsedBefore
from lineside.gateway.alerts import Tells
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.line_host import LineHost
from lineside.gateway.outbound.call_texts import filled
from lineside.gateway.outbound.do_not_call import DoNotCallList
from lineside.gateway.outbound.gates import DAY, MINUTE, CallCounts, CallWish, Gates
from lineside.gateway.outbound.journal import MadeCall, OutboundJournal
from lineside.gateway.outbound.outcomes import outcome_of
from lineside.observability.metrics import GatewayMetrics
from lineside.observability.outbound_call import OutboundCall
from lineside.protocol import EndReason
from lineside.records.archive import Archive
from lineside.settings import Settings
from lineside.telephone_numbers import masked
from lineside.transports.answer_plan import AnswerPlan
from lineside.transports.call_facts import CallFacts, clean, masked_facts
from lineside.transports.dialer import CannotDial, DialedCall, Dialer, DialOrder, DialOutcome
from lineside.transports.line_control import OfferedCall

log = structlog.get_logger()

REMEMBERED = 1000  # calls whose outcome can be asked for; older ones are in the history


class PlacedCall:
    """One call, while this process lives."""

    def __init__(self, asked: PlaceCall, handle: CallHandle, dialer: Dialer, to: str) -> None:
        """`to`: the number as it is shown."""
        self.asked, self.handle, self.dialer = asked, handle, dialer
        self.began = time.monotonic()
        self.shown = OutboundCall(
            handle.id, to, dialer.line, "dialling", round(time.time(), 3), reference=asked.reference
        )
        self.dialling: asyncio.Task[DialOutcome] | None = None

    def now(self) -> OutboundCall:
        """How it stands."""
        if self.shown.state == "over":
            return self.shown
        return replace(self.shown, seconds=round(time.monotonic() - self.began, 1), answered_as=self.handle.answered_as)

    def rings(self) -> None:
        """See `DialedCall.ringing`."""
        if self.shown.state == "dialling":
            self.shown = replace(self.shown, state="ringing")

    def give_up(self) -> None:
        """Nobody is to answer any more. A call that was answered is ended by its own handle."""
        if self.dialling is not None and self.shown.state in ("dialling", "ringing"):
            self.dialling.cancel()


class OutboundCallCenter:
    """All calls that one gateway makes."""

    def __init__(
        self,
        settings: Settings,
        host: LineHost,
        meters: GatewayMetrics,
        tell: Tells,
        records: Archive | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`tell` takes webhooks; `now` is the time since 1970. Raises `ConfigError` for hours that cannot be read."""
        self._settings, self._host, self._meters, self._tell = settings, host, meters, tell
        self._records, self._now = records, now
        self._gates = Gates(settings)
        self._journal = OutboundJournal(settings.data_dir)
        self.do_not_call = DoNotCallList(settings.data_dir)
        self._dialers: dict[str, Dialer] = {}
        self._calls: OrderedDict[str, PlacedCall] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()  # gates and journal: two requests may not both be the last that passes
        self._tasks: asyncio.TaskGroup | None = None
        self._alive = 0

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None, None]:
        """Make calls while the block runs. Raises `OSError` where the journal cannot be read."""
        if self._settings.outbound_allowed:
            await self._journal.open(self._now())
        async with asyncio.TaskGroup() as self._tasks:
            try:
                yield
            finally:
                for call in self._calls.values():
                    call.give_up()

    def add_line(self, dialer: Dialer) -> None:
        """A line that can call somebody is there."""
        self._dialers[dialer.line] = dialer

    async def place(self, asked: PlaceCall) -> OutboundCall:
        """Make a call, or say what became of the one that this key stands for.

        Raises:
            CallBlocked: a gate is shut, or nobody could answer.
            KeyUsedBefore: the key came with another request.
            NotFilled: a text names what the context does not have.
            OSError: the journal or the do-not-call list cannot be used; nothing was dialled.
        """
        plan, greeting = _planned(asked)
        async with self._one_at_a_time:
            if not self._settings.outbound_allowed or self._tasks is None:
                raise self._blocked(CallBlocked("not_allowed", "OUTBOUND_ALLOWED names nobody: no calls are made"))
            fingerprint = self._journal.hashed(msgspec.json.encode(asked).decode())
            if asked.idempotency_key and (made := self._journal.of_key(asked.idempotency_key, self._now())):
                if made.request != fingerprint:
                    raise KeyUsedBefore("this idempotency_key came with another request before; use a new one")
                return self._made_before(made, asked)
            await self._check(asked)
            dialer, handle, slot = self._taken(asked)
            with slot:
                key = self._journal.hashed(asked.idempotency_key) if asked.idempotency_key else ""
                number = self._journal.hashed(asked.to)
                await self._journal.keep(MadeCall(self._now(), handle.id, number, key, fingerprint))
                call = self._calls[handle.id] = PlacedCall(asked, handle, dialer, self._shown(asked.to))
                while len(self._calls) > REMEMBERED:
                    self._calls.popitem(last=False)
                self._alive += 1
                self._tasks.create_task(self._run(call, slot.pop_all(), plan, greeting), name="call out")
        log.info("calling out", call=handle.id, line=dialer.line)
        return call.now()

    def list(self, limit: int) -> Sequence[OutboundCall]:
        """The newest calls."""
        return [call.now() for call in list(reversed(self._calls.values()))[:limit]]

    def get(self, call: str) -> OutboundCall | None:
        """One of them."""
        found = self._calls.get(call)
        return found.now() if found is not None else None

    async def never_call(self, number: str) -> bool:
        """See `DoNotCallList.add`."""
        return await self.do_not_call.add(number)

    # ── before a call ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _check(self, asked: PlaceCall) -> None:
        now = self._now()
        counts = CallCounts(
            alive=self._alive,
            begun=self._journal.begun_since(now - MINUTE),
            to_number=self._journal.to_number(asked.to, now - DAY),
            do_not_call=await self.do_not_call.holds(asked.to),
        )
        try:
            wish = CallWish(asked.to, asked.timezone, asked.consent)
            self._gates.check(wish, counts, datetime.fromtimestamp(now, UTC))
        except CallBlocked as blocked:
            raise self._blocked(blocked) from None

    def _taken(self, asked: PlaceCall) -> tuple[Dialer, CallHandle, ExitStack]:
        """The line, and a slot on it, which is free again when the stack is closed."""
        only = next(iter(self._dialers)) if len(self._dialers) == 1 else ""
        name = asked.line or self._settings.outbound_line or only
        dialer = self._dialers.get(name)
        if dialer is None:
            there = ", ".join(sorted(self._dialers)) or "none"
            raise self._blocked(CallBlocked("no_line", f"no line {name!r} can call out; there are: {there}"))
        slot = ExitStack()
        try:
            handle = slot.enter_context(self._host.slot())
        except CallRefused as full:
            raise self._blocked(CallBlocked("full", str(full), 5.0)) from None
        return dialer, handle, slot

    def _blocked(self, blocked: CallBlocked) -> CallBlocked:
        self._meters.process.outbound.blocked(blocked.by)
        log.info("a call was not made", by=blocked.by)
        return blocked

    def _shown(self, number: str) -> str:
        return masked(number) if self._settings.mask_numbers else number

    def _made_before(self, made: MadeCall, asked: PlaceCall) -> OutboundCall:
        """The call of this key; one of before a restart is known by its id alone."""
        if (call := self._calls.get(made.id)) is not None:
            return call.now()
        return OutboundCall(made.id, self._shown(asked.to), asked.line, "over", made.at, detail="see the history")

    # ── one call ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, call: PlacedCall, slot: ExitStack, plan: AnswerPlan, greeting: str | None) -> None:
        """Dial and hold one call. Whatever goes wrong, it has an outcome and its slot is free."""
        asked, outcome = call.asked, DialOutcome("failed")
        order = DialOrder(
            to=asked.to.strip(),
            caller_id=asked.caller_id or self._settings.outbound_caller_id,
            ring_seconds=asked.ring_seconds or self._settings.outbound_ring_s,
        )
        facts = CallFacts(
            line=call.dialer.line, direction="outbound", caller=clean(order.caller_id), called=clean(order.to, 200)
        )
        with slot:
            try:
                hold = partial(self._hold, call, facts, plan, greeting)
                task = asyncio.create_task(
                    call.dialer.dial(order, DialedCall(call.handle.id, hold, call.rings)), name="dial"
                )
                call.dialling = task
                call.handle.dials(masked_facts(facts) if self._settings.mask_numbers else facts, call.give_up)
                outcome = await _ended(task)
            finally:
                self._over(call, facts, outcome)

    async def _hold(
        self, call: PlacedCall, facts: CallFacts, plan: AnswerPlan, greeting: str | None, offered: OfferedCall
    ) -> EndReason:
        """Somebody answered."""
        call.shown = replace(call.shown, state="talking")
        known = offered.facts
        facts = replace(
            known,
            direction="outbound",
            caller=facts.caller or known.caller,
            called=facts.called,
            headers={clean(name, 64): clean(value) for name, value in call.asked.context.items()},
        )
        first = replace(offered.first, caller="", greeting=offered.first.greeting if greeting is None else greeting)
        return await self._host.run(call.handle, replace(offered, facts=facts, first=first, plan=plan))

    def _over(self, call: PlacedCall, facts: CallFacts, outcome: DialOutcome) -> None:
        self._alive -= 1
        answered_as = call.handle.answered_as
        result = outcome_of(outcome, answered_as)
        call.shown = replace(
            call.now(), state="over", outcome=result, detail=outcome.detail[:200], reason=outcome.ended,
            answered_as=answered_as,
        )  # fmt: skip
        self._meters.process.outbound.over(call.dialer.line, result)
        if outcome.result != "answered" and self._records is not None:
            facts = masked_facts(facts) if self._settings.mask_numbers else facts
            self._records.keep_unanswered(call.handle.id, facts, outcome.result, call.shown.placed)
        self._tell("call_outcome", msgspec.to_builtins(call.shown))
        log.info("call out is over", call=call.handle.id, outcome=result, why=call.shown.detail)


async def _ended(task: "asyncio.Task[DialOutcome]") -> DialOutcome:
    """What became of it. A task that was cancelled by itself was given up; where we are cancelled, so is the task."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    if task.cancelled():
        return DialOutcome("cancelled")
    if isinstance(why := task.exception(), CannotDial):
        return DialOutcome("failed", str(why))
    if why is not None:
        log.error("calling out failed", exc_info=why)
        return DialOutcome("failed", "a fault of lineside's own")
    return task.result()


def _planned(asked: PlaceCall) -> tuple[AnswerPlan, str | None]:
    """What is done and said, with the context's values in its place. Raises `NotFilled`."""
    given = {name: clean(value) for name, value in asked.context.items()}
    greeting = None if asked.greeting is None else filled(asked.greeting, given, "greeting")
    message = filled(asked.voicemail_message, given, "voicemail_message")
    return AnswerPlan(asked.on_voicemail, message, filled(asked.screening_line, given, "screening_line")), greeting
