"""Entries that the database refuses, in a file of their own: they hold up no other, and nothing is thrown away.

All processes of a DATA_DIR share the file. An operator may read it and put it right; deletion reaches it too.
"""

import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from lineside.errors import UNREADABLE
from lineside.records.descriptors import DescriptorReserve


class _Whose(Struct):
    """What is read of an entry to know whose it is."""

    call: str = ""
    caller: str = ""


class SetAsideFile:
    """The file of entries set aside."""

    def __init__(self, path: Path, reserve: DescriptorReserve) -> None:
        self.path, self._reserve = path, reserve

    def append(self, lines: Sequence[bytes]) -> None:
        """Add entries. Raises `OSError`."""
        with self._open(os.O_RDWR | os.O_CREAT | os.O_APPEND) as number:
            os.write(number, b"".join(line + b"\n" for line in lines))
            os.fdatasync(number)

    def forget(self, ids: Collection[str], caller: str = "") -> None:
        """Overwrite the entries of these calls, and of this caller. Raises `OSError`."""
        self._keep_only(lambda whose: whose.call not in ids and not (caller and whose.caller == caller))

    def _keep_only(self, stays: Callable[[_Whose], bool]) -> None:
        with suppress(FileNotFoundError), self._open(os.O_RDWR) as number:
            size = os.fstat(number).st_size
            raw = os.pread(number, size, 0)
            kept = b"".join(line for line in raw.splitlines(keepends=True) if stays(_whose(line)))
            if len(kept) < size:
                os.pwrite(number, kept.ljust(size, b"\0"), 0)
                os.fdatasync(number)
                os.ftruncate(number, len(kept))

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        number = self._reserve.open(self.path, flags)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield number
        finally:
            os.close(number)


def _whose(line: bytes) -> _Whose:
    try:
        return msgspec.json.decode(line, type=_Whose)
    except UNREADABLE:
        return _Whose()
