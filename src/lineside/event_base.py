"""What all events of a call have."""

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True):
    """What happened, and when."""

    at: float  # seconds of caller audio


class InTurn(Event, frozen=True, kw_only=True):
    """What happened inside a turn. Turn 0 is the greeting; `reply` is 0 where there is none yet."""

    turn: int
    reply: int = 0
