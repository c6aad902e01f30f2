"""The caller's earpiece: when each stretch of sound is heard, and where there was none when it was due.

Pure. Sound plays after what came before it, or at once if all of that has been played: a player with no buffer of its
own, the strictest ear there is. A real one waits some 40 ms before it begins and rides out gaps as long as that.
"""

GAP = 0.001  # seconds; what is shorter is the clock, not the sound


class Listener:
    """The sound of one answer. Times and lengths are seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0  # received
        self.ends = 0.0  # when all that was received will have been played
        self.gaps = 0
        self.worst_gap = 0.0

    def sound(self, seconds: float, at: float) -> None:
        """Count audio that arrived."""
        missing = at - self.ends
        if self.seconds and missing >= GAP:
            self.gaps += 1
            self.worst_gap = max(self.worst_gap, missing)
        self.ends = max(self.ends, at) + seconds
        self.seconds += seconds

    def take_back(self, at: float) -> float:
        """Forget what has not been played; so much it was. More may come, from the very sample where it stopped."""
        left = self.unplayed(at)
        self.seconds -= left
        self.ends = min(self.ends, at)
        return left

    def unplayed(self, at: float) -> float:
        """What has come and has not been heard yet."""
        return max(0.0, self.ends - at)
