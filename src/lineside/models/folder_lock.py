"""One process at a time in a model's folder."""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from lineside.errors import ConfigError
from lineside.models.partial_file import cannot_write

LOCK_SECONDS = 3600.0  # for another process that fetches the same model; then this one gives up and says so
LOOK_SECONDS = 0.5  # between two looks whether the other process is done


@asynccontextmanager
async def locked_folder(folder: Path, waits: Callable[[], None]) -> AsyncGenerator[Path, None]:
    """The folder, made where it is missing. The lock goes with the process, however that ends.

    `waits` is called at every look while another process has the lock. Raises `ConfigError` after an hour of them.
    """
    clock = asyncio.get_running_loop().time
    lock = _lock(folder)
    try:
        until = clock() + LOCK_SECONDS
        while not _locked(lock):
            if clock() > until:
                raise ConfigError(f"another process has held {folder / '.lock'} for an hour. End it and try again.")
            waits()
            await asyncio.sleep(LOOK_SECONDS)
        yield folder
    finally:
        os.close(lock)


def _lock(folder: Path) -> int:
    """The folder's lock, open but not taken yet; makes the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as cause:
        raise cannot_write(folder, cause) from cause


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
