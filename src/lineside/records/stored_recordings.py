"""Recordings on their way to an object store, out of it again, and deleted there.

A recording is written to DATA_DIR as ever. Once the database knows that it is whole, it is put into the store, and what
is left of it here is a copy for a few minutes. A store that is away is asked again until it takes what waits.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lineside.errors import LinesideError
from lineside.records import queries
from lineside.records.database import Database
from lineside.records.recording_store import AT_ONCE, RecordingStore
from lineside.records.recordings_folder import RecordingsFolder
from lineside.settings import Settings


class StoredRecordings:
    """The store as one process uses it, in the archive's thread."""

    def __init__(self, store: RecordingStore, database: Database, folder: RecordingsFolder) -> None:
        self._store, self._database, self._folder = store, database, folder
        self._owed: set[str] = set()  # deleted calls whose recordings may still be there

    async def put_waiting(self) -> None:
        """Store what is whole and was not stored. Raises `Unavailable`."""
        for some in in_parts(sorted(path.stem for path in self._folder.path.glob("*.flac"))):
            async with self._database.transaction() as connection:
                whole = await queries.with_recording(connection, some)
            for call in whole:
                await self._put(call)
        self._folder.drop_old_copies()

    async def fetch(self, call: str) -> Path | None:
        """A copy of it; None: it is not in the store. Raises `Unavailable`."""
        copy = self._folder.copy_of(call)
        if self._folder.used_copy(call) or await self._store.fetch(call, copy):
            return copy
        return None

    def owe(self, calls: Sequence[str]) -> None:
        """These calls are deleted; `settle` deletes their recordings."""
        self._owed.update(calls)

    async def settle(self) -> None:
        """Delete what is owed. Raises `Unavailable`."""
        for some in in_parts(sorted(self._owed)):
            await self._store.delete(some)
            self._owed.difference_update(some)

    @property
    def owed(self) -> bool:
        """Whether something is left to delete."""
        return bool(self._owed)

    async def sweep(self) -> None:
        """Delete recordings of deleted calls, whose process ended before it had. Raises `Unavailable`."""
        async for some in self._store.calls():
            async with self._database.transaction() as connection:
                gone = await queries.deleted(connection, some)
            if gone:
                await self._store.delete(gone)

    async def _put(self, call: str) -> None:
        try:
            await self._store.put(call, self._folder.of(call))
        except FileNotFoundError:  # deleted, or stored by another process
            return
        async with self._database.transaction() as connection:
            gone = await queries.without_row(connection, [call])
        if gone:  # deleted meanwhile: whoever did it may have asked the store before it had the recording
            await self._store.delete(gone)
            self._folder.erase(call)
        else:
            self._folder.stored(call)


def open_stored(settings: Settings, database: Database, folder: RecordingsFolder) -> StoredRecordings | None:
    """The store that RECORDINGS_URL names; None: there is none. Raises `ConfigError`."""
    url = settings.recordings_url
    return StoredRecordings(RecordingStore(url), database, folder) if url else None


def in_parts(calls: Sequence[str]) -> Iterator[list[str]]:
    """As many at a time as one request takes."""
    return (list(calls[at : at + AT_ONCE]) for at in range(0, len(calls), AT_ONCE))


async def recording_file(settings: Settings, call: str) -> Path:
    """A kept call's recording where no gateway runs; from the store, where it is there. Raises `LinesideError`."""
    most, nothing = settings.records_max_mb << 20, lambda given_up: None
    folder = RecordingsFolder(settings.data_dir / "recordings", most, nothing)
    path, copy = folder.of(call), folder.copy_of(call)
    if path.is_file():
        return path
    url = settings.recordings_url
    if url and (folder.used_copy(call) or await RecordingStore(url).fetch(call, copy)):
        return copy
    raise LinesideError(f"the recording of call {call} is gone: it is not at {path}, nor in a store of RECORDINGS_URL")
