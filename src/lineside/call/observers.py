"""What a call tells of itself to whoever counts. Every method is called often and must not wait."""

from typing import Protocol

from lineside.protocol import ServerMessage


class Meter(Protocol):
    """The counter of one call: `metrics.CallMeter`, or nobody."""

    def tell(self, event: ServerMessage) -> None:
        """The caller was told this."""
        ...

    def heard(self, seconds: float, chunks: int = 1) -> None:
        """Sound came from the caller."""
        ...

    def sent(self, seconds: float, chunks: int = 1) -> None:
        """Sound went to the caller."""
        ...

    def gap(self, seconds: float) -> None:
        """In a reply that sounded, the next sound came so long after the caller had heard the last."""
        ...

    def speculated(self, *, committed: bool) -> None:
        """A reply that was prepared early is played, or was for nothing."""
        ...


class Unmetered:
    """Nobody counts."""

    def tell(self, event: ServerMessage) -> None:
        """See `Meter`."""

    def heard(self, seconds: float, chunks: int = 1) -> None:
        """See `Meter`."""

    def sent(self, seconds: float, chunks: int = 1) -> None:
        """See `Meter`."""

    def gap(self, seconds: float) -> None:
        """See `Meter`."""

    def speculated(self, *, committed: bool) -> None:
        """See `Meter`."""
