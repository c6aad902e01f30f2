"""The archive: takes what calls tell, and loses none of it. All of the work happens in threads of its own.

A call hands over an entry by a plain function that waits for nothing. The archive's thread appends the entry to the
spool on the disk, and moves what is in the spool to the database as fast as that takes it. Whatever the database does,
the spool is there; when the disk is full too, the oldest recording is deleted to make room.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from lineside.errors import ConfigError
from lineside.private_files import mend_modes, private_folder
from lineside.processes.background_work import BackgroundWork
from lineside.protocol import FirstMessage
from lineside.reasons import DialResult
from lineside.records import queries, writes
from lineside.records.archive_thread import ArchiveThread
from lineside.records.call_entries import call_began, unanswered_call
from lineside.records.call_recorder import CallRecorder
from lineside.records.counters import RecordsCounter
from lineside.records.database import Database, SchemaTooNew, Unavailable
from lineside.records.deletion import Deletion
from lineside.records.descriptors import DescriptorReserve
from lineside.records.entries import (
    CallNotes,
    CallOver,
    CallPage,
    CallQuery,
    DeletedCalls,
    Entry,
    RecordingFinished,
    UnansweredQuestions,
    WholeCall,
)
from lineside.records.entry_mover import EntryMover
from lineside.records.recorder import Recorder
from lineside.records.recording_writer import RecordingWriter
from lineside.records.recordings_folder import RecordingsFolder
from lineside.records.retention import Retention
from lineside.records.set_aside import SetAsideFile
from lineside.records.spool import Spool, new_spool
from lineside.records.stored_recordings import open_stored
from lineside.records.trouble import RecordsTrouble
from lineside.records.unanswered import UnansweredQuery, unanswered
from lineside.settings import Settings
from lineside.transports.base import Transport
from lineside.transports.call_facts import CallFacts

RECORDINGS_SECONDS = 2.0  # for what waits to be written at the end; the next start closes the other files
START_SECONDS = 5.0  # for the database to answer at the start; one that does not is tried again while calls go on
T = TypeVar("T")
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")  # of a call; file names are made of it


class Archive:
    """The records of one process. `opened` starts its threads, and ends them."""

    def __init__(
        self, settings: Settings, counter: RecordsCounter | None = None, work: BackgroundWork | None = None
    ) -> None:
        """`work` restarts its threads should they fail. Raises `ConfigError` for a wrong URL of database or store."""
        self._work = work or BackgroundWork()
        self._settings, self._folder = settings, settings.data_dir
        self.trouble = RecordsTrouble(counter)  # what is wrong now; any thread
        self._store = Database(settings.records_url, self._folder)
        self._spool: Spool
        self._recordings: RecordingsFolder
        self._writer: RecordingWriter
        self._mover: EntryMover
        self._thread: ArchiveThread
        self.in_progress: set[str] = set()  # calls under way in this process

    # ── for calls: nothing waits ───────────────────────────────────────────────────────────────────────────────────

    def begin(
        self,
        call: str,
        line: Transport,
        hello: FirstMessage,
        engines: dict[str, str],
        agent: str,
        facts: CallFacts,
        *,
        agent_version: str = "",
    ) -> CallRecorder:
        """A call is answered on this line, which knows these facts; `engines` are role → engine."""
        wants = self._settings.record_calls if hello.record is None else hello.record
        self.in_progress.add(call)
        self.keep(
            call_began(
                call,
                self._spool.folder.name,
                line,
                hello,
                engines,
                facts,
                agent=(agent, agent_version),
                recording="running" if wants else "none",
            )
        )
        recorder = Recorder(line.codec, line.rate, self._writer.begin(call, line.codec, line.rate)) if wants else None
        return CallRecorder(call, line, recorder, keep=self.keep, end_recording=self._writer.end)

    def keep_unanswered(self, call: str, facts: CallFacts, result: DialResult, began: float) -> None:
        """A call of ours that nobody took; `began`: seconds since 1970."""
        for entry in unanswered_call(call, self._spool.folder.name, facts, result, began):
            self.keep(entry)

    def keep(self, entry: Entry) -> None:
        """Keep this; any thread."""
        if isinstance(entry, CallOver):
            self.in_progress.discard(entry.call)
        self._mover.keep(entry)

    # ── for the page and programs; from any event loop ─────────────────────────────────────────────────────────────

    async def page(
        self,
        query: CallQuery = CallQuery(),  # noqa: B008 - frozen
        *,
        before: str = "",
        limit: int = 50,
    ) -> CallPage:
        """Some of the calls that match, the newest first. Raises `Unavailable`."""

        async def ask() -> CallPage:
            async with self._store.transaction() as connection:
                return await queries.page(connection, query, indexed=self._store.indexed, before=before, limit=limit)

        return await self._thread.there(ask())

    async def whole(self, call: str) -> WholeCall | None:
        """One call, if it is kept. Raises `Unavailable`."""
        return next(iter(await self.whole_calls([call])), None)

    async def whole_calls(self, ids: list[str]) -> list[WholeCall]:
        """Those of these calls, some hundreds at most, that are kept. Raises `Unavailable`."""
        known = [each for each in ids if ID.fullmatch(each)]

        async def ask() -> list[WholeCall]:
            async with self._store.transaction() as connection:
                return await queries.whole_calls(connection, known)

        return await self._thread.there(ask()) if known else []

    async def unanswered(self, query: UnansweredQuery) -> UnansweredQuestions:
        """The questions that agents could not answer. Raises `Unavailable`."""
        return await self.ask(lambda connection: unanswered(connection, query))

    async def ask(self, question: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Ask the database something, once it has all that this process has kept. Raises `Unavailable`."""

        async def ask() -> T:
            await self._mover.to_database(self._spool)
            async with self._store.transaction() as connection:
                return await question(connection)

        return await self._thread.there(ask())

    async def annotate(self, call: str, outcome: str | None, tags: Sequence[str] | None, note: str | None) -> CallNotes:
        """Write what an operator says about a call; None leaves a field as it is.

        Raises `KeyError` where no such call is kept, `Unavailable`; then nothing was written.
        """

        async def write(connection: AsyncConnection) -> CallNotes | None:
            return await writes.annotate(connection, call, outcome=outcome, tags=tags, note=note)

        notes = await self.ask(write) if ID.fullmatch(call) else None  # one that has just begun has its row
        if notes is None:
            raise KeyError(call)
        return notes

    async def recording(self, call: str) -> Path | None:
        """The file with its sound, or a copy of what is stored, if it is complete. Raises `Unavailable`."""
        if not ID.fullmatch(call) or call in self.in_progress:
            return None
        if self._writer.complete(call):
            return self._recordings.of(call)
        return await self._thread.there(self._stored.fetch(call)) if self._stored is not None else None

    async def forget(self, *, call: str = "", caller: str = "") -> DeletedCalls:
        """Delete a call, or all of a caller's, without a trace. Raises `Unavailable`; then nothing was deleted."""

        async def delete() -> DeletedCalls:
            if not caller and not ID.fullmatch(call):
                return DeletedCalls((), ())
            await self._mover.to_database(self._spool)
            async with self._store.transaction() as connection:
                if caller:
                    found = await queries.of_caller(connection, caller.replace("\0", ""))
                else:
                    found = await queries.of_id(connection, call)
            over = [each for each, closed in found if closed]
            wiped = await self._deletion.delete(over, caller)
            return DeletedCalls(tuple(over), tuple(each for each, closed in found if not closed), wiped)

        return await self._thread.there(delete())

    async def on_disk(self) -> bool:
        """Wait until the disk has everything that was kept before this moment; whether it has."""
        try:
            return await self._thread.there(self._mover.on_disk(self._spool))
        except Unavailable:
            return False

    async def settled(self) -> None:
        """Wait until the database has everything that was kept before this moment. Raises `Unavailable`."""
        await asyncio.to_thread(self._writer.settle)
        await self._thread.there(self._mover.to_database(self._spool))

    # ── its threads ────────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator["Archive", None]:
        """Open while the block runs. A database that is down is no reason not to open.

        Raises `ConfigError` when DATA_DIR cannot be written to, or a newer lineside changed the database.
        """
        reserve = DescriptorReserve()
        try:
            self._open_files(reserve)
            await self._check_schema()
        except OSError as why:
            reserve.close()
            raise ConfigError(f"DATA_DIR={self._folder} cannot be written to: {why.strerror}") from why
        except ConfigError:
            self._spool.close()
            reserve.close()
            raise
        self._writer = RecordingWriter(
            self._recordings,
            self._finished,
            lambda fault: self.trouble.fault("recordings", fault),
            reserve,
            self._work,
        )
        left = True
        try:
            async with self._thread.running(unfinished=lambda: left or bool(self.in_progress)):
                try:
                    yield self
                finally:
                    left = not await asyncio.to_thread(self._writer.close, RECORDINGS_SECONDS)
        finally:
            reserve.close()

    def _open_files(self, reserve: DescriptorReserve) -> None:
        private_folder(self._folder)
        mend_modes(sorted(self._folder.glob("records.db*")))
        self._folder.chmod(0o700)
        self._spool = new_spool(self._folder / "spool", reserve)
        places, most = self._folder / "recordings", self._settings.records_max_mb << 20
        self._recordings = RecordingsFolder(places, most, self._given_up)
        aside = SetAsideFile(self._folder / "set-aside.jsonl", reserve)
        self._mover = EntryMover(self._store, self._recordings, aside, self.trouble)
        self._stored = open_stored(self._settings, self._store, self._recordings)
        self._deletion = Deletion(self._store, self._recordings, self._stored, aside, self._folder / "spool")
        self._thread = ArchiveThread(
            folder=self._folder,
            retention=Retention(self._settings, self._spool.folder.name, self._store, self._deletion, self.trouble),
            store=self._store,
            spool=self._spool,
            mover=self._mover,
            deletion=self._deletion,
            recordings=self._recordings,
            stored=self._stored,
            reserve=reserve,
            trouble=self.trouble,
            work=self._work,
        )

    async def _check_schema(self) -> None:
        """Refuse to start on a database that a newer lineside changed; one that does not answer is tried again."""
        store = Database(self._settings.records_url, self._folder)  # the other one is the thread's event loop's
        try:
            async with asyncio.timeout(START_SECONDS):
                await store.prepare()
        except SchemaTooNew as newer:
            raise ConfigError(str(newer)) from newer
        except (Unavailable, TimeoutError):
            return
        finally:
            await store.close()

    def _finished(self, finished: RecordingFinished) -> None:
        """In the writer's thread."""
        if finished.recording == "given_up":
            self.trouble.counter.recording_given_up()
        self.keep(finished)

    def _given_up(self, call: str) -> None:
        """A recording made room. Any thread."""
        self._finished(RecordingFinished(call=call, recording="given_up", seconds=0.0, size=0))
