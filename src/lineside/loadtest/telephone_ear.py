"""What a telephone's ear makes of a stream that says nothing of itself.

A telephone hears no events. So an answer begins with the first sound that is no silence, and is over after a while of
silence; a caller who talks over it notices that it stopped. Sound is played through a small buffer, as in a
telephone, so a packet that comes a little late is no gap; how evenly packets come is counted apart.
"""

from collections.abc import Callable

from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.loadtest.simulated_caller import SimulatedCaller
from lineside.protocol import AudioDone, AudioStarted, BargeIn, Clear, Codec
from lineside.transports.silence import is_silence

BUFFER = 0.06  # seconds that a telephone waits before it plays
ANSWER_OVER = 0.5  # seconds of silence after which an answer is over
STOPPED = 0.06  # seconds of silence by which whoever talks over an answer knows that it stopped
LONGEST_INTERVAL_MS = 500  # between two packets; longer ones count as that


class TelephoneEar:
    """What one telephone hears, told to its caller as a browser's program would be told."""

    def __init__(
        self, caller: SimulatedCaller, codec: Codec, clock: Callable[[], float], intervals: list[int] | None = None
    ) -> None:
        """`intervals` counts the milliseconds between two packets; None: they come as they like."""
        self._caller, self._codec, self._clock, self._intervals = caller, codec, clock, intervals
        rate = 16_000 * SAMPLE_BYTES if codec == "pcm" else 8000
        self._rate = rate
        self._plays = 0.0  # when the next sound is played
        self._latest: float | None = None
        self._reply = 0
        self._sounding = False
        self._silent: list[tuple[bytes, float]] = []  # frames that may be a pause in an answer, or its end

    def hear(self, sound: bytes) -> None:
        """Twenty milliseconds came."""
        now = self._clock()
        if self._latest is not None and self._intervals is not None:
            self._intervals[min(round((now - self._latest) * 1000), LONGEST_INTERVAL_MS)] += 1
        self._latest = now
        self._plays = self._plays if now <= self._plays else now + BUFFER  # after a late one it fills again
        at, self._plays = self._plays, self._plays + len(sound) / self._rate
        if not is_silence(sound, self._codec):
            self._loud(sound, at)
        elif not self._sounding:
            self._plays = min(self._plays, now + BUFFER)  # after a stall the buffer is full: silence lets it shrink
        else:
            self._silent.append((sound, at))
            quiet = len(self._silent) * FRAME_SECONDS
            if quiet >= ANSWER_OVER or (self._caller.interrupting and quiet >= STOPPED):
                self._over()

    def _loud(self, sound: bytes, at: float) -> None:
        if not self._sounding:
            self._sounding = True
            self._reply += 1
            self._caller.on_event(AudioStarted(at=0.0, turn=0, reply=self._reply, latency_ms=0.0), at)
        for pause, then in self._silent:
            self._caller.heard(pause, then)
        self._silent.clear()
        self._caller.heard(sound, at)

    def _over(self) -> None:
        at = self._silent[0][1]
        self._silent.clear()
        self._sounding = False
        if self._caller.interrupting:
            self._caller.on_event(Clear(at=0.0, turn=0, reply=self._reply), at)
            self._caller.on_event(BargeIn(at=0.0, turn=0, reply=self._reply, heard=""), at)
        else:
            self._caller.on_event(AudioDone(at=0.0, turn=0, reply=self._reply), at)
