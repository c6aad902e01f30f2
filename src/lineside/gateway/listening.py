"""The sound of a call for operators who listen: a tap on its line, open only while somebody does, and their streams.

While nobody listens the line's and the call's own functions stand in the tap's place: a frame costs nothing more.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import numpy as np

from lineside.audio import g711
from lineside.audio.wav import wav_header
from lineside.errors import CallRefused
from lineside.protocol import Codec, EndReason
from lineside.records.recorder import RecordedStretch, Recorder
from lineside.transports.base import Transport, TransportListener

LISTENERS = 8  # operators who listen to one call; one more is refused
BEHIND = 50  # stretches of `EVERY` that a listener may be behind, ten seconds; a slower one is let go
UNSETTLED, EVERY = 0.9, 0.2  # seconds: what is sent ahead of the caller's ear may be taken back; handed on at a time
STILL = 5.0  # seconds without sound, after which a listener's stream is looked at

Give = Callable[[RecordedStretch], None]


class TapTransport:
    """A line with a tap: another's functions, which it replaces by listening ones while it is open."""

    def __init__(self, transport: Transport, give: Give) -> None:
        """`give` gets every stretch of both voices while somebody listens, in the line's codec."""
        self.codec: Codec = transport.codec
        self.rate = transport.rate
        self._transport, self._give = transport, give
        self._clock = asyncio.get_running_loop().time
        self._hears: Any = None  # what the line gives the caller's sound to
        self.mark, self.on_event = transport.mark, transport.on_event
        self.send: Callable[[bytes], None] = transport.send
        self.clear: Callable[[], float | None] = transport.clear

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._hears = _TappedListener(listener)
        try:
            return await self._transport.run(self._hears)
        finally:
            self.close()
            self._hears = None  # the call knows its line: nothing is left for the garbage collector

    def open(self) -> None:
        """Somebody listens from here on."""
        recorder = Recorder(self.codec, self.rate, self._give, unsettled=UNSETTLED, every=EVERY)
        line, clock = self._transport, self._clock

        def send(payload: bytes) -> None:
            recorder.agent(payload, clock())
            line.send(payload)

        def clear() -> float | None:
            recorder.taken_back(clock())
            return line.clear()

        self.send, self.clear = send, clear
        if self._hears is not None:
            self._hears.tap(recorder.caller)

    def close(self) -> None:
        """Nobody listens any more."""
        self.send, self.clear = self._transport.send, self._transport.clear
        if self._hears is not None:
            self._hears.tap(None)


class _TappedListener:
    """The call, with a tap on the caller's sound."""

    def __init__(self, listener: TransportListener) -> None:
        self._listener = listener
        self.on_audio = listener.on_audio
        self.on_message, self.on_bad_message = listener.on_message, listener.on_bad_message
        self.on_hold, self.on_mark = listener.on_hold, listener.on_mark
        self.on_line_away, self.on_line_back = listener.on_line_away, listener.on_line_back
        self.on_line_measured = listener.on_line_measured

    def tap(self, hears: Callable[[bytes], None] | None) -> None:
        """Have the caller's sound told to `hears` too; None: to nobody."""
        call = self._listener.on_audio
        if hears is None:
            self.on_audio = call
            return

        def on_audio(payload: bytes) -> None:
            hears(payload)
            call(payload)

        self.on_audio = on_audio


class CallListeners:
    """The operators who listen to one call."""

    def __init__(self) -> None:
        self._on_listened: Callable[[bool], None] | None = None  # while anybody listens
        self._queues: list[asyncio.Queue[bytes | None]] = []

    def __len__(self) -> int:
        return len(self._queues)

    def hear(self, stretch: RecordedStretch, codec: Codec) -> None:
        """The next stretch of the call. Nothing waits; who does not read is let go."""
        if not self._queues:
            return
        both = stereo(stretch, codec)
        for queue in self._queues[:]:
            if queue.qsize() < BEHIND:
                queue.put_nowait(both)
            else:
                self._leave(queue)
                queue.put_nowait(None)

    def listen(self, rate: int, on_listened: Callable[[bool], None]) -> AsyncGenerator[bytes, None]:
        """The sound from here on, as a WAV without end: caller left, agent right. Raises `CallRefused`.

        `on_listened` hears when the first comes, and when the last leaves.
        """
        if len(self._queues) >= LISTENERS:
            raise CallRefused(f"{LISTENERS} operators already listen to this call")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND + 1)
        self._queues.append(queue)
        if self._on_listened is None:
            self._on_listened = on_listened
            on_listened(True)
        return self._sound(queue, rate)

    def close(self) -> None:
        """The call is over."""
        for queue in self._queues[:]:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def _sound(self, queue: "asyncio.Queue[bytes | None]", rate: int) -> AsyncGenerator[bytes, None]:
        try:
            yield wav_header(rate, channels=2)
            while True:
                try:
                    piece = await asyncio.wait_for(queue.get(), STILL)
                except TimeoutError:
                    piece = b"\0\0\0\0" * round(rate * EVERY)  # the line is silent; whoever left is noticed
                if piece is None:
                    return
                yield piece
        finally:
            self._leave(queue)

    def _leave(self, queue: "asyncio.Queue[bytes | None]") -> None:
        if queue in self._queues:
            self._queues.remove(queue)
            if not self._queues and self._on_listened is not None:
                self._on_listened(False)
                self._on_listened = None


def stereo(stretch: RecordedStretch, codec: Codec) -> bytes:
    """Both voices as samples of 16 bits, side by side."""
    voices = (stretch.caller, stretch.agent)
    pcm = voices if codec == "pcm" else tuple(g711.decode(voice, codec) for voice in voices)
    caller, agent = (np.frombuffer(voice, "<i2") for voice in pcm)
    return np.column_stack((caller, agent)).astype("<i2").tobytes()
