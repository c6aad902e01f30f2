"""The agent's sound between synthesis and playout: bounded in seconds, taken out in stretches of the reader's size."""

import asyncio
from collections import deque

from lineside.audio.frame import SpokenAudio


class AudioBuffer:
    """Holds what has been synthesised and not been played. One writer, one reader."""

    def __init__(self, seconds: float) -> None:
        """With so much sound ahead the writer waits; one stretch may go beyond it."""
        self._limit = seconds
        self._held: deque[SpokenAudio] = deque()
        self._taken = 0  # samples of the first of them
        self._seconds = 0.0
        self._closed = False
        self._filled, self._drained = asyncio.Event(), asyncio.Event()

    async def put(self, audio: SpokenAudio) -> None:
        """Add sound at the end; wait while there is enough."""
        while self._seconds >= self._limit:
            self._drained.clear()
            await self._drained.wait()
        self._held.append(audio)
        self._seconds += audio.seconds
        self._filled.set()

    def close(self) -> None:
        """No more will come."""
        self._closed = True
        self._filled.set()

    @property
    def ready(self) -> bool:
        """Whether `take` answers at once."""
        return self._closed or bool(self._held)

    async def take(self, seconds: float) -> SpokenAudio | None:
        """What is there, so many seconds at the most and of one rate; wait for the first of it. None at the end."""
        while not self._held:
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        rate = self._held[0].rate
        most = max(1, round(seconds * rate))
        taken = self._part(most)
        while (room := most - taken.samples) and self._held and self._held[0].rate == rate:
            taken = taken.followed_by(self._part(room))
        self._seconds = self._seconds - taken.seconds if self._held else 0.0
        self._drained.set()
        return taken

    def _part(self, room: int) -> SpokenAudio:
        """The next stretch, cut where the room ends."""
        first, begin = self._held[0], self._taken
        samples = first.samples
        end = min(samples, begin + room)
        if end == samples:
            self._held.popleft()
            self._taken = 0
        else:
            self._taken = end
        return first.between(begin, end)
