"""WebSocket frames (RFC 6455, 5): from bytes to messages and back. Pure. Extensions are not offered."""

from aiohttp._websocket.helpers import websocket_mask
from msgspec import Struct

from lineside.errors import TransportError

SOUND = b"\x82\xfe"  # how a whole binary message of 126 bytes to 64 kB begins, masked
SOUND_IN_TEXT = b"\x81\xfe"  # the same of a text message: carriers put sound into JSON
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR, NO_CODE, LOST, NOT_UTF8 = 1000, 1002, 1005, 1006, 1007
POLICY_VIOLATION, TOO_BIG, INTERNAL_ERROR = 1008, 1009, 1011  # RFC 6455, 7.4.1
SENDABLE = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})  # codes that may stand in a frame, beside 3000-4999
PARTS = 1000  # pieces of one message; a message in more is refused: each costs more than its bytes
CONTROL = 125  # bytes of a control frame
STEP = 256  # frames that are read at once; the rest waits, so that other callers are heard in between


class ProtocolViolation(TransportError):
    """The peer does not keep to the protocol; `status` is what the socket is closed with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__("line_lost", message)
        self.status = status


class Frame(Struct, frozen=True):
    """A whole message, or a control frame."""

    kind: int
    payload: bytes


class Step(Struct, frozen=True):
    """What one step of reading found."""

    found: list[Frame]  # messages that are complete, and control frames
    frames: int = 0  # read, pieces of messages included
    more: bool = False  # frames wait; feed nothing to go on
    fault: ProtocolViolation | None = None  # after what was found; nothing may be read any more


class FrameReader:
    """From bytes to messages. `largest` is in bytes, of one message."""

    def __init__(self, largest: int, plain: bytes = SOUND) -> None:
        """`plain`: how the messages begin that nearly all are, `SOUND` or `SOUND_IN_TEXT`; they are read faster."""
        self._largest, self._plain = largest, plain
        self._held, self._size_held = list[bytes](), 0  # not read yet; joined only when a frame is complete
        self._need = 2  # bytes to go on with
        self._same_head, self._same_length = b"", 0  # of a block that was one message of sound; 0: look closely
        self._kind, self._parts, self._size = 0, list[bytes](), 0  # of a message that comes in pieces

    def same(self, data: bytes) -> bytes | None:
        """The message in these bytes, if it is one of sound as long as the last; None: ask `sounds`.

        Nearly every block of a call is. `sounds` looked at all that can be wrong, and the same head is as right again.
        """
        if len(data) != self._same_length or data[:4] != self._same_head:
            return None
        meant = bytearray(data[8:])
        websocket_mask(data[4:8], meant)
        return bytes(meant)

    def sounds(self, data: bytes) -> list[bytes] | None:
        """The messages in these bytes, if all of them are ordinary sound, as nearly all are; None: `feed` them."""
        if self._size_held or self._parts:
            return None
        at, length = 0, len(data)
        found: list[bytes] = []
        while at < length:
            start = at + 8
            if data[at : at + 2] != self._plain or start > length:
                return None
            size = data[at + 2] << 8 | data[at + 3]
            at = start + size
            if at > length or not CONTROL < size <= self._largest:
                return None
            found.append(unmasked(data[start:at], data[start - 4 : start]))
        if len(found) == 1:
            self._same_head, self._same_length = data[:4], length
        return found

    def feed(self, data: bytes, most: int = STEP) -> Step:
        """The next frames, at most so many."""
        self._same_length = 0  # something may be held from here on
        self._held.append(data)
        self._size_held += len(data)
        if self._size_held < self._need:
            return Step([])
        data = b"".join(self._held)
        found, frames, at, length = list[Frame](), 0, 0, len(data)
        fault: ProtocolViolation | None = None
        try:
            while frames < most:
                start, end = self._bounds(data, at)
                self._need = end - at
                if end > length:
                    break
                if (frame := self._frame(data[at], unmasked(data[start:end], data[start - 4 : start]))) is not None:
                    found.append(frame)
                frames, at = frames + 1, end
        except ProtocolViolation as broken:
            fault = broken
        self._held, self._size_held = [data[at:]], length - at
        if more := frames == most and length - at >= 2:
            self._need = 2
        return Step(found, frames, more, fault)

    def forget(self) -> None:
        """Drop what waits: nothing more will be read."""
        self._held, self._size_held, self._parts, self._same_length = [], 0, [], 0

    def _bounds(self, data: bytes, at: int) -> tuple[int, int]:
        """Where the payload of the frame at `at` begins, and where it ends; or how far must be read to know."""
        if len(data) - at < 2:
            return at, at + 2
        size, start = data[at + 1] & 127, at + 2
        if size > CONTROL:
            wide = 2 if size == 126 else 8
            if len(data) < start + wide:
                self._check(data[at], data[at + 1], size)
                return at, start + wide
            size, start = int.from_bytes(data[start : start + wide], "big"), start + wide
        self._check(data[at], data[at + 1], size)
        return start + 4, start + 4 + size

    def _check(self, head: int, second: int, size: int) -> None:
        kind = head & 15
        if head & 0x70:
            raise ProtocolViolation(PROTOCOL_ERROR, "a frame uses an extension that was not negotiated")
        if not second & 128:
            raise ProtocolViolation(PROTOCOL_ERROR, "a frame is not masked")
        if kind not in (CONTINUED, TEXT, BINARY, CLOSE, PING, PONG):
            raise ProtocolViolation(PROTOCOL_ERROR, f"unknown frame opcode {kind}")
        if kind >= CLOSE and (size > CONTROL or not head & 128):
            raise ProtocolViolation(PROTOCOL_ERROR, "a control frame is too long or fragmented")
        if kind in (TEXT, BINARY) and self._parts:
            raise ProtocolViolation(PROTOCOL_ERROR, "a new message starts inside a fragmented one")
        if kind == CONTINUED and not self._parts:
            raise ProtocolViolation(PROTOCOL_ERROR, "a continuation frame without a message")
        if kind < CLOSE and self._size + size > self._largest:
            raise ProtocolViolation(TOO_BIG, f"a message has more than {self._largest} bytes")

    def _frame(self, head: int, payload: bytes) -> Frame | None:
        kind, whole = head & 15, head & 128
        if kind == CLOSE:
            close_code(payload)
        if kind >= CLOSE or (whole and kind != CONTINUED):
            return Frame(kind, payload)
        if kind != CONTINUED:
            self._kind = kind
        self._parts.append(payload)
        self._size += len(payload)
        if len(self._parts) > PARTS:
            raise ProtocolViolation(TOO_BIG, f"a message has more than {PARTS} fragments")
        if not whole:
            return None
        message = Frame(self._kind, b"".join(self._parts))
        self._parts, self._size = [], 0
        return message


def close_code(payload: bytes) -> int:
    """The code in a close frame; `NO_CODE` for none (RFC 6455, 5.5.1 and 7.4). Raises `ProtocolViolation`."""
    if not payload:
        return NO_CODE
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(NOT_UTF8, "the reason in a close frame is not UTF-8") from None
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or (code not in SENDABLE and not 3000 <= code < 5000):
        raise ProtocolViolation(PROTOCOL_ERROR, "the close code is not allowed on the wire")
    return code


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
