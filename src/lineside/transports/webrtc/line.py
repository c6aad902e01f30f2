"""What every call over WebRTC is: sound by tracks, paced here, so what a caller has heard is known to the sample."""

import asyncio
from collections.abc import Callable

from lineside.protocol import Codec, EndReason
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.line_control import OnlyHangsUp
from lineside.transports.pacer import shared_pacer
from lineside.transports.webrtc.connection import WebRtcConnection
from lineside.transports.webrtc.opus import RATE
from lineside.transports.webrtc.sound import WebRtcSound


class WebRtcLine(OnlyHangsUp):
    """The faces of one call, but for its messages."""

    codec: Codec = "pcm"
    rate = RATE

    def __init__(
        self, connection: WebRtcConnection, meter: AudioMeter, heard: Callable[[bytes], None] | None = None
    ) -> None:
        """`connection` is connected, and closed with the call; `heard` takes the caller's sound in the call's place."""
        self._connection = connection
        self._listener: TransportListener | None = None  # while the call runs
        clock = asyncio.get_running_loop().time
        self._sound = WebRtcSound(connection, shared_pacer(), meter, heard or self._hear, clock)

    async def answer(self) -> None:
        """See `LineControl`: sound flows from here on."""
        self._sound.begin()

    async def _until_over(self, listener: TransportListener, take: Callable[[bytes | str], None]) -> EndReason:
        """Hand sound to the call, and messages to `take`, until it is over: `run`."""
        self._listener = listener
        self._connection.on_message = take
        try:
            return await asyncio.shield(self._connection.over)
        finally:
            self._connection.on_message = lambda message: None
            listener.on_line_measured(self._sound.measured())
            self._listener = None

    def clear(self) -> float | None:
        """See `Transport`: to the sample, since the queue is ours."""
        return self._sound.queue.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`: the clock says as much."""
        return False

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`: what is queued leaves first, unless the caller is gone."""
        await self._connection.farewell(self._sound.queue.seconds)
        self._sound.end()
        self._connection.end(reason)
        await self._connection.close()

    def _hear(self, pcm: bytes) -> None:
        if self._listener is not None:
            self._listener.on_audio(pcm)
