"""A model file on its way in: `.part` until every byte is there and right, then renamed in one step.

What can befall it on the way are the exceptions below. They never leave `lineside.models`: each is caught where the
next source, or the next attempt, is chosen.
"""

import errno
import hashlib
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from lineside.errors import ConfigError
from lineside.models.catalogue import ModelFile
from lineside.models.store import BLOCK
from lineside.writable_folder import why_not

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room, over the quota, over the limit of one file


class NotHere(Exception):
    """This source cannot give the file; another may."""


class Unreachable(NotHere):
    """Nobody answers there: asking the same host or index for another file is no use now."""


class BrokenOff(Exception):
    """The line broke; the same source may go on where it stopped."""


class WrongBytes(Exception):
    """What came is not the file."""


class PartialFile:
    """The `.part` of one file: what is there already, its hash as it grows, and the end of it."""

    def __init__(self, folder: Path, file: ModelFile) -> None:
        self.file = file
        self.size = 0
        self._folder = folder
        self._part = folder / f"{file.name}.part"
        self._hash = hashlib.sha256()
        self._fd = -1

    def __enter__(self) -> Self:
        """Open the `.part`, and hash what an earlier attempt left in it."""
        try:
            self._fd = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as cause:
            raise cannot_write(self._part, cause) from cause
        while block := os.read(self._fd, BLOCK):
            self._hash.update(block)
            self.size += len(block)
        if self.size > self.file.bytes:
            self.restart()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it. Whatever stopped us, what has come stays for the next attempt; an empty `.part` goes."""
        os.close(self._fd)
        if not self.size:
            self._part.unlink(missing_ok=True)

    def restart(self) -> None:
        """Throw away what has come."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self.size = 0

    def need_room(self, besides: int = 0) -> None:
        """Refuse now, with `ConfigError`, what the disk has no room for. `besides`: bytes needed on the way."""
        needed = self.file.bytes - self.size + besides
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise ConfigError(
                f"{self.file.name} needs {_mb(needed)} more in {self._folder}, and the disk has {_mb(free)} left. "
                "Make room, or set LINESIDE_MODELS to a folder on another disk."
            )

    def write(self, chunk: bytes) -> None:
        """Add what came. Raises `WrongBytes` if it is more than the file has, `ConfigError` if the disk is full."""
        if self.size + len(chunk) > self.file.bytes:
            raise WrongBytes(f"gave more than the {self.file.bytes} bytes that {self.file.name} has")
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as cause:
            self.restart()  # a full disk is everybody's trouble: give the room back
            raise cannot_write(self._part, cause) from cause
        self._hash.update(chunk)
        self.size += len(chunk)

    def finish(self) -> None:
        """Check size and SHA-256, and put the file in its place. Raises `WrongBytes` if it is not the file."""
        found = self._hash.hexdigest()
        if self.size != self.file.bytes or found != self.file.sha256:
            raise WrongBytes(f"gave {self.file.name} with SHA-256 {found} instead of {self.file.sha256}")
        try:
            os.fsync(self._fd)
            self._part.replace(self._folder / self.file.name)
            _settle(self._folder)
        except OSError as cause:
            raise cannot_write(self._folder / self.file.name, cause) from cause


def _settle(folder: Path) -> None:
    """Make the renaming itself outlive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def cannot_write(path: Path, cause: OSError) -> ConfigError:
    """The sentence for a disk that does not take what we write."""
    full = "the disk is full: " if cause.errno in FULL else ""
    named = "LINESIDE_MODELS names the folder"
    return ConfigError(f"{full}{path} could not be written ({cause.strerror}): {why_not(path, cause)}; {named}")


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
