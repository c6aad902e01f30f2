"""The two clocks of a call: the event loop's, and the caller's own samples."""

from collections.abc import Callable

from lineside.audio.echo_detector import EchoDetector
from lineside.turns.speech_segmenter import SpeechSegmenter


class CallClock:
    """Says what time it is on either clock."""

    def __init__(self, segmenter: SpeechSegmenter, now: Callable[[], float]) -> None:
        """`now` is the loop's clock, in seconds."""
        self._segmenter, self.now = segmenter, now

    @property
    def at(self) -> float:
        """Seconds of caller audio so far, to the millisecond, as events have it."""
        return round(self._segmenter.at, 3)


class CallerFarEnd:
    """What the caller's loudspeaker plays, told to the echo gate in the caller's own seconds."""

    def __init__(self, echo: EchoDetector, segmenter: SpeechSegmenter, now: Callable[[], float]) -> None:
        self._echo, self._segmenter, self._now = echo, segmenter, now

    def played(self, pcm: bytes, rate: int, begins: float) -> None:
        """See `FarEnd`."""
        self._echo.played(pcm, rate, self._segmenter.at + begins - self._now())

    def taken_back(self, now: float) -> None:
        """See `FarEnd`."""
        self._echo.taken_back(self._segmenter.at + now - self._now())
