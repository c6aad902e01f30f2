"""AudioSocket's frames (Asterisk, res_audiosocket.c): kind, length of two bytes, payload. Pure.

Rates above 8 kHz come only from the channel driver of 20.17, 21.12, 22.7, 23.1 and later.
"""

from uuid import UUID

from msgspec import Struct

from lineside.errors import TransportError

HANG_UP, UUID_KIND, DIGIT, FAILED = 0x00, 0x01, 0x03, 0xFF
RATES = {
    0x10: 8000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
KINDS = {rate: kind for kind, rate in RATES.items()}
HEAD = 3  # bytes before the payload


class SocketFrame(Struct, frozen=True):
    """One frame. Sound is signed 16-bit, low byte first."""

    kind: int
    payload: bytes


class AudioSocketReader:
    """From bytes to frames, however they are cut. A frame has at most 65,535 bytes, so what is held is bounded."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[SocketFrame]:
        """The frames that are complete now."""
        held, found, at = self._held, list[SocketFrame](), 0
        held += data
        while len(held) - at >= HEAD:
            ends = at + HEAD + int.from_bytes(held[at + 1 : at + HEAD], "big")
            if ends > len(held):
                break
            found.append(SocketFrame(held[at], bytes(held[at + HEAD : ends])))
            at = ends
        del held[:at]
        return found


def socket_frame(kind: int, payload: bytes) -> bytes:
    """Header and payload in one piece: Asterisk before 22.9 reads the header in one go."""
    return bytes((kind,)) + len(payload).to_bytes(2, "big") + payload


def call_of(frame: SocketFrame) -> str:
    """The UUID of the first frame. Raises `TransportError`."""
    if frame.kind != UUID_KIND or len(frame.payload) != 16:
        raise TransportError("bad_first_message", "audiosocket: the first frame is not a UUID of 16 bytes")
    return str(UUID(bytes=frame.payload))
