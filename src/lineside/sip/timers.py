"""Timers without a loop: whoever has a clock hands the time in. One queue serves all calls of a port."""

import heapq
from collections.abc import Callable
from itertools import count

MOST_LATE = 1000  # timers that were cancelled and still lie in the queue, before it is swept


class Timer:
    """One thing to be done later."""

    __slots__ = ("_queue", "due", "work")

    def __init__(self, due: float, work: Callable[[], None], queue: "TimerQueue") -> None:
        self.due, self._queue = due, queue
        self.work: Callable[[], None] | None = work

    def cancel(self) -> None:
        """It is not to be done any more."""
        if self.work is not None:
            self.work = None
            self._queue.cancelled += 1


class TimerQueue:
    """What is due when. `now` is the time of whatever is handled at the moment."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.cancelled = 0
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = count()

    def after(self, seconds: float, work: Callable[[], None]) -> Timer:
        """Do this in so many seconds."""
        timer = Timer(self.now + seconds, work, self)
        heapq.heappush(self._heap, (timer.due, next(self._number), timer))
        return timer

    @property
    def due(self) -> float | None:
        """When the next is due."""
        while self._heap and self._heap[0][2].work is None:
            heapq.heappop(self._heap)
            self.cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def advance(self, now: float) -> None:
        """Do all that is due by now, each at its own time."""
        while (due := self.due) is not None and due <= now:
            timer = heapq.heappop(self._heap)[2]
            self.now = max(self.now, due)
            if timer.work is not None:
                work, timer.work = timer.work, None
                work()
        self.now = max(self.now, now)
        if self.cancelled > MOST_LATE:
            self._heap = [entry for entry in self._heap if entry[2].work is not None]
            heapq.heapify(self._heap)
            self.cancelled = 0
