"""The archive: takes what calls tell, and loses none of it. All of it happens in threads of its own.

A call hands an entry over by a plain function that waits for nothing. The archive's thread appends it to the spool at
once, and moves what is in the spool to the database as fast as that takes it. Whatever the database does, the spool is
there; when the disk is full too, the oldest recording is given up to make room.
"""

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from lineside.errors import ConfigError
from lineside.protocol import FirstMessage
from lineside.records import queries
from lineside.records.call_recorder import CallRecorder
from lineside.records.counters import RecordsCounter, Uncounted
from lineside.records.database import Database, Unavailable
from lineside.records.entries import (
    CallBegan,
    CallOver,
    CallPage,
    DeletedCalls,
    Entry,
    RecordingFinished,
    WholeCall,
    decode,
    encode,
)
from lineside.records.recorder import Recorder
from lineside.records.recording_writer import RecordingWriter
from lineside.records.spool import Spool, left_behind, new_spool
from lineside.settings import Settings
from lineside.transports.base import Transport

log = structlog.get_logger()

EVERY = 0.5  # seconds between two batches
AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before the database is tried again; the last one from there on
MEMORY = 50_000  # entries that wait in memory for a disk that takes none, about 50 MB; then the oldest is lost
TIDY_EVERY = 600.0  # seconds between two looks for what is older than it may be
LAST = 5.0  # seconds for the database to take the last entries when the house closes; the spool keeps the rest
DAY = 86_400.0
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")  # of a call; file names are made of it

T = TypeVar("T")


class Archive:
    """The records of one process. `opened` starts its threads, and ends them."""

    def __init__(self, settings: Settings, counter: RecordsCounter | None = None) -> None:
        """Raises `ConfigError` for a wrong `RECORDS_URL`."""
        self.counter: RecordsCounter = counter or Uncounted()
        self._settings, self._folder = settings, settings.data_dir
        self._store = Database(settings.records_url, self._folder)
        self._spool: Spool
        self._reel: RecordingWriter
        self._loop: asyncio.AbstractEventLoop
        self._fresh: deque[Entry] = deque()  # appended by calls, taken by the thread; bounded by `MEMORY`
        self._lock = threading.Lock()  # of `_fresh`; held for a microsecond
        self._held: list[Entry] = []  # that the disk has not taken; the thread's own, bounded by `MEMORY` too
        self._closing: asyncio.Event
        self._moving: asyncio.Lock  # one batch at a time
        self._failures = 0
        self.live: set[str] = set()  # calls that this process keeps notes of now

    # ── for calls: nothing waits ───────────────────────────────────────────────────────────────────────────────────

    def begin(
        self, call: str, line: Transport, hello: FirstMessage, engines: dict[str, str], agent: str, name: str
    ) -> CallRecorder:
        """A call is answered on this line, called `name`; `engines` are role → engine."""
        wants = self._settings.record_calls if hello.record is None else hello.record
        tape = Recorder(line.codec, line.rate, self._reel.begin(call, line.codec, line.rate)) if wants else None
        self.live.add(call)
        self.keep(
            CallBegan(
                call=call,
                keeper=self._spool.folder.name,
                began=time.time(),
                line=name,
                codec=line.codec,
                rate=line.rate,
                caller=hello.caller,
                mode=hello.mode,
                agent=agent,
                stt=engines.get("stt", ""),
                llm=engines.get("llm", ""),
                llm_model=hello.llm_model,
                tts=engines.get("tts", ""),
                tts_voice=hello.tts_voice,
                recording="running" if tape is not None else "none",
            )
        )
        return CallRecorder(self, call, line, tape)

    def keep(self, entry: Entry) -> None:
        """Keep this; any thread."""
        if isinstance(entry, CallOver):
            self.live.discard(entry.call)
        with self._lock:
            full = len(self._fresh) >= MEMORY
            if full:
                self._fresh.popleft()
            self._fresh.append(entry)
        if full:
            self.counter.entries_lost(1)

    def taped(self, call: str) -> None:
        """The last of its sound has been given."""
        self._reel.end(call)

    # ── for the page and programs; from any event loop ─────────────────────────────────────────────────────────────

    async def page(self, *, search: str = "", caller: str = "", before: str = "", limit: int = 50) -> CallPage:
        """Some of the calls, the newest first. Raises `Unavailable`."""
        search, caller = search.replace("\0", ""), caller.replace("\0", "")  # which PostgreSQL does not take

        async def ask() -> CallPage:
            async with self._store.transaction() as connection:
                return await queries.page(connection, search=search, caller=caller, before=before, limit=limit)

        return await self._there(ask())

    async def whole(self, call: str) -> WholeCall | None:
        """One call, if it is kept. Raises `Unavailable`."""
        if not ID.fullmatch(call):
            return None

        async def ask() -> WholeCall | None:
            async with self._store.transaction() as connection:
                return await queries.whole(connection, call)

        return await self._there(ask())

    def recording(self, call: str) -> Path | None:
        """The file with its sound, if there is one and it is complete."""
        if not ID.fullmatch(call) or call in self.live:
            return None
        return self._reel.path(call) if self._reel.complete(call) else None

    async def forget(self, *, call: str = "", caller: str = "") -> DeletedCalls:
        """Delete a call, or all of a caller's, without a trace. Raises `Unavailable`; then nothing was deleted."""
        caller = caller.replace("\0", "")

        async def delete() -> DeletedCalls:
            if not caller and not ID.fullmatch(call):
                return DeletedCalls((), ())
            await self._batch()  # what the spool has of it would come back otherwise
            async with self._store.transaction() as connection:
                if caller:
                    found = await queries.of_caller(connection, caller)
                else:
                    one = await queries.whole(connection, call)
                    found = [(one.call.id, bool(one.call.reason))] if one is not None else []
            over = [each for each, ended in found if ended]
            await self._erase(over)
            return DeletedCalls(tuple(over), tuple(each for each, ended in found if not ended))

        return await self._there(delete())

    async def settled(self) -> None:
        """Wait until the database has everything that was kept before this moment. Raises `Unavailable`."""
        await asyncio.to_thread(self._reel.settle)
        await self._there(self._batch())

    # ── its threads ────────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator["Archive", None]:
        """Open while the block runs. A database that is down is no reason not to open. Raises `ConfigError`."""
        try:
            self._spool = new_spool(self._folder / "spool")
            self._reel = RecordingWriter(self._folder / "recordings", self._taped, self._settings.records_max_mb << 20)
        except OSError as why:
            raise ConfigError(f"DATA_DIR={self._folder} cannot be written to: {why.strerror}") from why
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), name="archive")
        thread.start()
        await asyncio.to_thread(ready.wait)
        try:
            yield self
        finally:
            await asyncio.to_thread(self._reel.close)
            self._loop.call_soon_threadsafe(self._closing.set)
            await asyncio.to_thread(thread.join)

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._closing, self._moving = asyncio.get_running_loop(), asyncio.Event(), asyncio.Lock()
        ready.set()
        others = [asyncio.create_task(work, name="others") for work in (self._tidy(), self._adopt())]
        while not self._closing.is_set():
            await self._rest(self._pause())
            try:
                await self._batch()
                self._failures = 0
            except Unavailable as why:
                self._failed("the database takes no records; the spool keeps them", why)
            self.counter.spooled(self._spool.size)
        # They end by themselves. Cancelled in the middle of a transaction they would leave its thread without a loop.
        _, late = await asyncio.wait(others, timeout=LAST)
        for task in late:
            task.cancel()
        await asyncio.wait(others)
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(LAST):
                await self._batch()
        self._spool.close()
        await self._store.close()

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until the archive closes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _pause(self) -> float:
        return AGAIN[min(self._failures, len(AGAIN)) - 1] if self._failures else EVERY

    async def _batch(self) -> None:
        """From memory into the spool, from the spool into the database, all of it. Raises `Unavailable`."""
        async with self._moving:
            self._into_spool()
            while await self._move(self._spool):
                self._into_spool()
            if self._held:
                raise Unavailable("the disk takes no records")

    def _into_spool(self) -> None:
        """What the disk does not take is held in memory."""
        with self._lock:
            self._held.extend(self._fresh)
            self._fresh.clear()
        if len(self._held) > MEMORY:
            self.counter.entries_lost(len(self._held) - MEMORY)
            del self._held[:-MEMORY]
        while self._held:
            try:
                self._spool.append([encode(entry) for entry in self._held])
            except OSError as why:
                if not self._reel.make_room(why):
                    self._failed("the disk takes no records", why)
                    return
            else:
                self._held.clear()

    async def _move(self, spool: Spool) -> bool:
        """Some entries into the database; whether there were any."""
        lines, size = spool.read()
        if not lines:
            return False
        entries = [entry for line in lines if (entry := _entry(line)) is not None]
        if len(entries) < len(lines):
            self.counter.entries_lost(len(lines) - len(entries))
        await self._store.write(entries)
        spool.done(size)
        return True

    def _failed(self, what: str, why: Exception) -> None:
        self._failures += 1
        self.counter.write_failed()
        if self._failures == 1:
            log.warning(what, why=str(why), spool=str(self._spool.folder))

    async def _adopt(self) -> None:
        """Write what processes that are gone have left, and end their calls."""
        for spool in left_behind(self._folder / "spool", self._spool.folder):
            while not self._closing.is_set():
                try:
                    while await self._move(spool):
                        pass
                    await self._store.cut_off(spool.folder.name)
                    spool.close()
                    break
                except Unavailable:
                    await self._rest(AGAIN[-1])
            else:
                spool.leave()

    async def _tidy(self) -> None:
        """Now and then: forget what is older than it may be."""
        while not self._closing.is_set():
            days = self._settings.retention_days
            with suppress(Unavailable):
                while days:
                    async with self._store.transaction() as connection:
                        old = await queries.older(connection, time.time() - days * DAY)
                    if not old:
                        break
                    await self._erase(old)
                    log.info("calls were forgotten", calls=len(old), days=days)
            await asyncio.to_thread(self._reel.tidy)
            await self._rest(TIDY_EVERY)

    async def _erase(self, ids: list[str]) -> None:
        await self._store.forget(ids)
        for each in ids:
            self._reel.erase(each)

    def _taped(self, taped: RecordingFinished) -> None:
        if taped.recording == "given_up":
            self.counter.recording_given_up()
        self.keep(taped)

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the archive's thread."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


def _entry(line: bytes) -> Entry | None:
    try:
        return decode.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None  # a disk that lies; the rest goes on
