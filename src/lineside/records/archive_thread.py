"""The archive's thread: an event loop of its own, with one task for each thing that goes on as long as calls are kept.

No task can die: whatever a step raises is counted, told (`/health`, the log, a metric), and the step is tried again.
Thread and tasks stand under the one supervisor of the process (`processes/background_work.py`), should they fail all
the same.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from lineside.private_files import mend_data_folder
from lineside.processes.background_work import BackgroundWork
from lineside.records.adoption import adopt
from lineside.records.database import Database, Unavailable
from lineside.records.deletion import Deletion
from lineside.records.descriptors import DescriptorReserve
from lineside.records.entry_mover import EntryMover
from lineside.records.recordings_folder import RecordingsFolder
from lineside.records.retention import Retention
from lineside.records.spool import Spool, left_behind
from lineside.records.stored_recordings import StoredRecordings
from lineside.records.trouble import Part, RecordsTrouble

# What a caller was told is on the disk within this time, also when the process is killed or the power fails, as long
# as the disk confirms a write within half of it. Everything that a call tells counts: see `docs/records.md`.
DURABLE_WITHIN = 1.0  # seconds
SPOOL_EVERY = DURABLE_WITHIN / 4  # seconds between two writes to the spool
MOVE_EVERY = 0.5  # seconds between two batches for the database
WIPE_EVERY = 2.0  # seconds between two tries to wipe what is owed
TIDY_EVERY = 600.0  # seconds between two looks for calls that are too old and recordings that are too many
AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before a failed step is tried again; the last one from there on
STOP_SECONDS = 1.5  # for the database to take the last entries at the end; the spool keeps the rest
ANSWER_SECONDS = 30.0  # for a question to the archive; then its thread counts as gone
STORE_EVERY = 5.0  # seconds between two looks for recordings that the store has not got
SWEEP_STORE_EVERY = 21_600.0  # seconds between two looks at all that the store has
AWAY: dict[Part, str] = {
    "database": "the database takes no call records; the spool keeps them",
    "store": "the store of recordings takes none; DATA_DIR keeps them",
}

T = TypeVar("T")

log = structlog.get_logger()


class ArchiveThread:
    """Runs the archive's work while it is open."""

    def __init__(
        self,
        *,
        folder: Path,
        retention: Retention,
        store: Database,
        spool: Spool,
        mover: EntryMover,
        deletion: Deletion,
        recordings: RecordingsFolder,
        stored: StoredRecordings | None,
        reserve: DescriptorReserve,
        trouble: RecordsTrouble,
        work: BackgroundWork,
    ) -> None:
        self._folder, self._retention = folder, retention
        self._store, self._spool, self._mover, self._deletion = store, spool, mover, deletion
        self._recordings, self._stored = recordings, stored
        self._reserve, self._trouble, self._work = reserve, trouble, work
        self._loop: asyncio.AbstractEventLoop
        self._closing: asyncio.Event
        self._over = False

    @asynccontextmanager
    async def running(self, *, unfinished: Callable[[], bool]) -> AsyncGenerator[None, None]:
        """Run while the block runs. `unfinished`: whether, at its end, calls or recordings of ours are still open."""
        ready = threading.Event()
        self._unfinished = unfinished
        thread = self._work.thread("archive", lambda: self._begin(ready), daemon=False, over=lambda: self._over)
        await asyncio.to_thread(ready.wait)
        try:
            yield
        finally:
            self._over = True
            with suppress(RuntimeError):  # the loop is closed: the thread is about to see that all is over
                self._loop.call_soon_threadsafe(self._closing.set)
            await asyncio.to_thread(thread.join)

    async def there(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this in the archive's thread, from any event loop. Raises `Unavailable`."""
        try:
            asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            raise Unavailable("the call archive is shutting down") from None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.wrap_future(asked)
        except TimeoutError:
            raise Unavailable(f"the call archive did not answer within {ANSWER_SECONDS:g} s") from None

    def _begin(self, ready: threading.Event) -> None:
        asyncio.run(self._run(ready))

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        if self._over:
            self._closing.set()
        async with asyncio.TaskGroup() as tasks:
            for name, part, step, pause in (
                ("spool", "archive", self._write_spool, SPOOL_EVERY),
                ("move", "database", self._move, MOVE_EVERY),
                ("wipe", "deletion", self._wipe, WIPE_EVERY),
                ("tidy", "retention", self._tidy, TIDY_EVERY),
            ):
                self._begin_step(tasks, name, part, step, pause)  # type: ignore[arg-type]
            tasks.create_task(self._once(self._adopt), name="adopt")
            if (stored := self._stored) is not None:
                storing = self._begin_step(tasks, "store", "store", stored.put_waiting, STORE_EVERY)
                sweeping = self._begin_step(tasks, "sweep store", "store", stored.sweep, SWEEP_STORE_EVERY)
                await self._closing.wait()
                storing.cancel()  # what it was about to store waits for the next start
                sweeping.cancel()
        await self._finish()

    def _begin_step(
        self, tasks: asyncio.TaskGroup, name: str, part: Part, step: Callable[[], Awaitable[None]], pause: float
    ) -> asyncio.Task[None]:
        repeat = partial(self._repeat, step, part, pause)
        return tasks.create_task(self._work.keep(f"archive: {name}", repeat, self._closing.is_set), name=name)

    async def _repeat(self, step: Callable[[], Awaitable[None]], part: Part, pause: float) -> None:
        """Take this step again and again until the archive closes. Nothing that a step raises ends it."""
        failures = 0
        while not self._closing.is_set():
            failures = 0 if await self._guarded(step, part) else failures + 1
            await self._rest(AGAIN[min(failures, len(AGAIN)) - 1] if failures else pause)

    async def _once(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take this step until it succeeds, or the archive closes."""
        failures = 0
        while not self._closing.is_set() and not await self._guarded(step, "archive"):
            failures += 1
            await self._rest(AGAIN[min(failures, len(AGAIN)) - 1])

    async def _guarded(self, step: Callable[[], Awaitable[None]], part: Part) -> bool:
        """Whether the step succeeded."""
        try:
            await step()
        except Unavailable as why:
            self._trouble.counter.write_failed()
            if part in AWAY:  # told once, by the step that always needs it
                self._trouble.set(part, AWAY[part], str(why))
        except Exception as fault:  # a bug, or a disk or database that does what none did before: the archive goes on
            self._trouble.fault(part, fault)
        else:
            self._trouble.clear(part)
            return True
        return False

    async def _rest(self, seconds: float) -> None:
        """Wait this long, or until the archive closes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    # ── the steps ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _write_spool(self) -> None:
        self._mover.to_spool(self._spool)
        self._reserve.refill()

    async def _move(self) -> None:
        await self._mover.to_database(self._spool, self._closing.is_set)
        self._trouble.counter.spooled(self._spool.size)

    async def _wipe(self) -> None:
        if self._deletion.owed:
            await self._deletion.settle()

    async def _adopt(self) -> None:
        await asyncio.to_thread(mend_data_folder, self._folder)
        for spool in left_behind(self._folder / "spool", self._spool.folder, self._reserve):
            try:
                await adopt(spool, self._mover, self._store, self._recordings)
            except BaseException:
                spool.leave()
                raise

    async def _tidy(self) -> None:
        await self._retention.forget_old(self._closing.is_set)
        await self._deletion.sweep()
        await asyncio.to_thread(self._recordings.tidy)

    async def _finish(self) -> None:
        """The last entries; what the database does not take in time stays in the spool."""
        try:
            if self._trouble.of("database"):
                self._mover.to_spool(self._spool)  # the database has just refused: no second wait
            else:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._mover.to_database(self._spool)
        except (Unavailable, TimeoutError):
            pass  # the next start goes on
        except Exception as fault:
            self._trouble.fault("archive", fault)
        if lost := self._mover.waiting:
            self._trouble.counter.entries_lost(lost)
            log.error("call records lost at shutdown, disk not writable", entries=lost)
        if self._unfinished():
            self._spool.leave()  # the next start ends what is open
        else:
            self._spool.close()
        await self._store.close()
