"""WAV: files read whole, streams read as they come, and writing. One channel, signed 16-bit inside lineside.

The format is RIFF (Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, 1991).
"""

import io
import struct
import wave
from pathlib import Path

import numpy as np

from lineside.audio.frame import SAMPLE_BYTES, AudioFrame
from lineside.errors import ConfigError

UNKNOWN = 0xFFFFFFFF  # the length of a stream that is still being made …
UNKNOWN_LENGTH = 0x7FFF0000  # … and other programs write 0, or 2 GiB less a header: nothing this long is meant
HEADER_MAX = 64 * 1024  # bytes before the sound; a WAV whose header is longer is none
RATES = range(4000, 192_001)  # Hz; any other is a mistake, and nothing after it could be trusted
PCM, EXTENSIBLE = 1, 0xFFFE  # codings; the second says more further on, and with 16 bits it is PCM


def read_wav(source: Path | bytes) -> AudioFrame:
    """A whole file; several channels are mixed to one. Raises `ConfigError` naming the file and what is wrong."""
    name = str(source) if isinstance(source, Path) else "the sound"
    try:
        with wave.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError, struct.error, RuntimeError) as cause:  # all of them seen from damaged files
        reason = str(cause) or "it ends too early"
        raise ConfigError(f"{name} is not a PCM WAV file ({reason}); convert it: sox IN -b 16 OUT.wav") from None
    except OSError as cause:
        raise ConfigError(f"cannot read {name}: {cause.strerror}") from None
    if width != SAMPLE_BYTES:
        raise ConfigError(f"{name} has {8 * width}-bit samples; 16 bits are needed: sox IN -b 16 OUT.wav")
    if rate not in RATES:
        raise ConfigError(f"{name} has a sample rate of {rate} Hz; supported: {RATES[0]} to {RATES[-1]}")
    samples = np.frombuffer(pcm, "<i2", count=len(pcm) // SAMPLE_BYTES // channels * channels)
    if channels > 1:
        samples = np.rint(samples.reshape(-1, channels).mean(axis=1)).astype("<i2")
    return AudioFrame(samples.tobytes(), rate)


def wav_bytes(pcm: bytes, rate: int) -> bytes:
    """A whole WAV of one channel. `pcm` is signed 16-bit; `rate` in hertz."""
    return wav_header(rate, len(pcm)) + pcm


def wav_header(rate: int, data_bytes: int | None = None, *, channels: int = 1) -> bytes:
    """The 44 bytes before the samples; `None` for a stream whose length nobody knows yet."""
    frame = channels * SAMPLE_BYTES
    size = UNKNOWN if data_bytes is None else data_bytes
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", min(UNKNOWN, size + 36), b"WAVE"),
        *(b"fmt ", 16, PCM, channels, rate, rate * frame, frame, 8 * SAMPLE_BYTES),
        *(b"data", size),
    )


class WavStream:
    """Reads a WAV as it comes in, cut anywhere; also several in a row, as some voices send one for each sentence."""

    def __init__(self) -> None:
        self.rate: int | None = None  # in hertz; None until the first header is complete
        self.total_bytes: int | None = None  # of sound in the first file; None when its maker did not know
        self._held = bytearray()  # a header that is not complete, or what may begin one
        self._left: int | None = 0  # bytes of sound still to come in this file; None when its maker did not know
        self._skip = 0  # bytes of other chunks to pass over
        self._in_sound = False

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; give the sound in them, which may end inside a sample.

        Raises `ConfigError` if this is no WAV of 16-bit PCM with one channel, or if a later one has another rate.
        """
        self._held += data
        sound = bytearray()
        while self._held:
            before = len(self._held), self._in_sound
            if self._in_sound:
                sound += self._take_sound()
            elif self.rate is None or self._held[:4] == b"RIFF":
                self._take_header()
            else:
                self._pass_chunk()
            if (len(self._held), self._in_sound) == before:
                break  # more has to come first
        return bytes(sound)

    def _take_sound(self) -> bytes:
        if self._left is not None:
            size = min(self._left, len(self._held))
            self._left -= size
            self._in_sound = self._left > 0
        else:
            size, self._in_sound = self._until_next_file()
        sound = bytes(self._held[:size])
        del self._held[:size]
        return sound

    def _until_next_file(self) -> tuple[int, bool]:
        """Bytes of sound of unknown length, and whether it goes on after them: another header may end it."""
        held, at = self._held, -1
        while (at := held.find(b"RIFF", at + 1)) >= 0:
            if len(held) < at + 12:
                return at, True
            if held[at + 8 : at + 12] == b"WAVE":
                return at, False
        begun = next((size for size in (3, 2, 1) if held.endswith(b"RIFF"[:size])), 0)
        return len(held) - begun, True

    def _pass_chunk(self) -> None:
        """Pass over what stands between two files: notes, padding."""
        if not self._skip and len(self._held) >= 8:
            size = int.from_bytes(self._held[4:8], "little")
            self._skip = 8 + size + size % 2 if self._held[:4].isascii() else len(self._held)
        size = min(self._skip, len(self._held))
        self._skip -= size
        del self._held[:size]

    def _take_header(self) -> None:
        """Look for the sound, chunk by chunk."""
        head = self._held
        if not (b"RIFF".startswith(head[:4]) and b"WAVE".startswith(head[8:12])):
            raise ConfigError("the audio is not a WAV stream: it does not begin with RIFF … WAVE")
        at, rate = 12, None
        while len(head) >= at + 8:
            kind, size = bytes(head[at : at + 4]), int.from_bytes(head[at + 4 : at + 8], "little")
            at += 8
            if kind == b"data":
                self._begin(rate, size)
                del head[:at]
                return
            if at + size > HEADER_MAX:
                raise ConfigError(f"the WAV header has no audio data in its first {HEADER_MAX} bytes")
            if len(head) < at + size:
                return
            if kind == b"fmt ":
                rate = _rate_of(bytes(head[at : at + size]))
            at += size + size % 2  # chunks begin at even places

    def _begin(self, rate: int | None, size: int) -> None:
        if rate is None:
            raise ConfigError("the WAV header has no fmt chunk before data")
        if self.rate not in (None, rate):
            raise ConfigError(f"the audio changes its sample rate from {self.rate} to {rate} Hz")
        self._left = size if 0 < size < UNKNOWN_LENGTH else None
        if self.rate is None:
            self.rate, self.total_bytes = rate, self._left
        self._in_sound = True


def describe_wavs(data: bytes) -> list[str]:
    """What each WAV in a row is, in words: "16 bits, 1 channel, 24000 Hz"; empty where there is none."""
    found, at = [], -1
    while (at := data.find(b"RIFF", at + 1)) >= 0:
        form = data.find(b"fmt ", at, at + HEADER_MAX)
        if data[at + 8 : at + 12] != b"WAVE" or form < 0 or len(data) < form + 24:
            continue
        coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, form + 8)
        kind = {PCM: "", EXTENSIBLE: "", 3: " of floating point"}.get(coding, f" of coding {coding}")
        found.append(f"{bits} bits{kind}, {channels} channel{'s' if channels != 1 else ''}, {rate} Hz")
    return found


def _rate_of(form: bytes) -> int:
    """The rate in a fmt chunk, if all else in it is as we need it."""
    if len(form) < 16:
        raise ConfigError(f"the WAV header is damaged: its fmt chunk has {len(form)} bytes, not 16")
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if coding not in (PCM, EXTENSIBLE) or channels != 1 or bits != 8 * SAMPLE_BYTES:
        found = f"coding {coding}, {channels} channels, {bits} bits"
        raise ConfigError(f"the audio is WAV with {found}; needed: format 1 (PCM), 1 channel, 16 bits")
    if rate not in RATES:
        raise ConfigError(f"the audio has a sample rate of {rate} Hz; supported: {RATES[0]} to {RATES[-1]}")
    return int(rate)
