"""Where a caller's sound stops coming, silence counts after a grace: else a turn would stay open for minutes.

Some programs send nothing while nobody speaks; networks stall. The call's clock is the caller's samples, so it would
stand still. Nothing is done per frame but one comparison.
"""

import asyncio

from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import TransportError
from lineside.protocol import ClientMessage, Codec, EndReason, ServerMessage
from lineside.transports.base import Transport, TransportListener

GRACE = 0.6  # seconds without sound that are jitter; programs that send longer pieces get two pieces more
LOOK_EVERY = 0.2  # seconds
QUIET: dict[Codec, bytes] = {"pcm": b"\0\0", "g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}  # ITU-T G.711, tables 1a, 2a


class FrameGrace:
    """A transport whose sound never stops for longer than the grace."""

    def __init__(self, transport: Transport) -> None:
        self.codec: Codec = transport.codec
        self.rate = transport.rate
        self._transport = transport

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`. Silence begins with the caller's first sound: before, nobody is there to be silent."""
        watched = _WatchedListener(listener)
        filling = asyncio.create_task(self._fill(watched), name="frame grace")
        try:
            return await self._transport.run(watched)
        finally:
            filling.cancel()
            await asyncio.wait([filling])

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._transport.send(payload)

    def clear(self) -> None:
        """See `Transport`."""
        self._transport.clear()

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._transport.on_event(event)

    async def _fill(self, watched: "_WatchedListener") -> None:
        now = asyncio.get_running_loop().time
        second = self.rate * (SAMPLE_BYTES if self.codec == "pcm" else 1)
        seen, filled_to = 0, now()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if watched.pieces != seen or not seen:
                seen, filled_to = watched.pieces, now()
                since = filled_to
            elif now() - since >= GRACE + 2 * watched.longest / second:
                samples = round((now() - filled_to) * self.rate)
                filled_to += samples / self.rate
                watched.listener.on_audio(QUIET[self.codec] * samples)


class _WatchedListener:
    """Counts the pieces of sound on their way to the call."""

    __slots__ = ("listener", "longest", "pieces")

    def __init__(self, listener: TransportListener) -> None:
        self.listener = listener
        self.pieces = self.longest = 0  # longest: bytes

    def on_audio(self, payload: bytes) -> None:
        self.pieces += 1
        self.longest = max(self.longest, len(payload))
        self.listener.on_audio(payload)

    def on_message(self, message: ClientMessage) -> None:
        self.listener.on_message(message)

    def on_bad_message(self, fault: TransportError) -> None:
        self.listener.on_bad_message(fault)
