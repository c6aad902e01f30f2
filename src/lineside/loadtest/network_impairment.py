"""The way from the caller's mouth to the gateway: frames that come late, and frames that never come.

Pure, and the same again for the same seed. A lost frame is never sent, as when a carrier's link drops an RTP packet
and fills nothing in; a late one holds up those behind it, as TCP does.
"""

from random import Random

from lineside.audio.frame import FRAME_SECONDS


class ImpairedPath:
    """One caller's way. `loss` is a share, `jitter` the longest delay in seconds."""

    def __init__(self, dice: Random, *, loss: float, jitter: float) -> None:
        self._dice, self._loss, self._jitter = dice, loss, jitter
        self._last = 0.0

    def leaves(self, sent_at: float) -> float:
        """When a frame whose last sample was spoken then goes out; never before the one ahead of it."""
        late = self._dice.uniform(0.0, self._jitter) if self._jitter else 0.0
        self._last = max(self._last, sent_at + late)
        return self._last

    def loses(self) -> bool:
        """Whether this frame is lost."""
        return self._loss > 0 and self._dice.random() < self._loss


def frame_due(began: float, number: int) -> float:
    """When the last sample of a frame is spoken. By multiplication: no rounding adds up over a day of calls."""
    return began + (number + 1) * FRAME_SECONDS
