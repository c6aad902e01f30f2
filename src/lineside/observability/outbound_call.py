"""A call that lineside makes, as operators and programs see it."""

from msgspec import Struct

from lineside.reasons import AnsweredAs, DialState, EndReason, OutboundOutcome


class OutboundCall(Struct, frozen=True):
    """One call of lineside's own, from its request to its outcome."""

    id: str
    to: str
    line: str
    state: DialState
    placed: float  # seconds since 1970
    seconds: float = 0.0  # since it was placed; once it is over: until it was
    outcome: OutboundOutcome | None = None  # null: not over yet
    detail: str = ""  # the line's own word for it, such as "486 Busy Here"
    answered_as: AnsweredAs | None = None  # who or what took it; null: nobody, or not known yet
    reason: EndReason | None = None  # why a call that was answered is over
    reference: str = ""  # of the program that asked for it
