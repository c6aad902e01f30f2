"""Whether the machine keeps up: how long the engines have taken lately, over all calls of a process.

An answer that is prepared early and dropped costs the engines as much as one that is heard. While callers wait for
their turn at an engine, that is paid by the others, so nothing is prepared early then.
"""

from collections.abc import Callable

from lineside.protocol import ReplyMetrics

RECOGNISER, MODEL = 1.5, 2.5  # seconds for the words of a turn and the first token; alone it is a third of that
SPARE = 0.6  # of that; beyond it nothing is done that only may be of use
NEWS = 0.3  # weight of the newest answer
STALE = 30.0  # seconds after which nobody knows; then it is tried again


class EngineLoad:
    """What the last answers took."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._share = 0.0  # of what they may take; smoothed
        self._told = clock()

    def tell(self, answer: ReplyMetrics) -> None:
        """An answer was given, with these times."""
        if answer.asr_ms is None and answer.llm_first_ms is None:
            return
        share = max((answer.asr_ms or 0.0) / 1000 / RECOGNISER, (answer.llm_first_ms or 0.0) / 1000 / MODEL)
        self._share += NEWS * (share - self._share) if self._share else share
        self._told = self._clock()

    def spare(self) -> bool:
        """Whether there is time for what is not needed."""
        return self._share <= SPARE or self._clock() - self._told >= STALE

    def over(self) -> bool:
        """Whether the engines take longer than they may."""
        return self._share > 1.0 and self._clock() - self._told < STALE
