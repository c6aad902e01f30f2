"""The way that messages take: over which transport, to and from whom."""

from typing import Literal

from msgspec import Struct


class Flow(Struct, frozen=True):
    """One peer, as the socket sees it."""

    transport: Literal["UDP", "TCP", "TLS"]
    host: str
    port: int
    connection: int = 0  # which one, where there are connections

    @property
    def reliable(self) -> bool:
        """Whether nothing is sent again: a stream loses nothing."""
        return self.transport != "UDP"

    @property
    def at(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port
