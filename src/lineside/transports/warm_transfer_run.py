"""Carries out a warm transfer on a line, by the rules of `warm_transfer`.

A line fulfils `WarmLine`, tells `WarmTransferRun.happened` what its network says, and calls `run`:

    run = WarmTransferRun(self, WarmRules(ring=target.ring_seconds))
    outcome = await run.run()       # elsewhere, as events come: run.happened(ColleagueKey("1"))

Whatever becomes of it, also where the call ends meanwhile and the run is cancelled, the colleague is either with the
caller or not on the line any more.
"""

import asyncio
from typing import Protocol

from lineside.errors import LinesideError
from lineside.transports.line_control import TransferOutcome
from lineside.transports.warm_transfer import (
    ColleagueKey,
    Joined,
    LineFailed,
    WarmEvent,
    WarmRules,
    WarmStep,
    WarmTransfer,
    WhisperDone,
)

MOST_EVENTS = 64  # that wait; more are dropped
MOST_KEYS = 32  # events that wait when a key is dropped: there is room for those that matter
STEP_WITHIN = 6.0  # seconds for one step of the line but the whisper; then it has failed


class WarmLine(Protocol):
    """What a line does of a warm transfer. A step may raise `LinesideError`; then the caller is back with the agent."""

    async def hold_caller(self) -> None:
        """Let the caller hear music in place of the agent, and the agent nothing of the caller."""
        ...

    async def dial_colleague(self) -> None:
        """Begin to call the colleague; whether they answer is an event (`ColleagueAnswered`, `ColleagueGone`)."""
        ...

    async def whisper(self) -> None:
        """Say the summary to the colleague alone; return once it has been said. May be cancelled: a key came."""
        ...

    async def join(self) -> None:
        """Let caller and colleague hear each other, without us; return once they do."""
        ...

    async def drop_colleague(self) -> None:
        """Hang up on the colleague, in whatever state that call is; harmless where there is none."""
        ...

    async def return_caller(self) -> None:
        """End the music: caller and agent hear each other again."""
        ...


class WarmTransferRun:
    """One warm transfer under way."""

    def __init__(self, line: WarmLine, rules: WarmRules) -> None:
        self._line, self._transfer = line, WarmTransfer(rules)
        self._events = asyncio.Queue[WarmEvent](MOST_EVENTS)
        self._now = asyncio.get_running_loop().time
        self._whispers: asyncio.Task[None] | None = None

    def happened(self, event: WarmEvent) -> None:
        """The line's network says so. Waits for nothing."""
        full = MOST_KEYS if isinstance(event, ColleagueKey) else MOST_EVENTS
        if self._events.qsize() < full:
            self._events.put_nowait(event)

    async def run(self) -> TransferOutcome:
        """Do all of it; answers what became of it. Raises nothing but cancellation."""
        transfer = self._transfer
        try:
            await self._do(transfer.begin(self._now()))
            while transfer.outcome is None:
                await self._do(await self._next())
            return transfer.outcome
        finally:
            await self._hush()
            if transfer.outcome is None:
                await self._step("drop_colleague")

    async def _next(self) -> tuple[WarmStep, ...]:
        transfer = self._transfer
        try:
            async with asyncio.timeout_at(transfer.deadline):
                event = await self._events.get()
        except TimeoutError:
            return transfer.due(self._now())
        return transfer.feed(event, self._now())

    async def _do(self, steps: tuple[WarmStep, ...]) -> None:
        for step in steps:
            failed = await self._step(step)
            if failed is not None and self._transfer.outcome is None:
                await self._do(self._transfer.feed(LineFailed(failed), self._now()))
                return
            if step == "join":
                self._transfer.feed(Joined(), self._now())

    async def _step(self, step: WarmStep) -> str | None:
        """One step; answers why it failed, or None."""
        line = self._line
        match step:
            case "whisper":
                self._whispers = asyncio.create_task(self._whisper(), name="whisper")
                return None
            case "hush":
                await self._hush()
                return None
        steps = {
            "hold_caller": line.hold_caller,
            "dial_colleague": line.dial_colleague,
            "join": line.join,
            "drop_colleague": line.drop_colleague,
            "return_caller": line.return_caller,
        }
        if step in ("drop_colleague", "join"):
            await self._hush()
        try:
            async with asyncio.timeout(STEP_WITHIN):
                await steps[step]()
        except TimeoutError:
            return f"{step}: the line did not answer within {STEP_WITHIN:g} s"
        except LinesideError as why:
            return str(why)
        return None

    async def _whisper(self) -> None:
        try:
            await self._line.whisper()
        except LinesideError as why:
            self.happened(LineFailed(str(why)))
        else:
            self.happened(WhisperDone())

    async def _hush(self) -> None:
        whispers, self._whispers = self._whispers, None
        if whispers is not None:
            whispers.cancel()
            await asyncio.wait([whispers])
            if not whispers.cancelled() and (fault := whispers.exception()) is not None:
                raise fault
