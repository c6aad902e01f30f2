"""Which engines were stood in for lately: "too slow: Piper spoke". Pure."""

import time
from collections.abc import Callable

from msgspec import Struct

from lineside.answered_by import AnsweredBy
from lineside.protocol import ReplyMetrics

LATELY = 600.0  # seconds


class Fallback(Struct, frozen=True):
    """The last time that another engine answered for this one."""

    by: AnsweredBy
    seconds_ago: float


class RecentFallbacks:
    """Those of the last ten minutes, over all calls; as many as there are engines."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last: dict[tuple[str, str], tuple[AnsweredBy, float]] = {}

    def note(self, reply: ReplyMetrics) -> None:
        """A reply was measured."""
        for role, by in reply.engines.items():
            if by.why and by.instead_of:
                self._last[role, by.instead_of] = by, self._now()

    def of(self, role: str, engine: str) -> Fallback | None:
        """The last one of this engine; None: there was none lately."""
        by, at = self._last.get((role, engine), (None, 0.0))
        ago = self._now() - at
        return Fallback(by, round(ago, 1)) if by is not None and ago < LATELY else None
