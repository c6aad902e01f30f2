"""A gateway that is to stop takes no more calls and lets those that are up end by themselves; it loses none.

Those that outlast their time are told so and hung up. Calls whose connection broke come back meanwhile, as ever.
"""

import asyncio

import structlog

from lineside.call.limits import LEAVE_FOR_OPERATOR
from lineside.gateway.call_registry import CallRegistry
from lineside.observability.drain_status import DrainStatus

log = structlog.get_logger()

HEARD_OUT = LEAVE_FOR_OPERATOR + 2.0  # seconds in which calls that are told goodbye are gone; then they are cut off


class Drain:
    """Whether a gateway drains, and until when. It takes calls again where nobody wants it to stop any more."""

    def __init__(self, registry: CallRegistry) -> None:
        self._registry = registry
        self._changed = asyncio.Event()
        self._ends_at: float | None = None  # on the loop's clock; None: calls have all the time they want
        self._told = False  # that the time is over

    def status(self) -> DrainStatus:
        """How it stands."""
        left = None if self._ends_at is None else max(0.0, self._ends_at - asyncio.get_running_loop().time())
        return DrainStatus(
            draining=self._registry.draining,
            calls=self._registry.calls,
            seconds_left=None if left is None else round(left, 1),
        )

    def begin(self, within: float | None) -> None:
        """Take no more calls. Those that are up after `within` seconds are told goodbye; None: never.

        Begun again, the new time counts.
        """
        if not self._registry.draining:
            log.info("draining", calls=self._registry.calls, seconds=within)
        self._registry.draining, self._told = True, False
        self._ends_at = None if within is None else asyncio.get_running_loop().time() + within
        self._changed.set()

    def undo(self) -> None:
        """Take calls again. Those that have been told goodbye still end."""
        if self._registry.draining:
            log.info("no longer draining")
        self._registry.draining, self._ends_at, self._told = False, None, False
        self._changed.set()

    async def run(self) -> None:
        """Tell those who outlast their time; for as long as the gateway is open."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(None if self._told else self._ends_at):
                    await self._changed.wait()
            except TimeoutError:
                self._told = True
                if self._registry.calls:
                    log.warning("calls outlast the drain, and are told goodbye", calls=self._registry.calls)
                self._registry.end_all("drained")

    async def over(self, within: float) -> None:
        """Drain, and wait until no call is left; at most so many seconds, and `HEARD_OUT` for the goodbyes."""
        self.begin(within)
        try:
            async with asyncio.timeout(within + HEARD_OUT):
                await self._registry.empty()
        except TimeoutError:
            log.warning("calls are cut off", calls=self._registry.calls)
