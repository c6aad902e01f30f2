"""What a line needs for calls of ours: it dials, and once somebody answers, the call is held like any other.

    outcome = await dialer.dial(order, call)

The slot is taken before anything is dialled (`call.hold` uses it), so slots still equal live calls. A dialer is
cancelled like any coroutine, and then gives the call up: CANCEL, the carrier's REST, ARI's DELETE.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from lineside.errors import LinesideError
from lineside.protocol import EndReason
from lineside.reasons import DialResult
from lineside.transports.line_control import OfferedCall

GIVE_UP_WITHIN = 5.0  # seconds for a line to give up a call that is cancelled; then it is let go of


class CannotDial(LinesideError):
    """The line is not there, or not set up for calls of ours; nothing was dialled."""


class DialOrder(Struct, frozen=True, kw_only=True):
    """Whom to call, and as whom. It has passed every gate (allow-list, hours, do-not-call) before a line sees it."""

    to: str  # a number such as +15550100, or a SIP address
    caller_id: str = ""  # what the other side sees; empty: as the line does it
    ring_seconds: float = 30.0  # from the line's first sign to the answer; then it counts as `no_answer`
    headers: dict[str, str] = {}  # that go along, where the line can carry them: `X-Lineside-Call`


class DialOutcome(Struct, frozen=True):
    """What became of one call of ours. After `answered` it was held to its end, and `ended` says why it is over."""

    result: DialResult
    detail: str = ""  # the line's own word for it, such as "486 Busy Here"; never a caller's words
    ended: EndReason | None = None


class DialedCall(Struct, frozen=True):
    """What a dialer does with the call that it makes."""

    id: str  # of the call here, as records and webhooks have it
    hold: Callable[[OfferedCall], Awaitable[EndReason]]  # somebody answered: hold the call to its end; once
    ringing: Callable[[], None]  # the other side rings, or is heard before it answers; may come more than once


class Dialer(Protocol):
    """A line that can call somebody."""

    line: str  # as in `CallFacts.line`: "sip", "twilio", "asterisk" …

    async def dial(self, order: DialOrder, call: DialedCall) -> DialOutcome:
        """Call, wait for the answer, have it held by `call.hold`, and answer when the call is over or was not made.

        The facts of the offered call have `direction="outbound"`, `caller` our number, `called` theirs. Turn-taking
        begins with `hold`: sound of before the answer (ringing, announcements) is never given to it.

        Raises:
            CannotDial: nothing was dialled.
        """
        ...
