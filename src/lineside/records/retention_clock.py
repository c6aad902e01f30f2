"""The time that decides which calls are too old. Pure. A clock that jumps ahead deletes nothing on its own word."""

JUMP_SECONDS = 3600.0  # a clock further ahead than it can have come since the last look is not believed at once
BELIEVED_AFTER = 86_400.0  # seconds of running after which the new time is believed: an operator has seen the warning


class RetentionClock:
    """The wall clock, as far as it is believed."""

    def __init__(self, last_known: float | None) -> None:
        """`last_known`: a moment that certainly was, such as the last look before this start; None: nothing is kept."""
        self._believed, self._at = last_known, 0.0
        self._jumped_at: float | None = None
        self._first = True

    @property
    def doubted(self) -> bool:
        """Whether the clock says another time than is believed."""
        return self._jumped_at is not None

    def now(self, wall: float, running: float) -> float:
        """Seconds since 1970 to go by. `wall` is what the clock says, `running` counts seconds of this process."""
        if self._first:
            self._first, self._at = False, running
        expected = wall if self._believed is None else self._believed + (running - self._at)
        if wall <= expected + JUMP_SECONDS:
            self._jumped_at = None
            return self._believe(wall, running)
        if self._jumped_at is None:
            self._jumped_at = running
        if running - self._jumped_at >= BELIEVED_AFTER:
            self._jumped_at = None
            return self._believe(wall, running)
        return self._believe(expected, running)

    def _believe(self, moment: float, running: float) -> float:
        self._believed, self._at = moment, running
        return moment
