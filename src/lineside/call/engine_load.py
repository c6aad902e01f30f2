"""Whether the machine keeps up: how long the engines have taken lately, over all calls of a process.

An answer that is prepared early and dropped costs the engines as much as one that is heard. While callers wait for
their turn at an engine, that is paid by the others, so nothing is prepared early then.
"""

from collections.abc import Callable

from lineside.call.observers import Observer
from lineside.protocol import ReplyMetrics, ServerMessage

RECOGNISER, MODEL = 1.5, 2.5  # seconds for the words of a turn and the first token; alone it is a third of that
SPARE = 0.6  # of that; beyond it nothing is done that only may be of use
NEWS = 0.3  # weight of the newest answer
STALE = 30.0  # seconds after which nobody knows; then it is tried again


class EngineLoad(Observer):
    """What the last answers took. One for all calls of a process, each of which tells it its events."""

    hears = (ReplyMetrics,)

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._share = 0.0  # of what they may take; smoothed
        self._told = clock()

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        if isinstance(event, ReplyMetrics) and (event.asr_ms is not None or event.llm_first_ms is not None):
            self._take(event)

    def has_headroom(self) -> bool:
        """Whether the engines have time for work that only may be of use."""
        return self._share <= SPARE or self._clock() - self._told >= STALE

    def overloaded(self) -> bool:
        """Whether the engines take longer than they may."""
        return self._share > 1.0 and self._clock() - self._told < STALE

    def _take(self, answer: ReplyMetrics) -> None:
        """Smooth the share of the allowed time that this answer took."""
        share = max((answer.asr_ms or 0.0) / 1000 / RECOGNISER, (answer.llm_first_ms or 0.0) / 1000 / MODEL)
        self._share += NEWS * (share - self._share) if self._share else share
        self._told = self._clock()
