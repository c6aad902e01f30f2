"""WAV: reading files whole, reading streams as they come, and writing. One channel, signed 16-bit inside lineside.

The format is RIFF (Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, 1991).
"""

import io
import struct
import wave
from pathlib import Path

import numpy as np

from lineside.audio.frame import SAMPLE_BYTES, AudioFrame
from lineside.errors import ConfigError

UNKNOWN = 0xFFFFFFFF  # the length of a stream that is still being made
HEADER_MAX = 64 * 1024  # bytes to look through for the data; a WAV whose header is longer is none


def read_wav(source: Path | bytes) -> AudioFrame:
    """A whole file; several channels are mixed to one. Raises `ConfigError` naming the file and what is wrong."""
    name = source.name if isinstance(source, Path) else "the sound"
    try:
        opened = io.BytesIO(source) if isinstance(source, bytes) else str(source)
        with wave.open(opened, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as cause:
        raise ConfigError(
            f"{name} is not a PCM WAV file ({cause}); convert it, e.g. with sox IN -b 16 OUT.wav"
        ) from None
    except OSError as cause:
        raise ConfigError(f"{name}: {cause.strerror}") from None
    if width != SAMPLE_BYTES:
        raise ConfigError(f"{name} has {8 * width}-bit samples; 16 are needed: sox IN -b 16 OUT.wav")
    if channels > 1:
        whole = len(pcm) // (SAMPLE_BYTES * channels) * SAMPLE_BYTES * channels
        mixed = np.frombuffer(pcm[:whole], np.int16).reshape(-1, channels).mean(axis=1)
        pcm = mixed.astype(np.int16).tobytes()
    return AudioFrame(pcm, rate)


def wav_header(rate: int, data_bytes: int | None = None) -> bytes:
    """The 44 bytes before the samples; `None` for a stream whose length nobody knows yet."""
    size = UNKNOWN if data_bytes is None else data_bytes
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", min(UNKNOWN, size + 36), b"WAVE", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16),
        *(b"data", size),
    )


def wav_bytes(pcm: bytes, rate: int) -> bytes:
    """A whole WAV."""
    return wav_header(rate, len(pcm)) + pcm


class WavStream:
    """Reads a WAV as it comes in, cut anywhere. `rate` is None until the header is complete."""

    def __init__(self) -> None:
        self.rate: int | None = None
        self.total_bytes: int | None = None  # of sound; None when the maker did not know
        self._head = bytearray()
        self._left = 0  # bytes of sound still to come

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; give the sound in them. Raises `ConfigError` if this is no 16-bit mono WAV."""
        if self.rate is None:
            self._head += data
            data = self._header()
            if self.rate is None:
                return b""
        if self.total_bytes is None:
            return data
        sound = data[: self._left]
        self._left -= len(sound)
        return sound

    def _header(self) -> bytes:
        """Look for the data; give what follows its header, once there is any."""
        head = self._head
        magic = (bytes(head[:4]), bytes(head[8:12]))
        if not (b"RIFF".startswith(magic[0]) and b"WAVE".startswith(magic[1])):
            raise ConfigError("the sound is not a WAV stream")
        at, rate = 12, 0
        while len(head) >= at + 8:
            kind, size = bytes(head[at : at + 4]), int.from_bytes(head[at + 4 : at + 8], "little")
            if kind == b"data":
                self.rate = rate
                self.total_bytes = size if 0 < size < UNKNOWN - 36 else None
                self._left = size
                rest = bytes(head[at + 8 :])
                head.clear()
                return rest
            if kind == b"fmt " and len(head) >= at + 8 + 16:
                coding, channels, rate = struct.unpack_from("<HHI", head, at + 8)
                bits = struct.unpack_from("<H", head, at + 22)[0]
                if coding not in (1, 0xFFFE) or channels != 1 or bits != 16 or not rate:
                    raise ConfigError(
                        f"the sound is WAV of coding {coding}, {channels} channels, {bits} bits; not PCM mono 16"
                    )
            if size > HEADER_MAX:
                raise ConfigError("the sound's WAV header is longer than any honest one")
            at += 8 + size + size % 2
        if len(head) > HEADER_MAX:
            raise ConfigError("the sound's WAV header has no data")
        return b""
