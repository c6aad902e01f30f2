"""What is wrong with the gateway now: each trouble is told when it comes, and when it has gone."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from lineside.observability.standing_alert import StandingAlert, StandingAlerts
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
        self._standing: dict[str, float] = {}  # → since when, in seconds since 1970
        self._fallbacks: dict[str, float] = {}  # → when it was seen last; as many as there are engines and reasons

    def fallback(self, what: str) -> None:
        """Another engine answered than should have."""
        self._fallbacks[what] = self._now()

    def look(self, troubles: Iterable[str]) -> None:
        """These are there now, besides engines that stand in."""
        now = self._now()
        self._fallbacks = {what: at for what, at in self._fallbacks.items() if now - at < FALLBACK_SECONDS}
        there = set(troubles) | self._fallbacks.keys()
        for what in sorted(there - self._standing.keys()):
            self._tell("alert", {"state": "raised", "what": what})
        for what in sorted(self._standing.keys() - there):
            self._tell("alert", {"state": "cleared", "what": what})
        self._standing = {what: self._standing.get(what, time.time()) for what in sorted(there)}

    def standing(self) -> StandingAlerts:
        """What is wrong as of the last look, the oldest first."""
        found = sorted(self._standing.items(), key=lambda one: one[1])
        return StandingAlerts(tuple(StandingAlert(what, round(since, 1)) for what, since in found))
