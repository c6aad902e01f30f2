"""Our sound, marks and clears on their way out to a carrier."""

import asyncio
from collections import deque

from lineside.errors import TransportError
from lineside.line_report import SilenceWatch
from lineside.protocol import Codec, EndReason
from lineside.transports.base import AudioMeter
from lineside.transports.media_streams.dialect import StreamDialect, bytes_per_second, from_codec, silence
from lineside.transports.media_streams.pieces import SoundPieces
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, TEXT, framed

UNSENT = 4000  # messages that wait for a carrier who does not read; one more ends the call
STALE = 0.8  # seconds that may wait at the far side when a reply begins, `LEAD` and a little; more is flushed
SINCE = 64  # messages that are kept until it is known how much waits
PIECE_WAITS = 0.06  # seconds that the end of a sound waits for more of it, where a carrier wants whole pieces


class StreamOutput:
    """What one call sends, in order, in the pieces that the carrier wants."""

    def __init__(
        self,
        ws: WebSocket,
        dialect: StreamDialect,
        meter: AudioMeter,
        codec: Codec,
        over: "asyncio.Future[EndReason]",
    ) -> None:
        self._ws, self._dialect, self._meter, self._codec, self._over = ws, dialect, meter, codec, over
        self._second = bytes_per_second(dialect.encoding, dialect.rate)
        self._second_in = dialect.rate * (2 if codec == "pcm" else 1)
        self._clock, self._ends = asyncio.get_running_loop().time, 0.0
        sample = 1 if dialect.encoding in ("ulaw", "alaw") else 2
        self._pieces = SoundPieces(dialect.shape, silence(dialect.encoding, sample))
        self._later = asyncio.get_running_loop().call_later
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = deque[bytes]()
        self.silence_watch = SilenceWatch(self._clock)
        self._since: list[bytes] | None = None  # sent since it was asked how much waits

    def sound(self, payload: bytes) -> None:
        """Sound in the call's codec. At the start of a reply it is asked what waits at the far side still."""
        now = self._clock()
        if now >= self._ends and (status := self._dialect.status()):
            self._write(status)
            self._since = []
        self._ends = max(self._ends, now) + len(payload) / self._second_in
        for piece in self._pieces.put(from_codec(payload, self._codec, self._dialect.encoding)):
            self._sound(piece)
        self._flush_later()

    def mark(self, name: str) -> None:
        """A mark behind what has been sent; what waits for the rest of its piece is 20 ms of sound or less."""
        self.silence_watch.mark(name)
        self._write(self._dialect.mark(name))

    def queue_is(self, waits: float) -> None:
        """So much waited at the far side when it was asked, before this reply. A lag would only grow: it is flushed.

        What has been sent of the reply since then goes with it, marks too, and is sent again.
        """
        since, self._since = self._since, None
        if since is not None and waits > STALE:
            for data in (framed(TEXT, self._dialect.clear().encode()), *since):
                self._send(data)

    def clear(self) -> None:
        """Forget what has not left, and have the carrier forget what it has not played."""
        self._pieces.clear()
        self._unsent.clear()
        self.silence_watch.clear(sounding=self._clock() < self._ends)
        self._ends, self._since = 0.0, None
        if clear := self._dialect.clear():
            self._write(clear)

    def flush(self) -> None:
        """The socket takes more."""
        while self._unsent and self._ws.writable:
            self._ws.write(self._unsent.popleft())

    def stop(self) -> None:
        """Nothing more is sent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pieces.clear()
        self._unsent.clear()

    def _flush_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pieces.waiting:
            self._timer = self._later(PIECE_WAITS, self._flush_rest)

    def _flush_rest(self) -> None:
        self._timer = None
        for piece in self._pieces.flush():
            self._sound(piece)

    def _sound(self, piece: bytes) -> None:
        self._meter.sent(len(piece) / self._second)
        self._write(self._dialect.sound(piece))

    def _write(self, message: bytes | str) -> None:
        data = framed(BINARY, message) if isinstance(message, bytes) else framed(TEXT, message.encode())
        if self._since is not None:
            self._since = [*self._since, data] if len(self._since) < SINCE else None
        self._send(data)

    def _send(self, data: bytes) -> None:
        if self._over.done():
            return
        if self._ws.writable and not self._unsent:
            self._ws.write(data)
            return
        if len(self._unsent) >= UNSENT:
            self._over.set_exception(
                TransportError("caller_not_reading", f"{self._dialect.line} does not read what is sent to it")
            )
            self._ws.abort()
            return
        self._unsent.append(data)
