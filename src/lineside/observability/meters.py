"""Prometheus meters as lineside makes them: named `lineside_…`, with labels whose values are bounded."""

from collections.abc import Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

NAMES = 64  # values of one label; further ones are counted as `other`
OTHER = "other"
How = Literal["livesum", "livemax", "mostrecent"]  # how a gauge is one over several processes

# Seconds. Fine where a conversation is decided, from 10 ms to 10 s.
STAGE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0)


class BoundedLabel:
    """The values that one label may have: those that were named beforehand, and the first few of all others."""

    def __init__(self, *known: str) -> None:
        self._known = set(known)

    def __call__(self, value: str) -> str:
        """The value, or `other`."""
        if value not in self._known:
            if len(self._known) >= NAMES:
                return OTHER
            self._known.add(value)
        return value


class MeterFactory:
    """Makes the meters of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, about: str, *labels: str) -> Counter:
        """A counter: a value that only grows."""
        return Counter(f"lineside_{name}", about, labels, registry=self._registry)

    def gauge(self, name: str, about: str, *labels: str, how: How = "livesum") -> Gauge:
        """What goes up and down."""
        return Gauge(f"lineside_{name}", about, labels, registry=self._registry, multiprocess_mode=how)

    def histogram(self, name: str, about: str, buckets: Sequence[float], *labels: str) -> Histogram:
        """How often values fell below each bound."""
        return Histogram(f"lineside_{name}", about, labels, registry=self._registry, buckets=buckets)
