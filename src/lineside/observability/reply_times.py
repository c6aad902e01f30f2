"""The times of the last replies as they were measured, for charts: Prometheus' buckets are too coarse for a few."""

import math
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from lineside.protocol import ReplyMetrics

STAGES = ("e2e", "endpoint", "asr", "llm_first", "tts_first")
MOST = 60_000  # replies, 1.7 MB: an hour of a hundred busy calls; then the oldest give way

Quantiles = tuple[float | None, ...]


class ReplyTimes:
    """A ring of them, in the order in which they came."""

    def __init__(self, now: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._now, self._most = now, most
        self._at = np.zeros(most)
        self._ms = np.zeros((most, len(STAGES)), np.float32)
        self._came = 0

    def add(self, reply: ReplyMetrics) -> None:
        """A reply was measured; what a stage did not take part in is nothing."""
        times = [getattr(reply, f"{stage}_ms") for stage in STAGES]
        row = self._came % self._most
        self._at[row] = self._now()
        self._ms[row] = [math.nan if ms is None else ms for ms in times]
        self._came += 1

    def stretches(self, ends: Sequence[float]) -> "list[ReplyStretch]":
        """What came between each two of these moments, which ascend, on the clock of `now`."""
        kept = min(self._came, self._most)
        order = np.arange(self._came - kept, self._came) % self._most
        cuts = np.searchsorted(self._at[order], ends, side="right")
        return [ReplyStretch(self._ms[order[begin:end]]) for begin, end in pairwise(cuts)]


class ReplyStretch:
    """The replies of one stretch of time."""

    def __init__(self, ms: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> None:
        self._ms = ms

    @property
    def replies(self) -> int:
        """How many had a response time."""
        return int(np.count_nonzero(~np.isnan(self._ms[:, 0])))

    def quantile(self, stage: str, share: float) -> float | None:
        """In milliseconds: a time that was measured, which `share` of them do not exceed. None: none was."""
        column = self._ms[:, STAGES.index(stage)]
        values = np.sort(column[~np.isnan(column)])
        if not len(values):
            return None
        return round(float(values[max(0, math.ceil(share * len(values)) - 1)]), 1)
