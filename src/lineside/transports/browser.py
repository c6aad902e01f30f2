"""The browser line: a WebSocket with raw sound in binary messages and JSON in text messages (`schema`)."""

import asyncio
from collections import deque
from collections.abc import Callable

from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import TransportError
from lineside.protocol import (
    EndReason,
    FirstMessage,
    LlmToken,
    ReasoningToken,
    ServerMessage,
    encode,
    read_told,
)
from lineside.transports.base import AudioMeter, TransportListener
from lineside.transports.typed_turns import TypedTurns
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, NORMAL, TEXT, framed

LARGEST = 64 * 1024  # bytes of one message, sound or text; a larger one is passed over
FASTEST = 4.0  # times real time; a faster caller is ended
HEAD_START = 4.0  # seconds of sound that may come at once: a network that stalled catches up
FAULTS = 20  # bad messages that are answered with an error; the next one ends the call
OUTBOX = 4000  # messages waiting for a caller who does not read; one more ends the call
AT_ONCE = 32  # messages in one write; then it is looked whether the socket takes more
COUNT_EVERY = 50  # messages between two words to the meter, a second of ordinary frames
TOKENS_WAIT = 0.02  # seconds that a token waits for others, or for sound: a write costs more than all else about it
LAST_WORDS = 2.0  # seconds for the last messages to leave before the socket is closed


class BrowserTransport:
    """One WebSocket. Nothing that lineside says to it waits: it goes to an outbox, which is emptied once a step."""

    def __init__(self, ws: WebSocket, hello: FirstMessage, meter: AudioMeter) -> None:
        self.codec, self.rate = hello.codec, hello.rate
        self._ws, self._meter = ws, meter
        loop = asyncio.get_running_loop()
        self._clock, self._soon, self._later = loop.time, loop.call_soon, loop.call_later
        self._began = loop.time()
        self._counted = (0, 0)  # bytes and messages of sound that the meter knows of
        self._outbox: deque[bytes | ServerMessage] = deque()
        self._set = False  # the outbox will be emptied at once
        self._set_later = False  # … or soon
        self._bytes_per_second = self.rate * (SAMPLE_BYTES if self.codec == "pcm" else 1)
        self._received, self._messages, self._faults = 0, 0, 0
        self._typed = TypedTurns()
        self._typed_later: asyncio.TimerHandle | None = None  # when those that wait are due
        self._over: asyncio.Future[EndReason] = loop.create_future()  # why the caller is gone, or what broke
        self._listener: TransportListener | None = None  # while the call runs

    def probe(self, answered: Callable[[], None]) -> None:
        """See `ProbedTransport`: a ping."""
        self._ws.probe(answered)

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._listener, self._began = listener, self._clock()
        self._ws.over.add_done_callback(self._gone)
        self._ws.listen(self._message, self._shed, self._flush)
        self._flush()  # what was said before, and could not leave
        try:
            return await self._over
        finally:
            self._ws.listen(lambda message: None, lambda why: None, self._flush)
            self._listener = None
            if self._typed_later is not None:
                self._typed_later.cancel()
            self._count()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._put(payload)

    def clear(self) -> None:
        """See `Transport`. What has left already, the caller's program forgets at the `clear` event."""
        self._outbox = deque(item for item in self._outbox if not isinstance(item, bytes))

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._put(event)

    async def close(self, code: int) -> None:
        """Let the last messages leave, then close."""
        self._flush()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._ws.close(code)
        except TimeoutError:
            self._ws.abort()

    def _gone(self, over: "asyncio.Future[int]") -> None:
        if not self._over.done():
            self._over.set_result("caller_hung_up" if over.result() == NORMAL else "line_lost")

    def _shed(self, why: TransportError) -> None:
        if not self._over.done():
            self._over.set_exception(why)

    def _message(self, message: bytes | str) -> None:
        """Called for every message, waits for nothing. What cannot be borne ends the call, in `run`."""
        if self._over.done() or self._listener is None:
            return
        try:
            self._take(message, self._listener, self._clock() - self._began)
        except Exception as fault:
            self._over.set_exception(fault)

    def _take(self, message: bytes | str, listener: TransportListener, elapsed: float) -> None:
        self._messages += 1
        try:
            if isinstance(message, bytes):
                listener.on_audio(self._sound(message, elapsed))
                if self._messages % COUNT_EVERY == 0:
                    self._count()
            else:
                self._read_text(message, listener)
        except TransportError as fault:
            self._fault(fault, listener)

    def _read_text(self, message: str, listener: TransportListener) -> None:
        if len(message.encode()) > LARGEST:
            raise TransportError("bad_message", f"message: more than {LARGEST} bytes")
        for turn in self._typed.offer(read_told(message), self._clock()):
            listener.on_message(turn)
        self._wait_for_typed()

    def _wait_for_typed(self) -> None:
        """Have what was typed too fast told when its turn comes."""
        if self._typed_later is None and (wait := self._typed.due_in(self._clock())) is not None:
            self._typed_later = self._later(wait, self._tell_typed)

    def _tell_typed(self) -> None:
        self._typed_later = None
        if self._over.done() or self._listener is None:
            return
        try:
            for turn in self._typed.due(self._clock()):
                self._listener.on_message(turn)
        except Exception as fault:
            self._over.set_exception(fault)
            return
        self._wait_for_typed()

    def _sound(self, payload: bytes, elapsed: float) -> bytes:
        self._received += len(payload)
        if self._received / self._bytes_per_second > FASTEST * elapsed + HEAD_START:
            raise _Last("too_fast", f"sound came faster than {FASTEST:g} times real time; send it as it is recorded")
        if len(payload) > LARGEST:
            raise TransportError("frame_too_large", f"{len(payload)} bytes of audio in one message; at most {LARGEST}")
        if self.codec == "pcm" and len(payload) % SAMPLE_BYTES:
            raise TransportError("odd_length", f"{len(payload)} bytes are not a whole number of 16-bit samples")
        return payload

    def _count(self) -> None:
        size, messages = self._received - self._counted[0], self._messages - self._counted[1]
        self._counted = (self._received, self._messages)
        self._meter.heard(size / self._bytes_per_second, messages)

    def _fault(self, fault: TransportError, listener: TransportListener) -> None:
        """Bad messages are answered and passed over, up to a number."""
        self._faults += 1
        if isinstance(fault, _Last) or self._faults > FAULTS:
            raise fault
        listener.on_bad_message(fault)

    def _put(self, item: bytes | ServerMessage) -> None:
        if len(self._outbox) >= OUTBOX:
            if not self._over.done():
                why = f"more than {OUTBOX} messages wait to be read by the caller"
                self._over.set_exception(TransportError("caller_not_reading", why))
            self._ws.abort()
            return
        self._outbox.append(item)
        if self._set or not self._ws.writable:
            return
        if not isinstance(item, LlmToken | ReasoningToken):
            self._set = True
            self._soon(self._flush)
        elif not self._set_later:
            self._set_later = True
            self._later(TOKENS_WAIT, self._flush_tokens)

    def _flush_tokens(self) -> None:
        self._set_later = False
        self._flush()

    def _flush(self) -> None:
        """Everything in the outbox as one stretch of bytes; what cannot leave waits until the socket is free again."""
        self._set = False
        frames: list[bytes] = []
        while self._outbox and self._ws.writable:
            item = self._outbox.popleft()
            if isinstance(item, bytes):
                self._meter.sent(len(item) / self._bytes_per_second)
                frames.append(framed(BINARY, item))
            else:
                frames.append(framed(TEXT, encode(item)))
            if len(frames) == AT_ONCE or not self._outbox:
                self._ws.write(b"".join(frames))
                frames.clear()


class _Last(TransportError):
    """A fault after which the line is not carried any further."""
