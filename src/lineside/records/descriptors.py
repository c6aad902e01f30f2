"""File descriptors kept back for records: when connections have used up all others, calls are still kept."""

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

KEPT_BACK = 32  # a spool segment, its folder, the database's files, and the recordings of some calls
EXHAUSTED = (errno.EMFILE, errno.ENFILE)


class DescriptorReserve:
    """Descriptors that are open on nothing, and closed when one is needed. Any thread."""

    def __init__(self, many: int = KEPT_BACK) -> None:
        self._many, self._free = many, list[int]()
        self._lock = threading.Lock()
        self.refill()

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        """Open a file, with one of the descriptors kept back if there is no other. Raises `OSError`."""
        return self.lend(lambda: os.open(path, flags | os.O_CLOEXEC, mode))

    def lend(self, work: Callable[[], T]) -> T:
        """Do what needs a descriptor, such as listing a folder, with one kept back if there is no other."""
        while True:
            try:
                return work()
            except OSError as why:
                if why.errno not in EXHAUSTED or not self._give_one():
                    raise

    def refill(self) -> None:
        """Take back what was given, as far as there is any."""
        with self._lock, suppress(OSError):
            while len(self._free) < self._many:
                self._free.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def close(self) -> None:
        """Give up all of them."""
        with self._lock:
            self._many = 0
            while self._free:
                os.close(self._free.pop())

    def _give_one(self) -> bool:
        with self._lock:
            if not self._free:
                return False
            os.close(self._free.pop())
            return True
