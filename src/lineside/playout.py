"""Playout: the agent's sound out, at the pace it is heard, and the ledger of what the caller really heard."""

import asyncio
from collections.abc import Callable

from lineside.audio import g711
from lineside.audio.frame import Sound
from lineside.audio.resample import Resampler
from lineside.lines.protocol import Line

LEAD = 0.6  # seconds sent ahead of the caller's ear, under the second that is promised: enough to ride out a stall
SLICE = 0.1  # seconds sent at one waking


class Ledger:
    """Which words reached the caller, and when. Pure: time is handed in.

    Sound that is sent plays after what was sent before it, or at once if all of that has been played; a word is heard
    when the frame it ends in has been played. Lines without playout marks are taken to play what they are sent.
    """

    def __init__(self) -> None:
        self._words: list[tuple[float, str]] = []
        self.ends = 0.0  # when all that was sent will have been played

    def sent(self, seconds: float, says: str, now: float) -> None:
        """So much sound went out, and these words end in it."""
        self.ends = max(self.ends, now) + seconds
        if says:
            self._words.append((self.ends, says))

    def ahead(self, now: float) -> float:
        """Seconds sent but not played."""
        return max(0.0, self.ends - now)

    def heard(self, now: float) -> str:
        """The words that have been played."""
        return "".join(says for ends, says in self._words if ends <= now)


class Playout:
    """The sound of one reply on its way to the line. After `cut` nothing of it goes out any more."""

    def __init__(self, line: Line, clock: Callable[[], float]) -> None:
        self._line, self._clock = line, clock
        self._ledger = Ledger()
        self._resampler: Resampler | None = None
        self._rate = 0
        self._stopped: float | None = None

    async def play(self, sound: Sound) -> None:
        """Send it, and wait while the caller's ear is too far behind."""
        if self._stopped is not None:
            return  # a late chunk of a reply that has been cut
        frame = sound.frame
        if frame.pcm:
            if self._resampler is None or frame.rate != self._rate:
                self._flush()
                self._resampler, self._rate = Resampler(frame.rate, self._line.rate), frame.rate
            self._send(self._resampler.feed(frame.pcm))
        self._ledger.sent(frame.seconds, sound.says, self._clock())
        ahead = self.ahead()
        if ahead > LEAD:
            await asyncio.sleep(ahead - LEAD + SLICE)

    async def drain(self) -> None:
        """Wait until the last of it has been heard."""
        self._flush()
        await asyncio.sleep(self.ahead())

    def ahead(self) -> float:
        """Seconds of sound that the caller has yet to hear."""
        return self._ledger.ahead(self._clock())

    def cut(self) -> None:
        """Stop now: what the line has not played is forgotten."""
        if self._stopped is None:
            self._stopped = self._clock()
            self._line.clear()

    def heard(self) -> str:
        """The words that have reached the caller."""
        return self._ledger.heard(self._clock() if self._stopped is None else self._stopped)

    def _flush(self) -> None:
        if self._resampler is not None and self._stopped is None:
            self._send(self._resampler.end())
        self._resampler, self._rate = None, 0

    def _send(self, pcm: bytes) -> None:
        if pcm:
            self._line.send(pcm if self._line.codec == "pcm" else g711.encode(pcm, self._line.codec))
