"""The control face of a call that an Asterisk dialplan hands to us: afterwards the dialplan asks what to do next."""

import time
from typing import Literal

from lineside.gateway.tickets import TicketStore
from lineside.protocol import EndReason
from lineside.transports.line_control import Ability, OnlyHangsUp, TransferOutcome, TransferTarget

# Ended for these reasons, a call is over for the caller too; after all others they go to the queue.
DONE = {
    "agent_said_goodbye",
    "called_too_often",
    "caller_hung_up",
    "caller_repeats",
    "caller_silent",
    "ended_by_operator",
    "idle",
    "too_long",
}


class DialplanControl(OnlyHangsUp):
    """Transfers by telling the dialplan where the caller goes; what becomes of that is the PBX's own business."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold"})

    def __init__(self, tickets: TicketStore, ticket: str) -> None:
        self._tickets, self._ticket = tickets, ticket
        self._transferred = False

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`: the move is made when our side is hung up."""
        self._transferred = True
        self._tickets.set_next(self._ticket, f"transfer,{target.to}", time.monotonic())
        return TransferOutcome("transferred")

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`."""
        if not self._transferred and reason in DONE:
            self._tickets.set_next(self._ticket, "hangup", time.monotonic())
