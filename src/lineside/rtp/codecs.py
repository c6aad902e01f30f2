"""The codecs of RTP sound: G.711 as it is, G.722 turned into samples.

All have a clock of 8000 and one byte for each of its ticks: so a payload's length is its duration in timestamps. For
G.722 the clock is a mistake of RFC 1890 that was kept (RFC 3551, section 4.5.2): the sound has 16,000 samples a second.
"""

from typing import Literal, Protocol

import G722
import numpy as np

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES
from lineside.protocol import Codec

CodecName = Literal["PCMU", "PCMA", "G722"]
CLOCK = 8000  # timestamps a second
STATIC: dict[int, CodecName] = {0: "PCMU", 8: "PCMA", 9: "G722"}  # RFC 3551, table 4
PAYLOAD_TYPES: dict[CodecName, int] = {name: number for number, name in STATIC.items()}
COMFORT_NOISE = 13  # RFC 3389
G722_RATE = 16_000


class AudioCodec(Protocol):
    """One call's codec, both ways. A call takes sound in `transport_codec`."""

    name: CodecName
    transport_codec: Codec
    rate: int  # samples a second

    def decode(self, payload: bytes) -> bytes:
        """An RTP payload → the sound, in `transport_codec`."""
        ...

    def encode(self, sound: bytes) -> bytes:
        """Sound in `transport_codec` → an RTP payload."""
        ...

    def from_pcm(self, pcm: bytes) -> bytes:
        """Signed 16-bit samples → `transport_codec`."""
        ...

    def to_pcm(self, sound: bytes) -> bytes:
        """`transport_codec` → signed 16-bit samples."""
        ...

    def silence(self, ticks: int) -> bytes:
        """Silence in `transport_codec`."""
        ...


def new_codec(name: CodecName) -> AudioCodec:
    """A codec for one call."""
    return _G722() if name == "G722" else _G711(name)


class _G711:
    def __init__(self, name: CodecName) -> None:
        self.name: CodecName = name
        self._law: g711.Law = "g711_ulaw" if name == "PCMU" else "g711_alaw"
        self.transport_codec: Codec = self._law
        self.rate = CLOCK

    def decode(self, payload: bytes) -> bytes:
        return payload

    def encode(self, sound: bytes) -> bytes:
        return sound

    def from_pcm(self, pcm: bytes) -> bytes:
        return g711.encode(pcm, self._law)

    def to_pcm(self, sound: bytes) -> bytes:
        return g711.decode(sound, self._law)

    def silence(self, ticks: int) -> bytes:
        return g711.SILENCE[self._law] * ticks


class _G722:
    name: CodecName = "G722"
    transport_codec: Codec = "pcm"
    rate = G722_RATE

    def __init__(self) -> None:
        self._decoder, self._encoder = G722.G722(G722_RATE, 64_000), G722.G722(G722_RATE, 64_000)

    def decode(self, payload: bytes) -> bytes:
        pcm: bytes = self._decoder.decode(payload).tobytes()
        return pcm

    def encode(self, sound: bytes) -> bytes:
        payload: bytes = self._encoder.encode(np.frombuffer(sound, "<i2"))
        return payload

    def from_pcm(self, pcm: bytes) -> bytes:
        return pcm

    def to_pcm(self, sound: bytes) -> bytes:
        return sound

    def silence(self, ticks: int) -> bytes:
        return bytes(ticks * (G722_RATE // CLOCK) * SAMPLE_BYTES)
