"""What the media streams of all carriers have in common, as values; a dialect turns messages into these and back."""

import binascii
from typing import Literal

import msgspec
from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import TransportError
from lineside.protocol import Codec

# How a carrier writes samples: G.711, or signed 16-bit, low byte first (`l16`) or high byte first (`l16_be`).
Encoding = Literal["ulaw", "alaw", "l16", "l16_be"]
ENCODINGS: dict[str, Encoding] = {  # as they are named in `start` messages, in lower case
    "audio/x-mulaw": "ulaw",
    "pcmu": "ulaw",
    "pcma": "alaw",
    "audio/x-alaw": "alaw",
}


class StreamStarted(Struct, frozen=True, kw_only=True):
    """The carrier says what stream this is."""

    stream: str  # names the stream in our messages
    call: str  # the carrier's name of the call
    encoding: Encoding  # of what comes
    rate: int
    account: str = ""
    caller: str = ""
    called: str = ""
    parameters: dict[str, str] = {}
    answer: str = ""  # a message that they wait for before they send sound
    test: bool = False  # somebody tries whether we are there; there is no caller


class StreamAudio(Struct, frozen=True):
    """Sound of the caller. `number`: its place among all; 0: the carrier keeps the order."""

    payload: bytes
    number: int = 0


class StreamKey(Struct, frozen=True):
    """The caller pressed a key."""

    digit: str


class StreamMark(Struct, frozen=True):
    """A mark of ours came back."""

    name: str


class StreamCleared(Struct, frozen=True):
    """The carrier has forgotten what it had not played."""


class StreamStopped(Struct, frozen=True):
    """The stream is over."""

    answer: str = ""  # a message that they wait for before they close the socket


class StreamAnswer(Struct, frozen=True):
    """They asked whether we are alive, or told what must be answered."""

    answer: str


class StreamFault(Struct, frozen=True):
    """The carrier could not use what we sent."""

    message: str


class StreamQueue(Struct, frozen=True):
    """How many seconds of our sound wait to be played."""

    seconds: float


StreamEvent = (
    StreamStarted
    | StreamAudio
    | StreamKey
    | StreamMark
    | StreamCleared
    | StreamStopped
    | StreamAnswer
    | StreamFault
    | StreamQueue
    | None
)


class StreamShape(Struct, frozen=True):
    """How a carrier wants sound: pieces of a multiple of `multiple` bytes, at least and at most so many in one."""

    multiple: int = 1
    least: int = 0
    most: int = 32_000


class StreamDialect:
    """How one carrier speaks, and what most of them share; a dialect says only what is different.

    One object for each call: after `start` it knows the stream's name. Pure.
    """

    line = ""  # the name of the line
    sound_in_text = True  # sound comes in JSON
    encoding: Encoding = "ulaw"  # of what we send
    rate = 8000  # of what we send
    shape = StreamShape()
    has_marks = True

    def read(self, message: bytes | str) -> StreamEvent:
        """One message from the carrier; None where it says nothing to us. Raises `TransportError` for nonsense."""
        if isinstance(message, bytes) and not self.sound_in_text:
            return StreamAudio(message)
        try:
            return self._event(message)
        except (msgspec.DecodeError, ValueError, RecursionError) as why:
            raise TransportError(
                "bad_message", f"{self.line}: a message of the media stream cannot be read: {why}"
            ) from None

    def _event(self, message: bytes | str) -> StreamEvent:
        """A text message. Raises `msgspec.DecodeError` or `ValueError` for nonsense."""
        raise NotImplementedError

    def sound(self, payload: bytes) -> bytes | str:
        """A message with sound, in `encoding`."""
        return payload

    def mark(self, name: str) -> str:
        """A message that comes back when what was sent before has been played. Asked for where `has_marks`."""
        raise NotImplementedError

    def clear(self) -> str:
        """A message that has the carrier forget what it has not played."""
        raise NotImplementedError

    def hang_up(self) -> str:
        """A message that ends the call, where one does; empty: closing the socket or the control side does."""
        return ""

    def status(self) -> str:
        """A message that asks how much waits to be played; empty: the queue cannot grow unseen."""
        return ""


def quoted(text: str) -> str:
    """A text as JSON has it."""
    return msgspec.json.encode(text).decode()


def from_base64(payload: str) -> bytes:
    """Sound in JSON. Raises `ValueError`."""
    return binascii.a2b_base64(payload)


def to_base64(payload: bytes) -> str:
    """Sound for JSON."""
    return binascii.b2a_base64(payload, newline=False).decode()


def whole_number(text: str | int | None) -> int:
    """A number that may stand in quotes; 0 where it is none."""
    if isinstance(text, int):
        return text
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 12 else 0


def codec_of(encoding: Encoding) -> Codec:
    """The codec of a transport with this encoding."""
    return "g711_ulaw" if encoding == "ulaw" else "g711_alaw" if encoding == "alaw" else "pcm"


def to_codec(payload: bytes, encoding: Encoding, codec: Codec) -> bytes:
    """A carrier's sound in the transport's codec; half a sample at the end is dropped."""
    if codec_of(encoding) == codec and encoding != "l16_be":
        return payload if codec != "pcm" else payload[: len(payload) & ~1]
    return _linear(payload, encoding)


def from_codec(payload: bytes, codec: Codec, encoding: Encoding) -> bytes:
    """Sound in the transport's codec as the carrier wants it."""
    if codec_of(encoding) == codec and encoding != "l16_be":
        return payload
    linear = payload if codec == "pcm" else g711.decode(payload, codec)
    if encoding == "l16_be":
        return _swapped(linear)
    return linear if encoding == "l16" else g711.encode(linear, "g711_ulaw" if encoding == "ulaw" else "g711_alaw")


def silence(encoding: Encoding, size: int) -> bytes:
    """So many bytes of silence."""
    return {"ulaw": b"\xff", "alaw": b"\xd5"}.get(encoding, b"\0") * size


def bytes_per_second(encoding: Encoding, rate: int) -> int:
    """Of sound."""
    return rate * (SAMPLE_BYTES if encoding in ("l16", "l16_be") else 1)


def _linear(payload: bytes, encoding: Encoding) -> bytes:
    if encoding in ("l16", "l16_be"):
        whole = payload[: len(payload) & ~1]
        return whole if encoding == "l16" else _swapped(whole)
    return g711.decode(payload, "g711_ulaw" if encoding == "ulaw" else "g711_alaw")


def _swapped(payload: bytes) -> bytes:
    swapped = bytearray(payload)
    swapped[0::2], swapped[1::2] = payload[1::2], payload[0::2]
    return bytes(swapped)
