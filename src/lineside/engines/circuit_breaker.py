"""A circuit breaker: an engine that keeps failing is left alone for a while, then tried with one request. Pure."""

FAILURES = 3  # in a row, after which it is left alone
REST = 15.0  # seconds until it is tried again; a trial that never reports is forgotten after as many


class CircuitBreaker:
    """Closed lets everyone through; open nobody; half-open one, whose success closes it. `now` is in seconds."""

    def __init__(self) -> None:
        self._failed = 0  # in a row
        self._rests_until = 0.0
        self._asked_for_rest = 0.0

    def lets(self, now: float) -> bool:
        """Whether a request may try."""
        return now >= self._asked_for_rest and (self.closed or now >= self._rests_until)

    def tried(self, now: float) -> None:
        """A request begins. If it is the trial of an open one, no other may begin beside it."""
        self._rests_until = now + REST

    @property
    def closed(self) -> bool:
        """Whether it is trusted."""
        return self._failed < FAILURES

    @property
    def well(self) -> bool:
        """Whether it did not fail the last time, as far as anybody knows."""
        return self._failed == 0

    def succeeded(self) -> None:
        """It answered."""
        self._failed = 0

    def failed(self, now: float) -> None:
        """It did not."""
        self._failed += 1
        self._rests_until = now + REST

    def rest(self, until: float) -> None:
        """It is well, and asks to be left alone until then."""
        self._asked_for_rest = until

    def open(self, now: float) -> None:
        """A trial of our own has shown that it does not answer."""
        self._failed, self._rests_until = max(self._failed, FAILURES), now + REST
