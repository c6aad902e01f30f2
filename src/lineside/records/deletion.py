"""Forgetting calls: rows, recordings, entries on their way; and what is still owed because a reader was in the way."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lineside.records import queries
from lineside.records.database import Database, Unavailable
from lineside.records.recordings_folder import RecordingsFolder
from lineside.records.set_aside import SetAsideFile
from lineside.records.spool import spooled_words
from lineside.records.stored_recordings import StoredRecordings

TOMBSTONE_SECONDS = 30 * 86_400.0  # that the id of a deleted call is remembered: no spool is older than that
ORPHAN_SECONDS = 60.0  # since a recording without a call was written to; then it is deleted
AT_ONCE = 500  # ids in one question
STORE_WITHIN = 5.0  # seconds for the store of recordings to delete some; then it is asked again later


class Deletion:
    """Deletes calls, and repeats what could not be wiped at once. The archive's thread uses it."""

    def __init__(
        self,
        store: Database,
        recordings: RecordingsFolder,
        stored: StoredRecordings | None,
        aside: SetAsideFile,
        spools: Path,
    ) -> None:
        self._store, self._recordings, self._stored = store, recordings, stored
        self._aside, self._spools = aside, spools
        self._owed: set[str] = set()  # calls of which something may be left on the disk
        self._wipe_owed = True  # a process before this one may have died between deleting and wiping

    @property
    def owed(self) -> bool:
        """Whether something is left to wipe."""
        return self._wipe_owed or bool(self._owed) or (self._stored is not None and self._stored.owed)

    async def delete(self, ids: Iterable[str], caller: str = "") -> bool:
        """Delete these calls; whether no byte of them is left. Raises `Unavailable`; then nothing was deleted.

        The row goes first, and leaves a tombstone: after a crash in between, the recording is swept by it.
        """
        gone = list(ids)
        if gone:
            self._owed.update(gone)
            self._wipe_owed = True
            try:
                await self._store.delete(gone)
            except BaseException:
                self._owed.difference_update(gone)
                raise
            for each in gone:
                self._recordings.erase(each)
            if self._stored is not None:
                self._stored.owe(gone)
        self._aside.forget(set(gone), caller)
        return await self.settle() if gone else True

    async def settle(self) -> bool:
        """Wipe what is owed; whether nothing is left. Raises `Unavailable`."""
        if self._wipe_owed and await self._store.wipe():
            self._wipe_owed = False
        if self._owed and not spooled_words(self._spools, [each.encode() for each in self._owed]):
            self._owed.clear()
        if self._stored is not None and self._stored.owed:
            with suppress(Unavailable, TimeoutError):  # its own step tells of a store that is away
                async with asyncio.timeout(STORE_WITHIN):
                    await self._stored.settle()
        return not self.owed

    async def sweep(self) -> None:
        """Delete recordings that no call has any more, and none is about to have: its process died in between."""
        for some in _in_parts(sorted(self._old_recordings(time.time() - ORPHAN_SECONDS))):
            waiting = spooled_words(self._spools, [each.encode() for each in some])  # before the rows are asked for
            async with self._store.transaction() as connection:
                orphans = await queries.without_row(connection, some)
            for each in orphans:
                if each.encode() not in waiting:
                    self._recordings.erase(each)

    def _old_recordings(self, recent: float) -> Iterator[str]:
        for path in self._recordings.path.glob("*.flac"):
            try:
                if path.stat().st_mtime < recent:
                    yield path.stem
            except FileNotFoundError:
                continue


def _in_parts(ids: list[str]) -> Iterator[list[str]]:
    return (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))
