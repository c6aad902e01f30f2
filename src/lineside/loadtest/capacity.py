"""How many calls at once before the goal is missed: the search for the knee. Pure: it is told, and says what to try."""

from msgspec import Struct

from lineside.loadtest.results import LoadTestResults

CLOSE = 0.1  # of the calls that went well: the knee is known this closely


class CapacityStep(Struct, frozen=True):
    """Result of one run with a given number of callers."""

    callers: int
    figures: LoadTestResults

    @property
    def well(self) -> bool:
        """Whether the goal was met."""
        return not self.figures.misses


class Capacity:
    """Doubles the callers until the goal is missed, then halves the distance until the knee is close."""

    def __init__(self, first: int, most: int) -> None:
        self._first, self._most = min(first, most), most
        self.steps: list[CapacityStep] = []

    @property
    def knee(self) -> int:
        """The most callers that went well; 0 when not even the fewest did."""
        return max((step.callers for step in self.steps if step.well), default=0)

    @property
    def broke_at(self) -> int | None:
        """The fewest callers over the knee that did not; None when that was never reached."""
        return min((step.callers for step in self.steps if not step.well and step.callers > self.knee), default=None)

    @property
    def tester_was_the_limit(self) -> bool:
        """Whether it was the load tester that broke: the server may hold more."""
        return any(step.figures.tester_late for step in self.steps if step.callers == self.broke_at)

    def next(self) -> int | None:
        """How many callers to try now; None when the knee is known."""
        if not self.steps:
            return self._first
        if self.broke_at is None:
            return min(2 * self.knee, self._most) if self.knee < self._most else None
        middle = (self.knee + self.broke_at) // 2
        close = max(1, int(CLOSE * self.knee))
        return middle if self.broke_at - self.knee > close and middle > self.knee else None

    def add_result(self, callers: int, figures: LoadTestResults) -> None:
        """What came of that many."""
        self.steps.append(CapacityStep(callers, figures))
