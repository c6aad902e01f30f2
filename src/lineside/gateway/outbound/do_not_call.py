"""Who is not to be called: a file of numbers, one a line, that the operator may edit and programs may add to."""

import asyncio
import os
from pathlib import Path

from lineside.errors import LinesideError
from lineside.telephone_numbers import number_of

FILE = "do-not-call.txt"  # in DATA_DIR
MOST = 2_000_000  # numbers; a longer file is refused by its size
LARGEST = 64 * 1024 * 1024  # bytes


class DoNotCallFull(LinesideError):
    """The list cannot take one more; the message says what to do."""


class DoNotCallList:
    """The list of one gateway. It is read again when its file has changed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._numbers: frozenset[str] = frozenset()
        self._seen: tuple[int, int] | None = None  # mtime in ns, size: of what was read

    async def holds(self, number: str) -> bool:
        """Whether a number is on the list. Raises `OSError` where the file cannot be read: then nobody is called."""
        await asyncio.to_thread(self._refresh)
        return plain(number) in self._numbers

    async def add(self, number: str) -> bool:
        """Put a number on the list, on the disk when this returns; False where it was there.

        Raises `OSError`, `DoNotCallFull`.
        """
        return await asyncio.to_thread(self._add, plain(number))

    async def count(self) -> int:
        """How many numbers are on it. Raises `OSError`."""
        await asyncio.to_thread(self._refresh)
        return len(self._numbers)

    def _add(self, number: str) -> bool:
        self._refresh()
        if number in self._numbers:
            return False
        if len(self._numbers) >= MOST:
            raise DoNotCallFull(f"{self.path} holds {MOST} numbers already; shorten it")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        self._refresh()
        return True

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._numbers, self._seen = frozenset(), None
            return
        if (stat.st_mtime_ns, stat.st_size) == self._seen:
            return
        if stat.st_size > LARGEST:
            raise OSError(f"{self.path} is larger than {LARGEST} bytes")
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self._numbers = frozenset(plain(line.partition("#")[0]) for line in lines) - {""}
        self._seen = stat.st_mtime_ns, stat.st_size


def plain(number: str) -> str:
    """A number as the list has it: with `+` where its country stands, no spaces; an address in small letters."""
    written = number.strip().lower()
    return number_of(written) or written
