"""The folder of recordings and the room they may take. The folder is looked at seldom: at every end of a call it would
cost more than the recording.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from lineside.private_files import private_folder

log = structlog.get_logger()

LOOK_SECONDS = 600.0  # between two looks at the folder; in between the sum of sizes is kept
COPY_SECONDS = 300.0  # that a copy of a recording which is stored elsewhere stays, after its last use
FRESH_SECONDS = 5.0  # a file written to since then is being recorded, perhaps by another process


class RecordingsFolder:
    """Recordings by call. Any thread."""

    def __init__(self, path: Path, most: int, given_up: Callable[[str], None]) -> None:
        """`most`: bytes that recordings may take together. `given_up` hears the call of each that makes room.

        Raises `OSError`.
        """
        private_folder(path)
        self._copies = path / "copies"
        self.path, self._most, self._given_up = path, most, given_up
        self._lock = threading.Lock()
        self._bytes = 0  # of all recordings, since the last look
        self._oldest: deque[tuple[float, int, Path]] = deque()  # moment, size, place; as found at the last look
        self._looked: float | None = None
        self.scans = 0

    def of(self, call: str) -> Path:
        """Where a call's recording is, if it has one."""
        return self.path / f"{call}.flac"

    def copy_of(self, call: str) -> Path:
        """Where a copy is, of a recording that is stored elsewhere, if there is one."""
        return self._copies / f"{call}.flac"

    def used_copy(self, call: str) -> bool:
        """Whether there is a copy; it stays for a while from now on."""
        with suppress(FileNotFoundError):
            os.utime(self.copy_of(call))
            return True
        return False

    def stored(self, call: str) -> None:
        """A recording is stored elsewhere now: what is here is a copy."""
        path = self.of(call)
        private_folder(self._copies)
        with suppress(FileNotFoundError):
            os.utime(path)
            size = path.stat().st_size
            path.replace(self.copy_of(call))
            with self._lock:
                self._bytes -= size

    def drop_old_copies(self) -> None:
        """Delete copies, and what is left of some, that nobody used lately."""
        for path in self._copies.glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - COPY_SECONDS:
                    path.unlink()

    def added(self, size: int) -> None:
        """A recording of this size is complete: give up the oldest ones while there is more than there may be."""
        with self._lock:
            if self._looked is None or time.monotonic() - self._looked > LOOK_SECONDS:
                self._look()
            else:
                self._bytes += size
            while self._bytes > self._most and self._give_up_oldest():
                pass

    def tidy(self) -> None:
        """Look at the folder, and give up what is too much."""
        with self._lock:
            self._look()
            while self._bytes > self._most and self._give_up_oldest():
                pass

    def make_room(self) -> bool:
        """The disk is full: give up the oldest recording; whether there was one."""
        with self._lock:
            return self._give_up_oldest()

    def erase(self, call: str) -> None:
        """Delete a recording, and its copy."""
        self.copy_of(call).unlink(missing_ok=True)
        path = self.of(call)
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            with self._lock:
                self._bytes -= size

    def _look(self) -> None:
        found, self._bytes = [], 0
        for path in self.path.glob("*.flac"):
            with suppress(FileNotFoundError):  # another process deleted it
                seen = path.stat()
                self._bytes += seen.st_size
                found.append((seen.st_mtime, seen.st_size, path))
        self._oldest = deque(sorted(found))
        self._looked = time.monotonic()
        self.scans += 1

    def _give_up_oldest(self) -> bool:
        """Whether there was one."""
        if not self._oldest:
            if self._looked is not None and time.monotonic() - self._looked < FRESH_SECONDS:
                return False  # just looked: nothing has become old since
            self._look()
        while self._oldest:
            moment, size, path = self._oldest.popleft()
            if moment > time.time() - FRESH_SECONDS:
                continue
            with suppress(FileNotFoundError):
                path.unlink()
                self._bytes -= size
                log.warning("recording deleted to free disk space", call=path.stem, bytes=size)
                self._given_up(path.stem)
                return True
        return False
