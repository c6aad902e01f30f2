"""Files that are replaced whole or not at all, and outlive a power cut."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path

DRAFT = re.compile(r"\.(\d+)\.draft$")  # with the number of the process that writes it
LEFT_AFTER = 60.0  # seconds; a draft takes milliseconds, and an older one is left behind, whatever has its number now


def write_whole(path: Path, content: bytes) -> None:
    """Write this file in place of the one there is. Raises `OSError`; then the old one is there, and no draft."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names that came and went in this folder are on the disk, too. Raises `OSError`."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sweep_drafts(folder: Path) -> None:
    """Delete drafts of killed processes. For the start of a process: one with its own number is not its own."""
    for path in folder.glob("*.draft"):
        if (draft := DRAFT.search(path.name)) is None:
            continue
        with suppress(OSError):  # gone meanwhile, or another user's
            if _gone(int(draft[1])) or path.lstat().st_mtime < time.time() - LEFT_AFTER:
                path.unlink()


def _gone(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False
