"""Meters of calls that lineside makes."""

from lineside.observability.meters import BoundedLabel, MeterFactory


class OutboundMetrics:
    """What became of calls of ours, and what kept others from being made."""

    def __init__(self, factory: MeterFactory) -> None:
        self._line, self._outcome, self._gate = BoundedLabel(), BoundedLabel(), BoundedLabel()
        self._calls = factory.counter("outbound_calls", "Calls that lineside made, by outcome", "line", "outcome")
        self._blocked = factory.counter(
            "outbound_blocked", "Calls that were not made, by the gate that was shut", "gate"
        )

    def over(self, line: str, outcome: str) -> None:
        """A call of ours is over."""
        self._calls.labels(self._line(line), self._outcome(outcome)).inc()

    def blocked(self, gate: str) -> None:
        """A call was not made."""
        self._blocked.labels(self._gate(gate)).inc()
