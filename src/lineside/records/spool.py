"""Entries on the disk until the database has them: append-only files, read from the oldest on, also after a restart.

Each process has a folder of its own, locked while the process lives. A process that starts adopts the folders of
processes that are gone. What the database has is overwritten before it is deleted: words of callers stand in it.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from lineside.private_files import private_folder
from lineside.records.descriptors import DescriptorReserve

SEGMENT_BYTES = 1 << 20  # of one file; then the next is begun
BATCH = 500  # entries read at once
SEGMENTS = "*.jsonl"
UNNAMED_SECONDS = 60.0  # since a folder without a name was made; then its process died before it could name it


class Spool:
    """The entries of one process, in order. One thread uses it."""

    def __init__(self, folder: Path, reserve: DescriptorReserve | None = None) -> None:
        """Take this folder. Raises `BlockingIOError` when a living process has it, `OSError` for what a disk does."""
        self.folder = folder
        self._reserve = reserve or DescriptorReserve(0)
        self._lock = self._take_folder()
        self._writing: tuple[Path, int] | None = None  # the segment that is appended to, and its descriptor
        self._done = 0  # bytes of the oldest file that have been read and are in the database

    @property
    def size(self) -> int:
        """Bytes that the database does not have."""
        return sum(path.stat().st_size for path in self._segments()) - self._done

    def append(self, entries: Sequence[bytes]) -> None:
        """Add entries, each one line, and have the disk confirm them. All of them or, raising `OSError`, none."""
        if not entries:
            return
        number = self._segment()
        end = os.lseek(number, 0, os.SEEK_END)
        try:
            _write(number, b"".join(entry + b"\n" for entry in entries))
            os.fdatasync(number)
        except OSError:
            with suppress(OSError):
                os.ftruncate(number, end)
            self._end_segment()  # a torn line may stand at its end: nothing is written behind it
            raise

    def read(self) -> tuple[list[bytes], int]:
        """The oldest entries, at most `BATCH`, and what to hand to `done` when the database has them."""
        for path in self._segments():
            with os.fdopen(self._reserve.open(path, os.O_RDONLY), "rb") as file:
                file.seek(self._done)
                lines = []
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # torn: its process died while it wrote
                    lines.append(line)
                    if len(lines) == BATCH:
                        break
            if lines:
                return [line[:-1] for line in lines], sum(map(len, lines))
            self._delete(path)
        return [], 0

    def done(self, size: int) -> None:
        """The database has what `read` gave."""
        self._done += size
        segments = self._segments()
        if not segments:  # deleted while we run
            self._done = 0
        elif self._done >= segments[0].stat().st_size:
            self._delete(segments[0])

    def close(self) -> None:
        """Let go of the folder; delete it if there is nothing in it."""
        self._end_segment()
        with suppress(OSError):  # a disk that takes nothing, or a file of somebody else's: the next start looks again
            if not self._segments():
                (self.folder / "lock").unlink(missing_ok=True)
                self.folder.rmdir()
        self.leave()

    def leave(self) -> None:
        """Let go of the folder as it is: the next process that starts finds it."""
        self._end_segment()
        os.close(self._lock)

    def _take_folder(self) -> int:
        private_folder(self.folder)
        lock = self._reserve.open(self.folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise
        return lock

    def _segment(self) -> int:
        """The segment to append to; its descriptor stays open, so that a process without descriptors still writes."""
        if self._writing is not None:
            path, number = self._writing
            if path.exists() and os.fstat(number).st_size < SEGMENT_BYTES:
                return number
            self._end_segment()
        if not self.folder.exists():  # deleted while we run
            os.close(self._lock)
            self._lock = self._take_folder()
            self._done = 0
        segments = self._segments()
        path = self.folder / f"{int(segments[-1].stem) + 1 if segments else 1:08}.jsonl"
        number = self._reserve.open(path, os.O_WRONLY | os.O_CREAT)
        self._writing = path, number
        _sync_folder(self.folder, self._reserve)
        return number

    def _end_segment(self) -> None:
        if self._writing is not None:
            os.close(self._writing[1])
            self._writing = None

    def _segments(self) -> list[Path]:
        return self._reserve.lend(lambda: sorted(self.folder.glob(SEGMENTS)))

    def _delete(self, path: Path) -> None:
        if self._writing is not None and self._writing[0] == path:
            self._end_segment()
        number = self._reserve.open(path, os.O_RDWR)
        try:
            _write(number, bytes(os.fstat(number).st_size))
            os.fdatasync(number)
        finally:
            os.close(number)
        path.unlink()
        self._done = 0


def new_spool(parent: Path, reserve: DescriptorReserve | None = None) -> Spool:
    """A folder of one's own. It gets its name once it is locked, so that nobody adopts it before."""
    name = uuid4().hex
    spool = Spool(parent / f".{name}", reserve)
    spool.folder = spool.folder.rename(parent / name)
    return spool


def left_behind(parent: Path, but: Path, reserve: DescriptorReserve | None = None) -> Iterator[Spool]:
    """The folders of processes that are gone."""
    for folder in sorted(parent.iterdir()):
        if folder == but or not folder.is_dir():
            continue
        with suppress(FileNotFoundError):  # another process adopted it
            if folder.name.startswith(".") and folder.stat().st_mtime > time.time() - UNNAMED_SECONDS:
                continue
            try:
                spool = Spool(folder, reserve)
            except BlockingIOError:
                continue  # its process lives
            yield spool


def spooled_words(parent: Path, words: Sequence[bytes]) -> set[bytes]:
    """Those of these words that a spool, of any process, still holds."""
    found: set[bytes] = set()
    for path in parent.glob(f"*/{SEGMENTS}"):
        with suppress(FileNotFoundError):  # the database has it, meanwhile
            raw = path.read_bytes()
            found |= {word for word in words if word in raw}
    return found


def _sync_folder(folder: Path, reserve: DescriptorReserve) -> None:
    """A new file's name is on the disk, too."""
    number = reserve.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _write(number: int, raw: bytes) -> None:
    left = memoryview(raw)
    while left:
        left = left[os.write(number, left) :]
