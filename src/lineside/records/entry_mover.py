"""The way of an entry: from memory into the spool, from the spool into the database. The archive's thread uses it.

Both steps go on by themselves: while the database hangs, entries still reach the disk.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence

from lineside.records.database import Database, Unavailable
from lineside.records.entries import Entry, ReplyKept, TurnBegan, decode, encode
from lineside.records.recording_file import FULL
from lineside.records.recordings_folder import RecordingsFolder
from lineside.records.set_aside import SetAsideFile
from lineside.records.spool import Spool
from lineside.records.trouble import RecordsTrouble

MEMORY = 50_000  # entries that wait in memory for a disk that takes none, about 50 MB; then the oldest is lost
TRIES = 3  # of a batch that fails for another reason than a database that is away; then each entry on its own


class EntryMover:
    """Takes entries from any thread, and moves them on in the archive's."""

    def __init__(self, store: Database, folder: RecordingsFolder, aside: SetAsideFile, trouble: RecordsTrouble) -> None:
        self._store, self._recordings, self._aside, self._trouble = store, folder, aside, trouble
        self._fresh: dict[object, Entry] = {}  # by what a later entry replaces; bounded by `MEMORY`
        self._lock = threading.Lock()  # of `_fresh`; held for a microsecond
        self._held: list[Entry] = []  # what the disk has not taken, the thread's own; bounded by `MEMORY` too
        self._moving = asyncio.Lock()  # one batch at a time
        self._tries: dict[str, int] = {}  # by spool: of the batch at its head

    def keep(self, entry: Entry) -> None:
        """Take an entry; any thread. One that says more of the same reply or count replaces the one before."""
        with self._lock:
            full = len(self._fresh) >= MEMORY
            if full:
                del self._fresh[next(iter(self._fresh))]
            self._fresh[_replaces(entry)] = entry
        if full:
            self._trouble.counter.entries_lost(1)

    @property
    def waiting(self) -> int:
        """Entries in memory."""
        with self._lock:
            return len(self._fresh) + len(self._held)

    def to_spool(self, spool: Spool) -> bool:
        """From memory onto the disk; whether the disk took it. What it does not take is held in memory."""
        with self._lock:
            self._held.extend(self._fresh.values())
            self._fresh.clear()
        if len(self._held) > MEMORY:
            self._trouble.counter.entries_lost(len(self._held) - MEMORY)
            del self._held[:-MEMORY]
        while self._held:
            try:
                spool.append([encode(entry) for entry in self._held])
            except OSError as why:
                if why.errno not in FULL or not self._recordings.make_room():
                    self._trouble.counter.write_failed()
                    self._trouble.set("disk", "cannot write call records to disk; they wait in memory", str(why))
                    return False
            else:
                self._held.clear()
        self._trouble.clear("disk")
        return True

    async def on_disk(self, spool: Spool) -> bool:
        """The same in this thread, for somebody in another who waits for it."""
        return self.to_spool(spool)

    async def to_database(self, spool: Spool, stop: Callable[[], bool] = lambda: False) -> None:
        """All of it, or until `stop`, which is asked after each batch.

        Raises `Unavailable`, and whatever an entry that cannot be written raises.
        """
        async with self._moving:
            self.to_spool(spool)
            while await self.move(spool) and not stop():
                self.to_spool(spool)
            if self._held:
                raise Unavailable("cannot write call records to disk")

    async def move(self, spool: Spool) -> bool:
        """Some entries of a spool into the database; whether there were any."""
        lines, size = spool.read()
        if not lines:
            return False
        entries = list[Entry]()
        for line in lines:
            try:
                entries.append(decode.decode(line))
            except Exception:  # whatever a disk gives back that nobody wrote: the rest goes on
                self._set_aside([line])
        try:
            await self._store.write(entries)
        except Unavailable:
            raise
        except Exception:
            name = spool.folder.name
            tries = self._tries[name] = self._tries.get(name, 0) + 1
            if tries < TRIES:
                raise
            await self._one_by_one(entries)
        self._tries.pop(spool.folder.name, None)
        spool.done(size)
        return True

    async def _one_by_one(self, entries: Sequence[Entry]) -> None:
        """One of them cannot be written: it goes aside, the others into the database."""
        for entry in entries:
            try:
                await self._store.write([entry])
            except Unavailable:
                raise
            except Exception as fault:
                self._trouble.fault("archive", fault)
                self._set_aside([encode(entry)])

    def _set_aside(self, lines: Sequence[bytes]) -> None:
        self._aside.append(lines)
        self._trouble.counter.entries_set_aside(len(lines))


def _replaces(entry: Entry) -> object:
    """Entries of one key replace each other while they wait; others have a key of their own."""
    match entry:
        case ReplyKept(call=call, reply=reply):
            return call, reply
        case TurnBegan(call=call):
            return call, "turns"
        case _:
            return object()
