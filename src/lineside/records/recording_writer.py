"""Recordings on the disk: FLAC, two channels, written as the calls go on, in one thread of its own.

FLAC rather than Opus: nothing is lost, so a call can be replayed from it, and a file that was never closed because the
machine went down can be heard as far as it got. Every block says its place in samples.
"""

import errno
import io
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog
from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES
from lineside.protocol import Codec
from lineside.records.entries import Recording, RecordingFinished
from lineside.records.recorder import RecordedStretch

log = structlog.get_logger()

BACKLOG = 64 << 20  # bytes of sound that wait for the disk; beyond it the recording that brings more is given up
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSE_SECONDS = 20.0  # for what waits to be written when the house closes
LEVEL = 0.3  # of FLAC's effort, 0 to 1: 3 of 8. Higher levels take twice the time for 2 % less
FRESH = 5.0  # seconds; a file that was written to since is another process's open one


class _Next(Struct, frozen=True):
    call: str
    strip: RecordedStretch | None  # None: that was the last


class _Told(Struct, frozen=True):
    done: threading.Event  # set when all that came before is written


class RecordingWriter:
    """All recordings of one process."""

    def __init__(self, folder: Path, gone: Callable[[RecordingFinished], None], most: int) -> None:
        """`gone` hears what became of each, in the reel's thread.

        `most`: bytes that recordings may take together; beyond it the oldest is given up.
        """
        self.folder, self._gone, self._most = folder, gone, most
        self._waiting: queue.SimpleQueue[_Next | _Told | None] = queue.SimpleQueue()  # bounded by `BACKLOG`, below
        self._bytes = 0  # that wait; counted under the lock
        self._lock = threading.Lock()
        self._open: dict[str, _Recording] = {}
        self._thread = threading.Thread(target=self._run, name="reel", daemon=True)
        self._thread.start()

    def begin(self, call: str, codec: Codec, rate: int) -> Callable[[RecordedStretch], None]:
        """A new recording; answers what takes its strips. Any thread; waits for nothing."""
        self._open[call] = _Recording(self.folder / f"{call}.flac", codec, rate, self._make_room)
        return lambda strip: self._put(call, strip)

    def end(self, call: str) -> None:
        """The last strip has been given."""
        self._waiting.put(_Next(call, None))

    def close(self) -> None:
        """Write what waits, close every file."""
        self._waiting.put(None)
        self._thread.join(CLOSE_SECONDS)

    def settle(self) -> None:
        """Wait until all that was given before is written; not for longer than at closing time."""
        told = _Told(threading.Event())
        self._waiting.put(told)
        told.done.wait(CLOSE_SECONDS)

    def path(self, call: str) -> Path:
        """Where its recording is, if it has one."""
        return self.folder / f"{call}.flac"

    def complete(self, call: str) -> bool:
        """Whether there is one, and nobody here writes to it any more."""
        return call not in self._open and self.path(call).is_file()

    def erase(self, call: str) -> None:
        """Delete a recording."""
        self.path(call).unlink(missing_ok=True)

    def make_room(self, why: OSError) -> bool:
        """The disk said this: give up the oldest recording, if that helps. Whether one was given up."""
        return why.errno in FULL and self._make_room()

    def tidy(self, also: int = 0) -> None:
        """Give up the oldest recordings while there is more than may be, `also` counted in."""
        while sum(size for _, size, _ in self._kept(fresh=True)) + also > self._most:
            if not self._make_room():
                return

    # ── in the reel's thread ───────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while (following := self._waiting.get()) is not None:
            if isinstance(following, _Told):
                following.done.set()
            else:
                self._take(following)
        for call in tuple(self._open):
            self._take(_Next(call, None))

    def _take(self, following: _Next) -> None:
        recording = self._open[following.call]
        if following.strip is not None:
            with self._lock:
                self._bytes -= 2 * len(following.strip.caller)
            recording.write(following.strip)
            return
        del self._open[following.call]
        state = recording.close()
        self._gone(
            RecordingFinished(call=following.call, recording=state, seconds=recording.seconds, size=recording.size)
        )
        if state == "given_up":
            self.erase(following.call)
        self.tidy()

    def _put(self, call: str, strip: RecordedStretch) -> None:
        size = 2 * len(strip.caller)
        with self._lock:
            full = self._bytes + size > BACKLOG
            self._bytes += 0 if full else size
        if full:
            self._open[call].give_up("the disk is too slow")
        else:
            self._waiting.put(_Next(call, strip))

    def _make_room(self) -> bool:
        """Give up the oldest recording; whether there was one."""
        oldest = min(self._kept(), default=None)
        if oldest is None:
            return False
        _, size, path = oldest
        path.unlink(missing_ok=True)
        log.warning("a recording was given up to make room", call=path.stem, bytes=size)
        self._gone(RecordingFinished(call=path.stem, recording="given_up", seconds=0.0, size=0))
        return True

    def _kept(self, *, fresh: bool = False) -> list[tuple[float, int, Path]]:
        """Recordings that nobody writes to: when they were, their size and place. `fresh`: all of them."""
        found = []
        for path in self.folder.glob("*.flac"):
            with suppress(FileNotFoundError):  # another process was quicker
                seen = path.stat()
                if fresh or (path.stem not in self._open and seen.st_mtime < time.time() - FRESH):
                    found.append((seen.st_mtime, seen.st_size, path))
        return found


class _Recording:
    """One file. A fault gives it up, and nothing else."""

    def __init__(self, path: Path, codec: Codec, rate: int, make_room: Callable[[], bool]) -> None:
        self._path, self._codec, self._rate, self._make_room = path, codec, rate, make_room
        self._file: _Disk | None = None
        self._sound: object = None
        self._given_up = False
        self._samples = 0
        self.size = 0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return round(self._samples / self._rate, 3)

    def write(self, strip: RecordedStretch) -> None:
        """Add to it."""
        if self._given_up:
            return
        try:
            if self._file is None:
                self._file = _Disk(self._path, self._make_room)
                self._sound = _flac(self._file, self._rate)
            sound = both(strip, self._codec)
            self._sound.write(sound)  # type: ignore[attr-defined]
            self._samples += len(sound)
        except (OSError, RuntimeError) as fault:
            self.give_up(str(fault))
            return
        if self._file.fault is not None:
            self.give_up(str(self._file.fault))

    def give_up(self, why: str) -> None:
        """It cannot be kept."""
        if not self._given_up:
            log.warning("a recording cannot be written", call=self._path.stem, why=why)
        self._given_up = True

    def close(self) -> Recording:
        """Close the file; what has become of it. A call without sound has none."""
        if self._file is None:
            return "given_up" if self._given_up else "none"
        with suppress(RuntimeError, OSError):
            self._sound.close()  # type: ignore[attr-defined]
        whole = not self._given_up and self._file.fault is None
        self.size = self._file.end()
        return "kept" if whole else "given_up"


class _Disk(io.RawIOBase):
    """A file that makes room when the disk is full. libsndfile cannot raise: the fault is kept to be asked for."""

    def __init__(self, path: Path, make_room: Callable[[], bool]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
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


def both(strip: RecordedStretch, codec: Codec) -> npt.NDArray[np.int16]:
    """Both voices side by side: samples × 2, signed 16-bit."""
    sides = [side if codec == "pcm" else g711.decode(side, codec) for side in (strip.caller, strip.agent)]
    sound = np.empty((len(sides[0]) // SAMPLE_BYTES, 2), np.int16)
    for channel, side in enumerate(sides):
        sound[:, channel] = np.frombuffer(side, "<i2")
    return sound


def _flac(file: _Disk, rate: int) -> object:
    import soundfile

    return soundfile.SoundFile(
        file, "w", samplerate=rate, channels=2, format="FLAC", subtype="PCM_16", compression_level=LEVEL
    )
