"""Whether a telephone call carries sound both ways: the fault that is reported most, and that nobody sees in a log.

Told once in a call, as an `error` that is not fatal, so that it stands in the call's record: nothing comes; what comes
is digital silence, as on a path that is open one way only; what goes is not played. After that, or as soon as all is
well, the call's own functions stand in this one's place: a frame costs nothing more.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from lineside.errors import ErrorCode, TransportError
from lineside.protocol import Codec, EndReason
from lineside.transports.base import Transport, TransportListener
from lineside.transports.silence import is_silence

DEAF = 3.0  # seconds after the answer in which some sound should have come
SILENT = 5.0  # seconds of the caller's sound that are digital silence to the last sample; a muted headset sounds so too
MUTE = 6.0  # seconds after the first mark in which it should have come back: `LEAD`, a sentence and a slow network


class MediaCheck:
    """A telephone line that is looked at while its call begins."""

    def __init__(self, transport: Transport) -> None:
        self.codec: Codec = transport.codec
        self.rate = transport.rate
        self._transport = transport
        self._listener: Any = None
        self._timers: list[asyncio.TimerHandle] = []
        self._later = asyncio.get_running_loop().call_later
        self.send, self.clear, self.on_event = transport.send, transport.clear, transport.on_event
        self._marked = False

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        heard = self._listener = _CheckedListener(listener, self.codec, self.rate)
        self._timers.append(self._later(DEAF, heard.deaf))
        try:
            return await self._transport.run(heard)
        finally:
            for timer in self._timers:
                timer.cancel()
            heard.close()
            self._timers, self._listener = [], None

    def mark(self, name: str) -> bool:
        """See `Transport`."""
        known = self._transport.mark(name)
        if known and not self._marked and self._listener is not None:
            self._marked = True
            self._timers.append(self._later(MUTE, self._listener.mute))
        return known


class _CheckedListener:
    """The call, which hears what is wrong with its line."""

    def __init__(self, listener: TransportListener, codec: Codec, rate: int) -> None:
        self._listener: TransportListener | None = listener
        self._codec: Codec = codec
        self._left = round(SILENT * rate) * (2 if codec == "pcm" else 1)  # bytes of silence until it is told
        self._came = self._played = False
        self.on_message, self.on_bad_message, self.on_hold = (
            listener.on_message,
            listener.on_bad_message,
            listener.on_hold,
        )
        self.on_line_away, self.on_line_back = listener.on_line_away, listener.on_line_back
        self.on_line_measured = listener.on_line_measured
        self.on_audio: Callable[[bytes], None] = self._first_audio
        self.on_mark: Callable[[str], None] = self._mark

    def close(self) -> None:
        """The call is over; it is let go of."""
        self._listener = None
        self.on_audio, self.on_mark = _nothing, _nothing

    def deaf(self) -> None:
        """It is time for some sound to have come."""
        if not self._came:
            self._tell("line_deaf", f"no sound came within {DEAF:g} s of the answer: the caller's side sends none")

    def mute(self) -> None:
        """It is time for the first mark to have come back."""
        if not self._played:
            self._tell("line_mute", f"nothing of ours was played within {MUTE:g} s: the line takes sound and is silent")

    def _first_audio(self, payload: bytes) -> None:
        self._came = True
        if self._listener is None:
            return
        if not is_silence(payload, self._codec):
            self.on_audio = self._listener.on_audio
        elif (left := self._left - len(payload)) > 0:
            self._left = left
        else:
            self.on_audio = self._listener.on_audio
            self._tell("line_silent", f"{SILENT:g} s of digital silence came: a one-way path, or a muted telephone")
        self._listener.on_audio(payload)

    def _mark(self, name: str) -> None:
        self._played = True
        if self._listener is not None:
            self.on_mark = self._listener.on_mark
            self._listener.on_mark(name)

    def _tell(self, code: ErrorCode, why: str) -> None:
        if self._listener is not None:
            self._listener.on_bad_message(TransportError(code, why))


def _nothing(given: object) -> None:
    """In place of a call that is over."""
