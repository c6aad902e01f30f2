"""Files of ours are readable by our user alone: what callers say stands in them."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FOLDER, FILE = 0o700, 0o600
UMASK = 0o077


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


def _mend(path: Path) -> None:
    with suppress(OSError):  # gone meanwhile, or another user's: theirs to mend
        seen = path.lstat()
        if stat.S_ISLNK(seen.st_mode) or seen.st_uid != os.getuid() or not seen.st_mode & UMASK:
            return
        path.chmod(stat.S_IMODE(seen.st_mode) & ~UMASK)
