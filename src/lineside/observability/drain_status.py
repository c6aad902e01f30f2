"""Whether a gateway drains."""

from msgspec import Struct


class DrainStatus(Struct, frozen=True):
    """How far a gateway is that takes no more calls."""

    draining: bool
    calls: int  # that are up
    seconds_left: float | None  # until those are told goodbye; null: they have all the time they want
