"""Whether a folder may be written to, and the sentence where it may not: path, owner and user in it.

Containers run as a user of one's own, and a folder that is mounted into one was often made by root.
"""

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

from lineside.errors import ConfigError

ROOM = 1 << 20  # bytes; a disk with less is full
_DENIED = (errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_FOLDER = (errno.ENOTDIR, errno.EEXIST, errno.ELOOP)


def require_writable(folder: Path, setting: str) -> None:
    """Make the folder if need be, and write to it. Raises `ConfigError` in one sentence; `setting` names the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder, prefix=".lineside-") as file:
            file.write(bytes(4096))
            file.flush()
        if shutil.disk_usage(folder).free < ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as cause:
        raise ConfigError(f"{setting}={folder} cannot be written to: {why_not(folder, cause)}") from cause


def why_not(path: Path, cause: OSError) -> str:
    """Why this file or folder cannot be written, and what to do about it."""
    place = _nearest(path)
    if cause.errno == errno.EROFS or (cause.errno in _DENIED and _read_only(place)):
        return f"{place} is on a read-only filesystem; mount it writable, or name another folder"
    if cause.errno in _DENIED:
        return _denied(place)
    if cause.errno in _FULL:
        return f"the disk of {place} is full ({cause.strerror}); make room, or name a folder on another disk"
    if cause.errno in _NO_FOLDER:
        return f"{place} is not a folder; move it away, or name another folder"
    return f"{cause.strerror} at {place}"


def _denied(place: Path) -> str:
    user, group = os.geteuid(), os.getegid()
    try:
        seen = place.stat()
    except OSError:
        return f"uid {user} may not even look at {place}; give that user the folder: chown -R {user}:{group} {place}"
    mode = stat.S_IMODE(seen.st_mode)
    return (
        f"{place} belongs to uid {seen.st_uid} with mode {mode:o}, and lineside runs as uid {user}; "
        f"give it that user: chown -R {user}:{group} {place}"
    )


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest above it that there is."""
    for place in (path, *path.parents):
        try:
            if place.exists() or place.is_symlink():
                return place
        except OSError:
            return place  # what is above it may not be searched
    return path


def _read_only(place: Path) -> bool:
    try:
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError:
        return False
