"""What is wrong with the gateway now: each trouble is told when it comes, and when it has gone."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from lineside.reasons import WebhookEvent

FALLBACK_SECONDS = 300.0  # without another one, after which an engine counts as well again


class Tells(Protocol):
    """What takes webhooks: `Webhooks.tell`."""

    def __call__(self, event: WebhookEvent, data: dict[str, Any]) -> None:
        """Tell it."""
        ...


class Alerts:
    """Troubles that stand; each is told when it comes, and when it has gone."""

    def __init__(self, tell: Tells, now: Callable[[], float]) -> None:
        self._tell, self._now = tell, now
        self._standing: set[str] = set()
        self._fallbacks: dict[str, float] = {}  # → when it was seen last; as many as there are engines and reasons

    def fallback(self, what: str) -> None:
        """Another engine answered than should have."""
        self._fallbacks[what] = self._now()

    def look(self, troubles: Iterable[str]) -> None:
        """These are there now, besides engines that stand in."""
        now = self._now()
        self._fallbacks = {what: at for what, at in self._fallbacks.items() if now - at < FALLBACK_SECONDS}
        there = set(troubles) | self._fallbacks.keys()
        for what in sorted(there - self._standing):
            self._tell("alert", {"state": "raised", "what": what})
        for what in sorted(self._standing - there):
            self._tell("alert", {"state": "cleared", "what": what})
        self._standing = there
