"""How late the load tester's own frames left: a count for every tenth of a millisecond, which workers can add up. Pure.

Late frames are late answers: whoever measures with a clock that is late blames the server for it.
"""

from collections.abc import Iterable

STEP = 0.0001  # seconds
STEPS = 5000  # the last one is half a second, and all that is later
TOO_LATE_MS = 10.0  # p99; beyond it the load tester, not the server, was late


class Lateness:
    """How late frames left, over many frames."""

    def __init__(self) -> None:
        self.counts = [0] * STEPS

    def add(self, seconds: float) -> None:
        """A frame left so late; early ones count as punctual."""
        self.counts[min(STEPS - 1, max(0, int(seconds / STEP)))] += 1

    def ms(self, share: float) -> float:
        """The lateness in milliseconds that this share of the frames kept, 0 to 1; 0 when there were none."""
        return late_ms(self.counts, share)


def late_ms(counts: list[int], share: float) -> float:
    """See `Lateness.ms`."""
    wanted, seen = share * sum(counts), 0
    for step, count in enumerate(counts):
        seen += count
        if seen >= wanted and seen:
            return (step + 1) * STEP * 1000
    return 0.0


def together(workers: Iterable[list[int]]) -> list[int]:
    """The counts of several workers as one."""
    return [sum(column) for column in zip(*workers, strict=True)]
