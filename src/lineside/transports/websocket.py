"""The server's end of a WebSocket (RFC 6455), for sound: frames are read in the same step as the bytes they come in.

The usual servers put every message in a queue and wake a task for it; with fifty messages a second from each caller
that is a large part of what a call costs (docs/decisions/0005-websockets-read-straight.md). Here whoever listens is
called at once, and must not wait. Extensions are not offered, so no frame may use one.
"""

import asyncio
import base64
import binascii
import hashlib
from collections import deque
from collections.abc import Callable, Mapping

from aiohttp._websocket.helpers import websocket_mask
from msgspec import Struct

from lineside.errors import TransportError

SOUND = b"\x82\xfe"  # how a whole binary message of 126 bytes to 64 kB begins, masked
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR, NO_CODE, LOST, NOT_UTF8, TOO_BIG = 1000, 1002, 1005, 1006, 1007, 1009
PARTS = 1000  # pieces of one message; a message in more is refused: each costs more than its bytes
EARLY = 64  # messages before anybody listens; with one more the peer is gone too fast for us
CONTROL = 125  # bytes of a control frame

Message = bytes | str


class ProtocolViolation(TransportError):
    """The peer does not keep to the protocol; `status` is what the socket is closed with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__("line_lost", message)
        self.status = status


class Frame(Struct, frozen=True):
    """A whole message, or a control frame."""

    kind: int
    payload: bytes


class FrameReader:
    """From bytes to messages. Pure. `largest` is in bytes, of one message."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._waiting = b""  # less than a frame
        self._kind, self._parts, self._size = 0, list[bytes](), 0  # of a message that comes in pieces

    def sounds(self, data: bytes) -> list[bytes] | None:
        """The messages in these bytes, if all of them are ordinary sound, as nearly all are; None: `feed` them."""
        if self._waiting or self._parts:
            return None
        found: list[bytes] = []
        at, length = 0, len(data)
        while at < length:
            start = at + 8
            if data[at : at + 2] != SOUND or start > length:
                return None
            size = data[at + 2] << 8 | data[at + 3]
            at = start + size
            if at > length or not CONTROL < size <= self._largest:
                return None
            found.append(unmasked(data[start:at], data[start - 4 : start]))
        return found

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that are complete now. Raises `ProtocolViolation`, which loses what came before it."""
        if self._waiting:
            data = self._waiting + data
        found: list[Frame] = []
        at, length = 0, len(data)
        while length - at >= 2:
            head, size, start = data[at], data[at + 1] & 127, at + 2
            if size > CONTROL:
                wide = 2 if size == 126 else 8
                size, start = int.from_bytes(data[start : start + wide], "big"), start + wide
                if length < start:
                    break
            self._check(head, data[at + 1], size)
            end = start + 4 + size
            if length < end:
                break
            frame = self._frame(head, unmasked(data[start + 4 : end], data[start : start + 4]))
            if frame is not None:
                found.append(frame)
            at = end
        self._waiting = data[at:]
        return found

    def _check(self, head: int, second: int, size: int) -> None:
        kind = head & 15
        if head & 0x70:
            raise ProtocolViolation(PROTOCOL_ERROR, "a frame uses an extension that was not agreed on")
        if not second & 128:
            raise ProtocolViolation(PROTOCOL_ERROR, "a frame is not masked")
        if kind not in (CONTINUED, TEXT, BINARY, CLOSE, PING, PONG):
            raise ProtocolViolation(PROTOCOL_ERROR, f"there is no frame of kind {kind}")
        if kind >= CLOSE and (size > CONTROL or not head & 128):
            raise ProtocolViolation(PROTOCOL_ERROR, "a control frame is too long, or in pieces")
        if kind < CLOSE and self._size + size > self._largest:
            raise ProtocolViolation(TOO_BIG, f"a message has more than {self._largest} bytes")
        if kind in (TEXT, BINARY) and self._parts:
            raise ProtocolViolation(PROTOCOL_ERROR, "a message begins inside another")
        if kind == CONTINUED and not self._parts:
            raise ProtocolViolation(PROTOCOL_ERROR, "a message goes on that has not begun")

    def _frame(self, head: int, payload: bytes) -> Frame | None:
        kind, whole = head & 15, head & 128
        if kind >= CLOSE or (whole and kind != CONTINUED):
            return Frame(kind, payload)
        if kind != CONTINUED:
            self._kind = kind
        self._parts.append(payload)
        self._size += len(payload)
        if len(self._parts) > PARTS:
            raise ProtocolViolation(TOO_BIG, f"a message comes in more than {PARTS} pieces")
        if not whole:
            return None
        message = Frame(self._kind, b"".join(self._parts))
        self._parts, self._size = [], 0
        return message


def unmasked(masked: bytes, mask: bytes) -> bytes:
    """The payload as it was meant (RFC 6455, 5.3). `mask` has four bytes."""
    meant = bytearray(masked)
    websocket_mask(mask, meant)
    return bytes(meant)


def framed(kind: int, payload: bytes) -> bytes:
    """A frame from a server, which are not masked."""
    size = len(payload)
    if size <= CONTROL:
        return bytes((128 | kind, size)) + payload
    if size < 1 << 16:
        return bytes((128 | kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((128 | kind, 127)) + size.to_bytes(8, "big") + payload


def refusal(method: str, headers: Mapping[str, str]) -> str | None:
    """Why this request opens no WebSocket; None when it does."""
    if method != "GET" or headers.get("Upgrade", "").strip().lower() != "websocket":
        return "this is the door for WebSockets: ask with GET, Connection: Upgrade and Upgrade: websocket"
    if "upgrade" not in headers.get("Connection", "").lower():
        return "the header Connection: Upgrade is missing"
    if headers.get("Sec-WebSocket-Version", "").strip() != "13":
        return "the WebSocket's version must be 13 (Sec-WebSocket-Version)"
    try:
        key = base64.b64decode(headers.get("Sec-WebSocket-Key", "").strip(), validate=True)
    except binascii.Error:
        key = b""
    return None if len(key) == 16 else "Sec-WebSocket-Key must be sixteen bytes in base64"


def welcome(key: str) -> bytes:
    """What the server answers (RFC 6455, 4.2.2); `key` is the request's `Sec-WebSocket-Key`."""
    accept = base64.b64encode(hashlib.sha1(key.strip().encode() + MAGIC, usedforsecurity=False).digest())
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


class WebSocket(asyncio.Protocol):
    """One socket. `heartbeat`: seconds between pings; a peer that is silent for two of them is gone."""

    def __init__(self, largest: int, heartbeat: float, gone: Callable[[Exception | None], None]) -> None:
        """`gone` hears of the end of the connection: it belonged to somebody before."""
        self._reader, self._heartbeat, self._gone = FrameReader(largest), heartbeat, gone
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.over: asyncio.Future[int] = loop.create_future()  # the code that the peer closed with; 1006 for none
        self._early: deque[Message] = deque()
        self._listener: Callable[[Message], None] | None = None
        self._someone: asyncio.Future[None] | None = None  # waits for the first message
        self._closing = False
        self._heard = True  # since the last ping
        self.writable = True
        self.on_writable: Callable[[], None] = lambda: None
        self._transport: asyncio.Transport
        self._beat: asyncio.TimerHandle | None = None

    def take_over(self, transport: asyncio.Transport, key: str) -> None:
        """Welcome the peer, and be the one who reads from here on. Nothing of theirs may have been read yet."""
        self._transport = transport
        transport.set_protocol(self)
        transport.write(welcome(key))
        self._beat = self._loop.call_later(self._heartbeat, self._ping)

    async def first(self) -> Message | None:
        """The first message; None if the peer is gone before it."""
        if not self._early and not self.over.done():
            self._someone = self._loop.create_future()
            self.over.add_done_callback(lambda over: self._wake())
            await self._someone
        return self._early.popleft() if self._early else None

    def listen(self, listener: Callable[[Message], None]) -> None:
        """Hand every message to this one, which must not wait or raise; first those that have come already."""
        self._listener = listener
        while self._early:
            listener(self._early.popleft())

    def write(self, frames: bytes) -> None:
        """Send frames (`framed`)."""
        if not self._closing and not self._transport.is_closing():
            self._transport.write(frames)

    async def close(self, code: int, reason: bytes = b"") -> None:
        """Say that it is over, and wait until the peer has said so too. The caller bounds the wait."""
        self._say_close(code, reason)
        await asyncio.wait([self.over])
        self._transport.close()

    def abort(self) -> None:
        """Be gone at once."""
        self._transport.abort()

    # ── called by the event loop ───────────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard = True
        if (sounds := self._reader.sounds(data)) is not None:
            for sound in sounds:
                self._message(sound)
            return
        try:
            for frame in self._reader.feed(data):
                if frame.kind == BINARY:
                    self._message(frame.payload)
                elif frame.kind == TEXT:
                    self._message(frame.payload.decode())
                else:
                    self._control(frame)
        except UnicodeDecodeError:
            self._fail(NOT_UTF8, b"text is not UTF-8")
        except ProtocolViolation as fault:
            self._fail(fault.status, str(fault).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._beat is not None:
            self._beat.cancel()
        self._finish(LOST)
        self._gone(exc)
        # A call that is over is not held on to: in a circle it would lie about until the collector comes round.
        self._listener, self.on_writable, self._gone = None, lambda: None, lambda gone: None

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.writable = False

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.writable = True
        self.on_writable()

    def _message(self, message: Message) -> None:
        if self.over.done():
            return  # after its close frame nothing of a peer's counts
        if self._listener is not None:
            self._listener(message)
            return
        self._early.append(message)
        self._wake()
        if len(self._early) > EARLY:
            self.abort()

    def _control(self, frame: Frame) -> None:
        if frame.kind == PING:
            self.write(framed(PONG, frame.payload))
        elif frame.kind == CLOSE:
            code = int.from_bytes(frame.payload[:2], "big") if len(frame.payload) >= 2 else NO_CODE
            self._say_close(NORMAL if code == NO_CODE else code)
            self._finish(code)
            self._transport.close()

    def _say_close(self, code: int, reason: bytes = b"") -> None:
        if not self._closing:
            self.write(framed(CLOSE, code.to_bytes(2, "big") + reason[: CONTROL - 2]))
            self._closing = True

    def _fail(self, code: int, reason: bytes) -> None:
        self._say_close(code, reason)
        self._finish(code)
        self._transport.close()

    def _finish(self, code: int) -> None:
        if not self.over.done():
            self.over.set_result(code)

    def _wake(self) -> None:
        if self._someone is not None and not self._someone.done():
            self._someone.set_result(None)

    def _ping(self) -> None:
        if not self._heard:
            self.abort()
            return
        self._heard = False
        self.write(framed(PING, b""))
        self._beat = self._loop.call_later(self._heartbeat, self._ping)
