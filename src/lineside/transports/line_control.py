"""The control face of a line: what can be done with a call, beside hearing and speaking. What a line can, it says."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from msgspec import Struct

from lineside.errors import LinesideError
from lineside.protocol import EndReason, FirstMessage
from lineside.reasons import TransferResult as TransferResult  # noqa: PLC0414 - read from here too
from lineside.transports.answer_plan import AnswerPlan
from lineside.transports.base import AudioMeter, Transport
from lineside.transports.call_facts import CallFacts

Ability = Literal["answer", "transfer_cold", "transfer_warm", "send_digits", "hold"]

LINE_ENDS = 5.0  # seconds for a line to say that the call is over, after it was hung up; then its socket is closed
HANG_UP_WITHIN = 12.0  # seconds for all of hanging up, requests to a carrier included; then the call is let go of


class CannotDo(LinesideError):
    """This line cannot do what was asked of it; nothing was tried."""


class TransferTarget(Struct, frozen=True):
    """Where a call is to be handed on.

    `speak` gives a text as sound in the codec and at the rate of the call's transport; it raises `EngineError`. A line
    whose carrier has a voice of its own (`<Say>`) needs only the text.
    """

    to: str  # a number, a SIP address, or the name of a queue of the PBX
    caller_id: str = ""  # what the colleague sees; empty: as the line does it
    ring_seconds: float = 25.0  # then it counts as not answered
    summary: str = ""  # whispered to the colleague of a warm transfer, with the key that takes the call
    speak: Callable[[str], Awaitable[bytes]] | None = None  # makes sound of it
    headers: dict[str, str] = {}  # that go along, where the line can carry them


class TransferOutcome(Struct, frozen=True):
    """What became of a transfer. After `transferred` the call is no longer ours; after all else the caller is back."""

    result: TransferResult
    detail: str = ""  # the carrier's own word for it, such as "486 Busy Here"

    @property
    def done(self) -> bool:
        """Whether the caller is with the colleague."""
        return self.result == "transferred"


class LineControl(Protocol):
    """The control face of one call. Each method is asked for only where `abilities` has it; hanging up always works."""

    abilities: frozenset[Ability]

    async def answer(self) -> None:
        """Take the call, where the line rings until then. Raises `CannotDo`."""
        ...

    async def hang_up(self, reason: EndReason) -> None:
        """End the call on the line: tell it, wait at most `LINE_ENDS` for it to say so, close what is open.

        Called once, at the end of every call, also where the caller has gone: then it only closes. What was sent
        before has been heard by then, as far as the line's marks or the clock say. Raises nothing.
        """
        ...

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """Hand the caller on; answer when it is known what became of it. Raises `CannotDo`.

        "warm": the colleague hears the summary first and presses 1; see `warm_transfer`.
        """
        ...

    async def send_digits(self, digits: str) -> None:
        """Press keys: 0-9, A-D, `*`, `#`, and `w` for half a second's wait. Raises `CannotDo`."""
        ...

    async def hold(self, on: bool) -> None:
        """Let the caller hear the line's music instead of us, or us again. Raises `CannotDo`."""
        ...


class OnlyHangsUp:
    """The control face of a line that can do nothing but end a call; others override what they can."""

    abilities: frozenset[Ability] = frozenset()

    async def answer(self) -> None:
        """See `LineControl`: nothing rings."""

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: nobody need be told."""

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`."""
        raise CannotDo(f"this line cannot transfer a call ({how})")

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`."""
        raise CannotDo("this line cannot send digits")

    async def hold(self, on: bool) -> None:
        """See `LineControl`."""
        raise CannotDo("this line cannot put a call on hold")


class CallLeg(Struct, frozen=True):
    """One call on one line: both of its faces."""

    transport: Transport
    control: LineControl


class OfferedCall(Struct, frozen=True):
    """A call that a line has for us, after admission and before it is answered.

    A line makes one, and has it held by `gateway.line_host.LineHost.run`.
    """

    facts: CallFacts
    first: FirstMessage  # codec and rate of the transport; who answers, where the line knows
    connect: Callable[[AudioMeter], CallLeg]  # called once, in the process that holds the call; counts its sound
    plan: AnswerPlan | None = None  # of a call of ours: who took it is found out before the agent speaks
