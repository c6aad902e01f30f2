"""One recording on the disk: FLAC, two channels, written as the call goes on.

FLAC rather than Opus: nothing is lost, so a call can be replayed from it, and a file that was never closed because the
machine went down can be heard as far as it got. Every block says its place in samples.
"""

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog
from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES
from lineside.protocol import Codec
from lineside.records.descriptors import DescriptorReserve
from lineside.records.entries import Recording
from lineside.records.recorder import RecordedStretch

log = structlog.get_logger()

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LEVEL = 0.3  # of FLAC's effort, 0 to 1: 3 of 8. Higher levels take twice the time for 2 % less
READ_FRAMES = 1 << 16  # samples of each side read at once
# RFC 9639, 8.2: after "fLaC", the block header (4 bytes) and 10 bytes of block and frame sizes come 20 bits of sample
# rate, 3 of channels, 5 of depth and 36 of the number of samples, then 16 bytes of MD5 (zeros: unknown).
STREAM_INFO_AT, SAMPLES_BITS, MD5_BYTES = 18, 36, 16
BLOCK_SIZE_AT = 8  # samples of a block, 16 bits
UNKNOWN_FRAMES = 1 << 62  # libsndfile's length of a file that was never closed is larger


class RecordingFile:
    """One recording being written. A fault gives up this recording, and nothing else."""

    def __init__(
        self, path: Path, codec: Codec, rate: int, make_room: Callable[[], bool], reserve: DescriptorReserve
    ) -> None:
        self._path, self._codec, self._rate = path, codec, rate
        self._make_room, self._reserve = make_room, reserve
        self._file: DiskFile | None = None
        self._sound: object = None
        self._given_up = False
        self._samples = 0
        self.size = 0

    @property
    def seconds(self) -> float:
        """Its length."""
        return round(self._samples / self._rate, 3)

    def write(self, stretch: RecordedStretch) -> None:
        """Add to it."""
        if self._given_up:
            return
        try:
            if self._file is None:
                self._file = DiskFile(self._path, self._make_room, self._reserve)
                self._sound = _flac(self._file, self._rate)
            sound = both_sides(stretch, self._codec)
            self._sound.write(sound)  # type: ignore[attr-defined]
            self._samples += len(sound)
        except (OSError, RuntimeError) as fault:
            self.give_up(str(fault))
            return
        if self._file.fault is not None:
            self.give_up(str(self._file.fault))

    def give_up(self, why: str) -> None:
        """This recording cannot be kept."""
        if not self._given_up:
            log.warning("cannot write recording", call=self._path.stem, why=why)
        self._given_up = True

    def close(self) -> Recording:
        """Close the file; what has become of the recording. A call without sound has none."""
        if self._file is None:
            return "given_up" if self._given_up else "none"
        with suppress(RuntimeError, OSError):
            self._sound.close()  # type: ignore[attr-defined]
        whole = not self._given_up and self._file.fault is None
        self.size = self._file.end()
        return "kept" if whole else "given_up"


class DiskFile(io.RawIOBase):
    """A file that makes room when the disk is full. libsndfile cannot raise: the fault is kept, to be asked for."""

    def __init__(self, path: Path, make_room: Callable[[], bool], reserve: DescriptorReserve) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._number = reserve.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self._make_room = make_room
        self.fault: OSError | None = None

    def write(self, raw: object) -> int:
        """Write all of it, or keep the fault."""
        left = memoryview(raw)  # type: ignore[arg-type]
        size = len(left)
        while left:
            try:
                left = left[os.write(self._number, left) :]
            except OSError as fault:
                if fault.errno not in FULL or not self._make_room():
                    self.fault = self.fault or fault
                    return size - len(left)
        return size

    def readinto(self, into: object) -> int:
        """Read at the place."""
        return os.readv(self._number, [into])  # type: ignore[list-item]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return os.lseek(self._number, offset, whence)

    def tell(self) -> int:
        """The place."""
        return os.lseek(self._number, 0, os.SEEK_CUR)

    def end(self) -> int:
        """Close it; its size in bytes."""
        size = os.fstat(self._number).st_size
        os.close(self._number)
        return size


class Salvaged(Struct, frozen=True):
    """What could be saved of a recording whose process died."""

    seconds: float
    size: int  # bytes


def salvage(path: Path) -> Salvaged | None:
    """Count the samples of a recording that was never closed, and write the number into its header, where players look
    for the length. None: nothing in it can be heard. Raises `OSError` when the disk does not take it.
    """
    samples = rate = 0
    with suppress(RuntimeError), opened_sound(path) as (sound, at_once):  # RuntimeError: there is no sound at all
        rate = sound.samplerate
        while read := len(read_sound(sound, at_once, "int16")):
            samples += read
    if not samples:
        return None
    with path.open("r+b") as file:
        file.seek(STREAM_INFO_AT)
        packed = int.from_bytes(file.read(8))
        file.seek(STREAM_INFO_AT)
        file.write(((packed >> SAMPLES_BITS << SAMPLES_BITS) | samples).to_bytes(8) + bytes(MD5_BYTES))
    return Salvaged(round(samples / rate, 3), path.stat().st_size)


@contextmanager
def opened_sound(path: Path) -> Iterator[tuple[Any, int]]:
    """A recording, and how many samples to read at once. Raises libsndfile's `RuntimeError`.

    Behind the end of a file that was never closed libsndfile fails, and what it read last is lost with it: such a file
    is read by the blocks that were written.
    """
    import soundfile

    with soundfile.SoundFile(path) as sound:
        if sound.frames < UNKNOWN_FRAMES:
            yield sound, READ_FRAMES
            return
        with path.open("rb") as file:
            block = int.from_bytes(file.read(BLOCK_SIZE_AT + 2)[BLOCK_SIZE_AT:])
        yield sound, max(block, 1)


def read_sound(sound: Any, at_once: int, kind: str) -> npt.NDArray[Any]:
    """The next samples, × 2; none at the end, or behind the torn end of a file that was never closed."""
    try:
        read: npt.NDArray[Any] = sound.read(at_once, dtype=kind, always_2d=True)
    except RuntimeError:
        return np.zeros((0, 2), kind)
    return read


def both_sides(stretch: RecordedStretch, codec: Codec) -> npt.NDArray[np.int16]:
    """Both voices side by side: samples × 2, signed 16-bit."""
    sides = [side if codec == "pcm" else g711.decode(side, codec) for side in (stretch.caller, stretch.agent)]
    sound = np.empty((len(sides[0]) // SAMPLE_BYTES, 2), np.int16)
    for channel, side in enumerate(sides):
        sound[:, channel] = np.frombuffer(side, "<i2")
    return sound


def _flac(file: DiskFile, rate: int) -> object:
    import soundfile

    return soundfile.SoundFile(
        file, "w", samplerate=rate, channels=2, format="FLAC", subtype="PCM_16", compression_level=LEVEL
    )
