"""A call over a carrier's stream whose caller can be held, and handed on warm.

The caller stays on our stream while a colleague is called, and hears music of ours: so whoever does not take the call
costs the caller nothing but time, and the agent goes on where it was. Only once the colleague has pressed 1 does the
carrier take the caller off the stream and join the two.
"""

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.transports.base import TransportListener
from lineside.transports.hold_music import HoldMusic
from lineside.transports.line_control import Ability, TransferOutcome, TransferTarget
from lineside.transports.media_streams.stream import MediaStream
from lineside.transports.passing_listener import HoldGate
from lineside.transports.warm_transfer import WarmEvent, WarmRules
from lineside.transports.warm_transfer_run import WarmTransferRun


class ColleagueLeg(Protocol):
    """The call to a colleague, at the carrier. Each step may raise `LinesideError`."""

    async def dial(self) -> None:
        """Begin to call; what becomes of it is told."""
        ...

    async def whisper(self) -> None:
        """Say the summary; return once it has been said."""
        ...

    async def join(self) -> None:
        """Take the caller off our stream, to the colleague."""
        ...

    async def drop(self) -> None:
        """Hang up, in whatever state; harmless where nothing was dialled."""
        ...


@runtime_checkable
class CallsColleagues(Protocol):
    """A carrier's control face that can call a colleague for a warm transfer."""

    abilities: frozenset[Ability]

    def colleague(
        self, target: TransferTarget, codec: Codec, rate: int, happened: Callable[[WarmEvent], None]
    ) -> ColleagueLeg:
        """The call to come. `target.speak` gives sound in this codec and at this rate."""
        ...


class WarmStream:
    """Both faces of one call; see `Transport` and `LineControl`."""

    def __init__(self, stream: MediaStream, carrier: CallsColleagues) -> None:
        self.codec: Codec = stream.codec
        self.rate = stream.rate
        self.abilities: frozenset[Ability] = stream.abilities | {"hold"}
        self._stream, self._carrier = stream, carrier
        self._gate: HoldGate | None = None
        self._music = HoldMusic(stream.codec, stream.rate, stream.send)
        self._leg: ColleagueLeg | None = None

    # ── media ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._gate = HoldGate(listener)
        try:
            return await self._stream.run(self._gate)
        finally:
            self._music.stop()

    @property
    def _held(self) -> bool:
        return self._gate is not None and self._gate.is_held

    def send(self, payload: bytes) -> None:
        """See `Transport`. While the caller hears music, nothing of the agent's is heard."""
        if not self._held:
            self._stream.send(payload)

    def clear(self) -> float | None:
        """See `Transport`."""
        return 0.0 if self._held else self._stream.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`."""
        return True if self._held else self._stream.mark(name)

    def probe(self, answered: Callable[[], None]) -> None:
        """See `ProbedTransport`."""
        self._stream.probe(answered)

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`: a telephone has no words for events."""

    # ── control ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def answer(self) -> None:
        """See `LineControl`."""
        await self._stream.answer()

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`."""
        self._music.stop()
        await self._stream.hang_up(reason)

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`."""
        await self._stream.send_digits(digits)

    async def hold(self, on: bool) -> None:
        """See `LineControl`: by music of ours."""
        if self._gate is None or self._held is on:
            return
        self._stream.clear()
        self._gate.hold(on)
        if on:
            self._music.start()
        else:
            self._music.stop()

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`."""
        if how == "cold":
            return await self._stream.transfer(target, how)
        run = WarmTransferRun(self, WarmRules(ring=target.ring_seconds))
        self._leg = self._carrier.colleague(target, self.codec, self.rate, run.happened)
        return await run.run()

    # ── a warm transfer: see `WarmLine` ────────────────────────────────────────────────────────────────────────────

    async def hold_caller(self) -> None:
        """See `WarmLine`."""
        await self.hold(on=True)

    async def return_caller(self) -> None:
        """See `WarmLine`."""
        await self.hold(on=False)

    async def dial_colleague(self) -> None:
        """See `WarmLine`."""
        if self._leg is not None:
            await self._leg.dial()

    async def whisper(self) -> None:
        """See `WarmLine`."""
        if self._leg is not None:
            await self._leg.whisper()

    async def join(self) -> None:
        """See `WarmLine`. The stream ends by it, which is then no hang-up."""
        if self._leg is None:
            return
        self._stream.handing_on = True
        try:
            await self._leg.join()
        except BaseException:
            self._stream.handing_on = False
            raise

    async def drop_colleague(self) -> None:
        """See `WarmLine`."""
        if self._leg is not None:
            await self._leg.drop()
