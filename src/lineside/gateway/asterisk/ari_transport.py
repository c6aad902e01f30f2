"""The media face of a call over ARI: the WebSocket channel's stream, which may be lent to a colleague for a while.

Over ARI the end of the media socket is not the end of the call: that is the end of the caller's channel.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.transports.base import TransportListener
from lineside.transports.media_streams.stream import MediaStream
from lineside.transports.passing_listener import HoldGate

PIECE = 0.2  # seconds of a whisper that are sent at once
LEAD = 0.6  # seconds that are sent ahead
MARK_WITHIN = 2.0  # seconds beyond the end of a whisper for its mark to come back
ALIVE = 6.0  # seconds between signs of life of a socket whose channel no bridge sends sound to
SETTLES = 1.0  # seconds in which the caller's hang-up may come after the end of the socket


class AriTransport:
    """One call's sound."""

    def __init__(self, stream: MediaStream, caller_gone: "asyncio.Future[int]") -> None:
        self.codec: Codec = stream.codec
        self.rate = stream.rate
        self._stream, self._caller_gone = stream, caller_gone
        self._aside = False
        self._ear: _Ear | None = None
        self.transferred = False  # what ends from here on has been handed on

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._ear = _Ear(listener)
        streaming = asyncio.create_task(self._stream.run(self._ear), name="ari media")
        try:
            ends: list[asyncio.Future[Any]] = [streaming, self._caller_gone]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not self._caller_gone.done():
                streaming.result()  # a fault of the stream is the call's
                await asyncio.wait([self._caller_gone], timeout=SETTLES)
            if self.transferred:
                return "transferred"
            return "caller_hung_up" if self._caller_gone.done() else "line_lost"
        finally:
            streaming.cancel()
            await asyncio.wait([streaming])

    def send(self, payload: bytes) -> None:
        """See `Transport`. While a colleague has the line, nothing of the call's own is heard."""
        if not self._aside:
            self._stream.send(payload)

    def clear(self) -> float | None:
        """See `Transport`."""
        return 0.0 if self._aside else self._stream.clear()

    def mark(self, name: str) -> bool:
        """See `Transport`."""
        return True if self._aside else self._stream.mark(name)

    def probe(self, answered: Callable[[], None]) -> None:
        """See `ProbedTransport`."""
        self._stream.probe(answered)

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`: a telephone has no words for events."""

    def step_aside(self, on: bool) -> None:
        """The caller hears music, and the call nothing of them and of whoever hears us meanwhile; or again."""
        if self._aside is not on:
            self._aside = on
            if on:
                self._stream.clear()
                self._keep_alive()
            if self._ear is not None:
                self._ear.hold(on)

    def _keep_alive(self) -> None:
        """Outside a bridge Asterisk sends nothing, and a socket that is silent for long is taken for dead."""
        if self._aside and not self._caller_gone.done():
            self._stream.ask_queue()
            asyncio.get_running_loop().call_later(ALIVE, self._keep_alive)

    async def whisper(self, payload: bytes) -> None:
        """Send this to whoever hears us while the caller does not; return once it was played. Cancelled: it stops."""
        if self._ear is None or not payload:
            return
        size = round(PIECE * self.rate) * (2 if self.codec == "pcm" else 1)
        second = size / PIECE
        now = asyncio.get_running_loop().time
        began = now()
        try:
            for at in range(0, len(payload), size):
                self._stream.send(payload[at : at + size])
                await asyncio.sleep(max(0.0, began + at / second - LEAD - now()))
            played = self._ear.expect("w-1")
            if self._stream.mark("w-1"):
                left = began + len(payload) / second - now()
                await asyncio.wait([played], timeout=max(0.0, left) + MARK_WITHIN)
        except asyncio.CancelledError:
            self._stream.clear()
            raise


class _Ear(HoldGate):
    """The call, as the stream hears it: nothing while the line is lent, and not the marks of a whisper."""

    __slots__ = ("_mark", "_played")

    def __init__(self, listener: TransportListener) -> None:
        super().__init__(listener)
        self._mark, self._played = "", asyncio.get_running_loop().create_future()

    def expect(self, mark: str) -> "asyncio.Future[None]":
        self._mark, self._played = mark, asyncio.get_running_loop().create_future()
        return self._played

    def on_mark(self, name: str) -> None:
        if name == self._mark:
            if not self._played.done():
                self._played.set_result(None)
        else:
            self.listener.on_mark(name)
