"""How much work one peer may cause. Pure but for the clock that is handed in.

Messages are a bad measure: a ping, an empty message and a piece of one cost the event loop as much as a message of
sound and are none. So every frame counts, and every byte; what was not used is not saved up over the call.
"""

from collections.abc import Callable

FRAME_WORK = 1000  # what a frame costs beside its bytes, in bytes: parsing one takes as long as unmasking about so many
WORK_PER_SECOND = 1 << 20  # of frames and bytes; 375 frames a second of 128 samples at 48 kHz, the busiest, are 0.45
WORK_AT_ONCE = 2 << 20  # after a network that stalled: four seconds of the busiest


class WorkBudget:
    """One peer's work. It is looked at the clock only when the purse is empty, so spending costs next to nothing.

    A purse that was never empty for long may be filled twice in a row: twice `at_once` is the most that comes through.
    """

    def __init__(
        self, clock: Callable[[], float], per_second: float = WORK_PER_SECOND, at_once: float = WORK_AT_ONCE
    ) -> None:
        """
        Args:
            clock: seconds, from any moment on.
            per_second: how much work may be done in a second, on and on.
            at_once: how much may be done in one moment.
        """
        self._clock, self._per_second, self._at_once = clock, per_second, at_once
        self.left, self._filled = at_once, clock()  # `left`: below 0 the purse is empty
        self._given = at_once  # since the peer came

    def spend(self, work: float) -> bool:
        """Whether this much is still allowed. It is spent in any case."""
        self.left -= work
        return self.left >= 0 or self.refill()

    @property
    def spent(self) -> float:
        """Work since the peer came."""
        return self._given - self.left

    def refill(self) -> bool:
        """The purse is empty: fill it up by the time that has passed. Whether anything is left."""
        now = self._clock()
        more = min(self._at_once - self.left, (now - self._filled) * self._per_second)
        self.left += more
        self._given += more
        self._filled = now
        return self.left >= 0
