"""Files of ours are readable by our user alone: what callers say stands in them."""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = 0o700
UMASK = 0o077
LOCK = ".lock"  # in a temporary folder: held by the process that uses the folder
KEPT = ("spool", "recordings", "agents", "set-aside.jsonl", "records.db*")  # in DATA_DIR, of calls and agents
SWEPT_AFTER = 60.0  # seconds since a folder whose process is gone was changed; a younger one may not be locked yet


def make_files_private() -> None:
    """Every file that this process and its children create is for our user alone. At the start of each program."""
    os.umask(UMASK)


def private_folder(folder: Path) -> None:
    """Create this folder with those above it. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)


def mend_modes(places: Iterable[Path]) -> None:
    """Take away from others what older versions left readable: these files and folders, and all within them."""
    for place in places:
        _mend(place)
        if place.is_dir() and not place.is_symlink():
            for above, folders, files in os.walk(place):
                for name in (*folders, *files):
                    _mend(Path(above, name))


def mend_data_folder(folder: Path) -> None:
    """The same for DATA_DIR and all that it keeps of calls and agents. Models there stay as they are."""
    _mend(folder)
    mend_modes(path for name in KEPT for path in sorted(folder.glob(name)))


def _mend(path: Path) -> None:
    with suppress(OSError):  # gone meanwhile, or another user's: theirs to mend
        seen = path.lstat()
        if stat.S_ISLNK(seen.st_mode) or seen.st_uid != os.getuid() or not seen.st_mode & UMASK:
            return
        path.chmod(stat.S_IMODE(seen.st_mode) & ~UMASK)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder that is gone with the block. What killed processes left behind under this prefix is deleted first."""
    sweep_temporary_folders(prefix)
    with tempfile.TemporaryDirectory(prefix=prefix) as name, Path(name, LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Path(name)


def sweep_temporary_folders(prefix: str) -> None:
    """Delete temporary folders of ours whose process is gone without having deleted them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):  # in use, gone meanwhile, or without a lock: not made by `temporary_folder`
            seen = folder.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
                continue
            if seen.st_mtime > time.time() - SWEPT_AFTER:
                continue
            with (folder / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
