"""The UDP ports of calls' sound: even ones, each with the odd one above for RTCP. Pure but for what is handed in."""

from collections import deque
from collections.abc import Callable
from random import Random

REST = 10.0  # seconds between two calls on a port: late packets of the one are not heard in the other


class PortPool:
    """Even ports of a range, the one that has rested longest first, at first in an order that nobody guesses.

    Two programs with the same range would begin at the same ports otherwise, and each be refused what the other has.
    """

    def __init__(self, first: int, last: int, clock: Callable[[], float], chance: Random) -> None:
        """Raises `ValueError` where the range holds no pair of ports."""
        even = list(range(first + first % 2, last, 2))
        if not even:
            raise ValueError(f"ports {first}-{last}: no even port with the odd one above it")
        chance.shuffle(even)
        self._clock = clock
        self._free: deque[tuple[int, float]] = deque((port, -REST) for port in even)  # with the time when it was freed

    def __len__(self) -> int:
        """Ports that are free, those that rest included."""
        return len(self._free)

    def take(self) -> int | None:
        """An even port; None while all are in use or rest."""
        if not self._free or self._clock() - self._free[0][1] < REST:
            return None
        return self._free.popleft()[0]

    def give_back(self, port: int) -> None:
        """The call on this port is over."""
        self._free.append((port, self._clock()))
