"""The browser line: a WebSocket with raw sound in binary messages and JSON in text messages (`schema`)."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import WSMsgType, web

from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import LineError
from lineside.meter import Meter
from lineside.schema import Error, Hello, ServerMessage, Told, encode, read_told

LARGEST = 64 * 1024  # bytes of one message of sound; a larger one is not heard
FASTEST = 4.0  # times real time; a faster caller is ended
HEAD_START = 4.0  # seconds of sound that may come at once: a network that stalled catches up
MESSAGES_PER_SECOND = 2000  # 128-sample frames at 48 kHz are 375; a caller who sends more than this is ended
FAULTS = 20  # bad messages that are answered with an error; the next one ends the call
OUTBOX = 4000  # messages waiting for a caller who does not read; one more ends the call
TOGETHER = 32 * 1024  # bytes of sound joined into one message
COUNT_EVERY = 50  # messages between two words to the meter, a second of ordinary frames
LAST_WORDS = 2.0  # seconds for the last messages to leave before the socket is closed


class BrowserLine:
    """One WebSocket. Nothing that lineside says to it waits: messages go to an outbox with one writer."""

    def __init__(self, ws: web.WebSocketResponse, hello: Hello, abort: Callable[[], None], meter: Meter) -> None:
        self.codec, self.rate = hello.codec, hello.rate
        self._ws, self._abort, self._meter = ws, abort, meter
        self._counted = (0, 0)  # bytes and messages of sound that the meter knows of
        self._outbox: deque[bytes | ServerMessage] = deque()
        self._something = asyncio.Event()
        self._bytes_per_second = self.rate * (SAMPLE_BYTES if self.codec == "pcm" else 1)
        self._received, self._messages, self._faults = 0, 0, 0
        self._deaf = False  # the caller does not read what we send

    async def carry(self, hear: Callable[[bytes], None], told: Callable[[Told], None]) -> str:
        """See `Line`."""
        writer = asyncio.create_task(self._write(), name="write")
        try:
            await self._read(hear, told)
        finally:
            self._count()
            writer.cancel()
            await asyncio.wait([writer])
        if self._deaf:
            raise LineError("caller_not_reading", f"more than {OUTBOX} messages wait to be read by the caller")
        return "caller_hung_up" if self._ws.close_code == 1000 else "line_lost"

    def send(self, payload: bytes) -> None:
        """See `Line`."""
        self._put(payload)

    def clear(self) -> None:
        """See `Line`. What has left already, the caller's program forgets at the `clear` event."""
        self._outbox = deque(item for item in self._outbox if not isinstance(item, bytes))

    def tell(self, event: ServerMessage) -> None:
        """See `Line`."""
        self._put(event)

    async def close(self, code: int) -> None:
        """Let the last messages leave, then close."""
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._flush()
                await self._ws.close(code=code)
        except (TimeoutError, ConnectionError):
            self._abort()

    async def _read(self, hear: Callable[[bytes], None], told: Callable[[Told], None]) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        async for message in self._ws:
            self._messages += 1
            if self._messages > MESSAGES_PER_SECOND * (1 + clock() - began):
                raise LineError("too_many_messages", f"more than {MESSAGES_PER_SECOND} messages a second")
            try:
                if message.type is WSMsgType.BINARY:
                    hear(self._sound(message.data, clock() - began))
                    if self._messages % COUNT_EVERY == 0:
                        self._count()
                elif message.type is WSMsgType.TEXT:
                    told(read_told(message.data))
            except LineError as fault:
                self._fault(fault)

    def _sound(self, payload: bytes, elapsed: float) -> bytes:
        self._received += len(payload)
        if self._received / self._bytes_per_second > FASTEST * elapsed + HEAD_START:
            raise _Last("too_fast", f"sound came faster than {FASTEST:g} times real time; send it as it is recorded")
        if len(payload) > LARGEST:
            raise LineError("frame_too_large", f"{len(payload)} bytes of sound in one message; at most {LARGEST}")
        if self.codec == "pcm" and len(payload) % SAMPLE_BYTES:
            raise LineError("odd_length", f"{len(payload)} bytes are no whole number of 16-bit samples")
        return payload

    def _count(self) -> None:
        size, messages = self._received - self._counted[0], self._messages - self._counted[1]
        self._counted = (self._received, self._messages)
        self._meter.heard(size / self._bytes_per_second, messages)

    def _fault(self, fault: LineError) -> None:
        """Bad messages are answered and passed over, up to a number."""
        self._faults += 1
        if isinstance(fault, _Last) or self._faults > FAULTS:
            raise fault
        at = round(self._received / self._bytes_per_second, 3)
        self.tell(Error(at=at, code=fault.code, message=str(fault), fatal=False))

    def _put(self, item: bytes | ServerMessage) -> None:
        if len(self._outbox) >= OUTBOX:
            self._deaf = True
            self._abort()
            return
        self._outbox.append(item)
        self._something.set()

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            try:
                await self._flush()
            except ConnectionError:
                return  # the reader sees the end of the line too, and says so

    async def _flush(self) -> None:
        while self._outbox:
            item = self._outbox.popleft()
            if not isinstance(item, bytes):
                await self._ws.send_str(encode(item).decode())
                continue
            together = [item]
            size = len(item)
            while self._outbox and isinstance(self._outbox[0], bytes) and size < TOGETHER:
                together.append(self._outbox.popleft())  # type: ignore[arg-type]
                size += len(together[-1])
            await self._ws.send_bytes(b"".join(together))
            self._meter.sent(size / self._bytes_per_second)


class _Last(LineError):
    """A fault after which the line is not carried any further."""
