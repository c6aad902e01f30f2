"""Where a caller's sound stops coming, silence counts after a grace: else a turn would stay open for minutes.

Some programs send nothing while nobody speaks. The call's clock is the caller's samples, so it would stand still. A
network that stalls looks the same, and then the sound still comes: so the program is asked for a sign of life, which
comes behind all that it has sent. A program that stood still itself answers first and then sends what it is behind
with, so what lies before its answer was silence only if nothing comes right after it either. Per frame nothing is done
but two comparisons.
"""

import asyncio
from collections.abc import Callable

from lineside.audio.frame import SAMPLE_BYTES
from lineside.protocol import Codec, EndReason
from lineside.transports.base import ProbedTransport, TransportListener
from lineside.transports.passing_listener import PassingListener

GRACE = 0.6  # seconds without sound that are jitter; programs that send longer pieces get two pieces more
LOOK_EVERY = 0.2  # seconds
ANSWERS_WITHIN = 3.0  # seconds for the sign of life, from the other side of the world too; then it is asked for again
CATCHES_UP = 0.05  # seconds after the answer in which a program that stood still sends what it is behind with
QUIET: dict[Codec, bytes] = {"pcm": b"\0\0", "g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}  # ITU-T G.711, tables 1a, 2a


class FrameGrace:
    """A transport whose sound does not stop while the caller's program is there."""

    def __init__(self, transport: ProbedTransport) -> None:
        self.codec: Codec = transport.codec
        self.rate = transport.rate
        self._transport = transport
        # All else is the transport's own: see `Transport`.
        self.send, self.clear, self.mark, self.on_event = (
            transport.send,
            transport.clear,
            transport.mark,
            transport.on_event,
        )
        self._bytes_per_second = self.rate * (SAMPLE_BYTES if self.codec == "pcm" else 1)

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`. Silence begins with the caller's first sound: before, nobody is there to be silent."""
        watched = _WatchedListener(listener, asyncio.get_running_loop().time)
        filling = asyncio.create_task(self._fill(watched), name="frame grace")
        try:
            return await self._transport.run(watched)
        finally:
            filling.cancel()
            await asyncio.wait([filling])

    async def _fill(self, watched: "_WatchedListener") -> None:
        now = asyncio.get_running_loop().time
        seen = 0
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if watched.pieces != seen or not seen:
                seen = watched.pieces
                watched.since = watched.filled_to = now()
            elif now() - watched.since >= GRACE + 2 * watched.longest / self._bytes_per_second:
                asked_at = now()
                if await self._answered() and watched.pieces == seen:
                    self._silent_until(asked_at, watched)

    async def _answered(self) -> bool:
        """Whether the program gives a sign of life."""
        answered = asyncio.Event()
        self._transport.probe(answered.set)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await answered.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(CATCHES_UP)
        return True

    def _silent_until(self, moment: float, watched: "_WatchedListener") -> None:
        samples = round((moment - watched.filled_to) * self.rate)
        if samples > 0:
            watched.filled_to += samples / self.rate
            watched.listener.on_audio(QUIET[self.codec] * samples)


class _WatchedListener(PassingListener):
    """Counts the pieces of sound on their way to the call."""

    __slots__ = ("_now", "filled_to", "longest", "pieces", "since")

    def __init__(self, listener: TransportListener, now: Callable[[], float]) -> None:
        super().__init__(listener)
        self._now = now
        self.since = now()  # when a look found that sound had come since the look before
        self.pieces = self.longest = 0  # longest: bytes
        self.filled_to = 0.0  # on the loop's clock: up to when sound or silence was passed on

    def on_audio(self, payload: bytes) -> None:
        self.pieces += 1
        self.longest = max(self.longest, len(payload))
        self.listener.on_audio(payload)

    def on_line_back(self, away: float, unheard: float) -> None:
        self.since = self.filled_to = self._now()  # while their connection was gone the caller was not silent
        self.listener.on_line_back(away, unheard)
