"""The clocks of a call: the event loop's, the caller's own samples, and that of what the caller hears."""

import asyncio
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


class LineClock:
    """The loop's clock, which stands still while the caller's connection is gone: nobody hears anything then."""

    def __init__(self, now: Callable[[], float], remembers: float) -> None:
        """`remembers`: seconds after which sound that was sent can no longer turn out to have been lost."""
        self._now, self.remembers = now, remembers
        self._stopped: float | None = None
        self._up = asyncio.Event()
        self._up.set()

    def now(self) -> float:
        """Seconds."""
        return self._now() if self._stopped is None else self._stopped

    @property
    def away(self) -> bool:
        """Whether the caller's connection is gone."""
        return self._stopped is not None

    def stop(self) -> None:
        """The connection is gone."""
        self._stopped = self.now()
        self._up.clear()

    def go(self) -> None:
        """The caller is back."""
        self._stopped = None
        self._up.set()

    async def up(self) -> None:
        """Wait until there is a connection. For how long at most, the transport says: else it ends the call."""
        await self._up.wait()


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
