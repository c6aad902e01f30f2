"""Entries on the disk until the database has them: append-only files, read from the oldest on, also after a restart.

Every process has a folder of its own, locked while it lives. Who starts takes over the folders of those that are gone.
What has been read is overwritten before it is deleted: words of callers stand in it.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

SEGMENT = 1 << 20  # bytes of one file; then the next is begun
BATCH = 500  # entries read at once


class Spool:
    """The entries of one process, in order. One thread uses it."""

    def __init__(self, folder: Path) -> None:
        """Take this folder. Raises `BlockingIOError` when a living process has it, `OSError` for what a disk does."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise
        self._done = 0  # bytes of the oldest file that have been read and are in the database

    @property
    def size(self) -> int:
        """Bytes that the database has not got."""
        return sum(path.stat().st_size for path in self._segments()) - self._done

    def append(self, entries: Sequence[bytes]) -> None:
        """Add entries, each one line. All of them or, raising `OSError`, none."""
        if not entries:
            return
        segments = self._segments()
        path = segments[-1] if segments else self._after(0)
        if segments and path.stat().st_size >= SEGMENT:
            path = self._after(int(path.stem))
        number = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            end = os.fstat(number).st_size
            os.lseek(number, end, os.SEEK_SET)
            try:
                _write(number, b"".join(entry + b"\n" for entry in entries))
            except OSError:
                os.ftruncate(number, end)
                raise
        finally:
            os.close(number)

    def read(self) -> tuple[list[bytes], int]:
        """The oldest entries, at most `BATCH`, and what to hand to `done` when the database has them."""
        for path in self._segments():
            with path.open("rb") as file:
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
            self._forget(path)
        return [], 0

    def done(self, size: int) -> None:
        """The database has what `read` gave."""
        self._done += size
        path = self._segments()[0]
        if self._done >= path.stat().st_size:
            self._forget(path)

    def close(self) -> None:
        """Let go of the folder; delete it if there is nothing in it."""
        if not self._segments():
            (self.folder / "lock").unlink(missing_ok=True)
            with suppress(OSError):  # somebody put something in; it is theirs
                self.folder.rmdir()
        self.leave()

    def leave(self) -> None:
        """Let go of the folder as it is: whoever comes next finds it."""
        os.close(self._lock)

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def _after(self, number: int) -> Path:
        return self.folder / f"{number + 1:08}.jsonl"

    def _forget(self, path: Path) -> None:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        self._done = 0


def new_spool(parent: Path) -> Spool:
    """A folder of one's own."""
    return Spool(parent / uuid4().hex)


def left_behind(parent: Path, but: Path) -> Iterator[Spool]:
    """The folders of processes that are gone."""
    for folder in sorted(parent.iterdir()):
        if folder != but and folder.is_dir():
            try:
                yield Spool(folder)
            except BlockingIOError:
                continue  # its process lives


def _write(number: int, raw: bytes) -> None:
    left = memoryview(raw)
    while left:
        left = left[os.write(number, left) :]
