"""Whatever goes wrong in the archive's threads is counted, told and tried again: calls are kept ever after."""

import asyncio
import errno
import os
import resource
import shutil
import socket
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lineside.errors import ConfigError
from lineside.observability.records_metrics import PARTS
from lineside.processes.background_work import BackgroundWork
from lineside.protocol import FirstMessage
from lineside.records import writes
from lineside.records.archive import RECORDINGS_SECONDS, Archive
from lineside.records.archive_thread import STOP_SECONDS, ArchiveThread
from lineside.records.database import Database, Unavailable
from lineside.records.entries import CallBegan, CallOver, DecisionMade, encode
from lineside.records.recording_writer import RecordingWriter
from lineside.records.recordings_folder import RecordingsFolder
from lineside.records.spool import new_spool, spooled_words
from lineside.records.trouble import Part
from lineside.transports.call_facts import CallFacts
from lineside.transports.scripted import ScriptedTransport
from tests.call.fixtures import settings
from tests.records.database_servers import PostgreSQL
from tests.records.test_nothing_is_lost import Counted, over, tell, until


class Faults(Counted):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.aside = 0

    def records_fault(self, part: str) -> None:
        self.parts.append(part)

    def entries_set_aside(self, many: int) -> None:
        self.aside += many


BEGAN = CallBegan(
    call="poisoned", keeper="gone", began=1.0, line="browser", codec="pcm", rate=16_000, caller="", mode="conversation",
    agent="A", stt="s", llm="l", llm_model="", tts="t", tts_voice="", recording="none",
)  # fmt: skip
OVER = CallOver(call="poisoned", ended=2.0, seconds=1.0, turns=1, reason="caller_hung_up")
POISON = DecisionMade(
    call="poisoned", number=1 << 70, at=0.0, turn=1, what="error", detector="", score=None, silence_ms=None, reason="x"
)


def test_every_part_has_a_meter() -> None:
    """The metric knows each part that the archive may name."""
    assert set(PARTS) == set(Part.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", ["lineside.records.spool.Spool.read", "lineside.records.spool.Spool.append"])
def test_a_fault_that_nobody_foresaw_ends_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """For a while the step raises what it never did; afterwards the call that was told meanwhile is there."""

    async def story() -> None:
        counted = Faults()
        async with Archive(settings(data_dir=tmp_path), counted).opened() as archive:

            def fails(*asked: Any) -> Any:
                raise RuntimeError("a bug")

            with monkeypatch.context() as broken:
                broken.setattr(place, fails)
                tell(archive, "one")
                await until(lambda: len(counted.parts) >= 2)
                assert "RuntimeError" in str(archive.trouble)
            assert (await over(archive, "one")).call.reason == "caller_hung_up"
            await until(lambda: str(archive.trouble) == "")
            assert counted.lost == 0

    asyncio.run(story())


def test_threads_that_cannot_begin_are_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor for an event loop, a fault outside every step, one in the writer: all is kept, and told."""
    begun = Counter[str]()

    def once(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def fails(*given: Any, **named: Any) -> Any:
            begun[name] += 1
            if begun[name] == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            return real(*given, **named)

        return fails

    monkeypatch.setattr(ArchiveThread, "_begin", once("archive", ArchiveThread._begin))
    monkeypatch.setattr(ArchiveThread, "_guarded", once("step", ArchiveThread._guarded))
    monkeypatch.setattr(RecordingWriter, "_run", once("recordings", RecordingWriter._run))

    async def story() -> None:
        work = BackgroundWork()
        async with Archive(settings(data_dir=tmp_path), work=work).opened() as archive:
            tell(archive, "one")
            record(archive, "two")
            assert (await over(archive, "one")).call.reason == "caller_hung_up"
            assert (await over(archive, "two")).call.recording == "kept"
        failed = {fault.work for fault in work.faults}
        assert failed == {"archive", "archive: spool", "recordings"}

    asyncio.run(story())


def test_a_fault_in_one_recording_ends_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum of the recordings cannot be taken: that is told, and the next recording is kept."""

    async def story() -> None:
        counted = Faults()
        async with Archive(settings(data_dir=tmp_path, record_calls=True), counted).opened() as archive:

            def fails(folder: RecordingsFolder, size: int) -> None:
                raise OSError(errno.EIO, "Input/output error")

            with monkeypatch.context() as broken:
                broken.setattr(RecordingsFolder, "added", fails)
                record(archive, "one")
                await until(lambda: "recordings" in counted.parts)
            record(archive, "two")
            await archive.settled()
            for call in ("one", "two"):
                whole = await archive.whole(call)
                assert whole is not None
                assert whole.call.recording == "kept"

    asyncio.run(story())


def record(archive: Archive, call: str, seconds: float = 4.0) -> None:
    """A recorded call in which the caller says nothing."""
    line = ScriptedTransport(())
    recorder = archive.begin(call, line, FirstMessage(codec="pcm", record=True), {}, "Test", CallFacts(line="browser"))
    assert recorder._recorder is not None
    recorder._recorder.caller(bytes(round(line.rate * seconds) * 2))
    recorder.ended()


def test_a_process_without_file_descriptors_still_keeps_its_calls(tmp_path: Path) -> None:
    """Idle connections have taken all that there are: what calls tell reaches the disk, sound included."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            tell(archive, "before")
            await archive.settled()
            taken: list[socket.socket] = []
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            highest = max(int(number) for number in os.listdir("/proc/self/fd"))  # the limit is one of numbers
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 8, hard))
            try:
                _take_all(taken)
                tell(archive, "one")
                record(archive, "two")
                await archive.settled()
                for call in ("one", "two"):
                    assert (await over(archive, call)).call.reason
                assert await archive.recording("two") is not None
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for each in taken:
                    each.close()

    asyncio.run(story())


def _take_all(taken: list[socket.socket]) -> None:
    with suppress(OSError):  # there are no more
        while True:
            taken.append(socket.socket())


def test_a_poisonous_entry_goes_aside_and_holds_up_no_other(tmp_path: Path) -> None:
    """A spool left behind has a number that no database takes, and a line that is no entry: the rest is written."""
    spool = new_spool(tmp_path / "spool")
    nested = b'{"type":"over","call":' + b"[" * 2000 + b"]" * 2000 + b"}"
    spool.append([encode(BEGAN), encode(POISON), nested, b"\xff\xfe", encode(OVER)])
    os.close(spool._lock)

    async def story() -> None:
        counted = Faults()
        async with asyncio.timeout(120), Archive(settings(data_dir=tmp_path), counted).opened() as archive:
            assert (await over(archive, "poisoned")).call.reason == "caller_hung_up"
            await until(lambda: not spool.folder.exists())
            assert counted.lost == 0
            assert counted.aside >= 3
            aside = (tmp_path / "set-aside.jsonl").read_bytes()
            assert encode(POISON) in aside
            assert nested in aside
            assert oct((tmp_path / "set-aside.jsonl").stat().st_mode)[-3:] == "600"
            await archive.forget(call="poisoned")
            assert encode(POISON) not in (tmp_path / "set-aside.jsonl").read_bytes()

    asyncio.run(story())


def test_what_postgresql_refuses_goes_aside_too(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """Its numbers are smaller than SQLite's, and a server that is away is no reason to set anything aside."""

    async def story() -> None:
        counted = Faults()
        async with Archive(settings(data_dir=tmp_path, records_url=postgresql.new()), counted).opened() as archive:
            archive.keep(BEGAN)
            archive.keep(replace(POISON, number=1 << 40))
            archive.keep(OVER)
            assert (await over(archive, "poisoned")).call.reason == "caller_hung_up"
            assert counted.aside == 1

    asyncio.run(story())


def test_a_database_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    """A downgrade stops at the start, and leaves the database as it is."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            await archive.settled()
        database = sqlite3.connect(tmp_path / "records.db")
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
        database.close()
        with pytest.raises(ConfigError, match="a newer lineside changed the database"):
            async with Archive(settings(data_dir=tmp_path)).opened():
                pass
        store = Database("", tmp_path)
        with pytest.raises(Unavailable, match="Install the newer version again"):
            await store.prepare()
        await store.close()
        assert list((tmp_path / "spool").iterdir()) == []

    asyncio.run(story())


def test_a_hanging_database_does_not_keep_entries_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a write to the database waits, later entries are in the spool all the same."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            await archive.settled()
            going_on, hangs = writes.write, asyncio.Event()
            with monkeypatch.context() as slow:

                async def waits(connection: Any, entries: Any) -> None:
                    hangs.set()
                    await asyncio.sleep(3)
                    await going_on(connection, entries)

                slow.setattr(writes, "write", waits)
                tell(archive, "one")
                await until(hangs.is_set)
                tell(archive, "two", said="Still said.")
                await until(lambda: bool(spooled_words(tmp_path / "spool", [b"Still said."])))
            await over(archive, "two")

    asyncio.run(story())


def test_a_data_folder_that_is_deleted_is_made_anew(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """Somebody deletes DATA_DIR while calls run: the next call is kept again."""

    async def story() -> None:
        chosen = settings(data_dir=tmp_path / "data", records_url=postgresql.new())
        async with Archive(chosen).opened() as archive:
            tell(archive, "one")
            await archive.settled()
            shutil.rmtree(tmp_path / "data")
            tell(archive, "two")
            assert (await over(archive, "two")).call.reason == "caller_hung_up"

    asyncio.run(story())


def test_what_is_lost_at_the_end_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes nothing, and the process ends: that is told, and ends no worse."""

    async def story() -> None:
        counted = Faults()
        async with Archive(settings(data_dir=tmp_path), counted).opened() as archive:
            await archive.settled()

            def full(number: int, raw: Any) -> int:
                raise OSError(errno.EROFS, "Read-only file system")

            monkeypatch.setattr("lineside.records.spool.os.write", full)
            tell(archive, "one")
            await until(lambda: "cannot write call records to disk" in str(archive.trouble))
        assert counted.lost > 0

    asyncio.run(story())


def test_a_locked_database_holds_up_no_end(tmp_path: Path) -> None:
    """Another program holds the lock: the process ends within five seconds, and the next one writes what waited."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            await archive.settled()
            other = sqlite3.connect(tmp_path / "records.db")
            other.execute("BEGIN EXCLUSIVE")
            tell(archive, "one")
            began = loop.time()
        assert STOP_SECONDS + RECORDINGS_SECONDS < 5.0
        assert loop.time() - began < 30.0, "nobody waits for the lock"
        other.rollback()
        other.close()
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            assert (await over(archive, "one")).call.reason == "caller_hung_up"

    asyncio.run(story())


def test_tables_that_were_made_half_way_are_made_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process is killed between two of the first tables: none of them is there, and the next one makes them all."""

    async def story() -> None:
        store = Database("", tmp_path)
        with monkeypatch.context() as broken:

            def dies(connection: Any) -> bool:
                raise RuntimeError("killed")

            broken.setattr("lineside.records.search_index.prepare_index", dies)
            with pytest.raises(RuntimeError, match="killed"):
                await store.prepare()
        await store.close()
        database = sqlite3.connect(tmp_path / "records.db")
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []
        database.close()
        store = Database("", tmp_path)
        await store.write([BEGAN, OVER])
        await store.close()

    asyncio.run(story())
