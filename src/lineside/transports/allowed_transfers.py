"""A line's control face that hands calls on to allowed targets only: whoever asks, and whatever a model made up."""

from collections.abc import Sequence
from typing import Literal

from lineside.protocol import EndReason
from lineside.telephone_numbers import is_allowed, why_refused
from lineside.transports.line_control import Ability, LineControl, TransferOutcome, TransferTarget


def why_not_transferred(to: str, allowed: Sequence[str]) -> str:
    """Why a call is not handed on to this target, in a sentence; empty: it may be."""
    if why := why_refused(to):
        return why
    return "" if is_allowed(to, allowed) else "the target is not among TRANSFER_TO and TRANSFER_ALLOWED"


class AllowedTransfers:
    """See `LineControl`; everything but a transfer is the line's own."""

    def __init__(self, control: LineControl, allowed: Sequence[str]) -> None:
        """`allowed`: numbers, prefixes with a star, SIP addresses, queues."""
        self._control, self._allowed = control, allowed

    @property
    def abilities(self) -> frozenset[Ability]:
        """See `LineControl`."""
        return self._control.abilities

    @abilities.setter
    def abilities(self, value: frozenset[Ability]) -> None:
        raise AttributeError("abilities are the line's own")

    async def answer(self) -> None:
        """See `LineControl`."""
        await self._control.answer()

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`."""
        await self._control.hang_up(reason)

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`. Nothing is asked of the line for a target that is not allowed."""
        if why := why_not_transferred(target.to, self._allowed):
            return TransferOutcome("rejected", why)
        return await self._control.transfer(target, how)

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`."""
        await self._control.send_digits(digits)

    async def hold(self, on: bool) -> None:
        """See `LineControl`."""
        await self._control.hold(on)
