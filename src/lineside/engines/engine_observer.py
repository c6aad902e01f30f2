"""Who hears how engines fare."""

from typing import Protocol

from lineside.errors import EngineError


class EngineObserver(Protocol):
    """Hears how engines fare."""

    def engine_failed(self, role: str, engine: str, why: EngineError) -> None:
        """A request failed."""
        ...

    def engine_switched(self, role: str, engine: str) -> None:
        """Another engine goes on for this one."""
        ...

    def engine_waits(self, role: str, engine: str, more: int, seconds: float | None = None) -> None:
        """`more` requests more, or fewer, wait for a connection; `seconds`: how long one of them had waited."""
        ...


class NoObserver:
    """Hears and forgets."""

    def engine_failed(self, role: str, engine: str, why: EngineError) -> None:
        """See `EngineObserver`."""

    def engine_switched(self, role: str, engine: str) -> None:
        """See `EngineObserver`."""

    def engine_waits(self, role: str, engine: str, more: int, seconds: float | None = None) -> None:
        """See `EngineObserver`."""
