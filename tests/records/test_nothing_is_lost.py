"""Databases go away, disks fill, processes die: no call's record is lost, and no call notices."""

import asyncio
import errno
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.protocol import Ended, FirstMessage, ReplyMetrics, Transcript
from lineside.records import recording_file, writes
from lineside.records.archive import Archive
from lineside.records.counters import Uncounted
from lineside.records.database import Unavailable
from lineside.records.entries import CallBegan, WholeCall, encode
from lineside.records.spool import Spool, left_behind, new_spool
from lineside.transports.call_facts import CallFacts
from lineside.transports.scripted import ScriptedTransport
from tests.call.fixtures import settings
from tests.records.database_servers import PostgreSQL
from tests.records.fixtures import RecordingGateway, with_records

SECRET = "a secret that nobody else may read"  # noqa: S105 - what a caller said


LOOKS = 1200  # twenty a second


class Counted(Uncounted):
    def __init__(self) -> None:
        self.failures, self.given_up, self.lost = 0, 0, 0

    def write_failed(self) -> None:
        self.failures += 1

    def recording_given_up(self) -> None:
        self.given_up += 1

    def entries_lost(self, many: int) -> None:
        self.lost += many


def tell(archive: Archive, call: str, *, said: str = "Hello.", caller: str = "", over: bool = True) -> None:
    """A call of one turn."""
    facts = CallFacts(line="browser", caller=caller)
    recorder = archive.begin(call, ScriptedTransport(()), FirstMessage(codec="pcm"), {}, "Test", facts)
    recorder.on_event(Transcript(at=1.0, turn=1, reply=1, text=said, latency_ms=10.0))
    recorder.on_event(ReplyMetrics(at=2.0, turn=1, reply=1, asr_ms=20.0))
    if over:
        recorder.on_event(Ended(at=3.0, reason="caller_hung_up"))
        recorder.ended()


async def over(archive: Archive, call: str) -> WholeCall:
    """The call, as soon as the database knows that it is over."""
    for _ in range(LOOKS):
        if (whole := await archive.whole(call)) is not None and whole.call.reason:
            return whole
        await asyncio.sleep(0.05)
    raise AssertionError(f"{call} is not there, or not over")


async def until(true: Callable[[], bool]) -> None:
    for _ in range(LOOKS):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come true")


def test_the_database_is_away_in_mid_call(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """PostgreSQL dies in a call and comes back after another: both are there, whole."""

    async def story(server: RecordingGateway) -> None:
        await server.archive.settled()
        calling = asyncio.create_task(server.call(0.6, 0.6))
        await asyncio.sleep(1.0)
        await asyncio.to_thread(postgresql.stop)
        try:
            first = await calling
            second = await server.call(0.4)
            async with server.http.get(f"{server.url}/api/history") as answer:
                assert answer.status == 503
                assert (await answer.json())["error"]["code"] == "records_unavailable"
        finally:
            await asyncio.to_thread(postgresql.start)
        for call, turns in ((first, 2), (second, 1)):
            whole = await server.kept(call)
            assert whole["call"]["reason"] == "caller_hung_up"
            assert len(whole["turns"]) == turns

    with_records(story, tmp_path, records_url=postgresql.new())


def test_a_database_that_is_down_at_the_start_gets_all_when_it_is_up(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """The first process ends without having seen it; the next one writes what the spool has."""
    url = postgresql.new()
    chosen = settings(data_dir=tmp_path, records_url=url)

    async def without() -> None:
        async with Archive(chosen).opened() as archive:
            tell(archive, "one")

    async def later() -> Any:
        async with asyncio.timeout(120), Archive(chosen).opened() as archive:
            return await over(archive, "one")

    postgresql.stop()
    try:
        asyncio.run(without())
    finally:
        postgresql.start()
    whole = asyncio.run(later())
    assert whole.call.reason == "caller_hung_up"
    assert [turn.heard for turn in whole.turns] == ["Hello."]


def test_a_locked_database_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds SQLite's lock for longer than we wait for it; what was kept meanwhile is written afterwards."""
    monkeypatch.setattr("lineside.records.database.BUSY", 0.1)

    async def story() -> None:
        counted = Counted()
        archive = Archive(settings(data_dir=tmp_path), counted)
        async with archive.opened():
            await archive.settled()
            other = sqlite3.connect(tmp_path / "records.db")
            other.execute("BEGIN EXCLUSIVE")
            tell(archive, "one")
            await until(lambda: counted.failures > 0)
            other.rollback()
            other.close()
            await archive.settled()
            whole = await archive.whole("one")
            assert whole is not None
            assert whole.call.reason == "caller_hung_up"
            assert counted.lost == 0

    asyncio.run(story())


def test_a_full_disk_takes_the_oldest_recording_and_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While there is a recording to give up, the oldest makes room; the calls stay."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for age, name in enumerate(("newer", "older"), start=1):
        (folder / f"{name}.flac").write_bytes(b"x")
        os.utime(folder / f"{name}.flac", (time.time() - 10 * age,) * 2)
    write = os.write

    def full(number: int, raw: Any) -> int:
        if (folder / "older.flac").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(number, raw)

    async def story() -> None:
        counted = Counted()
        archive = Archive(settings(data_dir=tmp_path), counted)
        async with archive.opened():
            monkeypatch.setattr("lineside.records.spool.os.write", full)
            tell(archive, "one")
            await archive.settled()
            assert await archive.whole("one") is not None
        assert counted.given_up == 1
        assert counted.lost == 0

    asyncio.run(story())
    assert [path.name for path in folder.iterdir()] == ["newer.flac"]


def test_a_recording_that_finds_no_room_is_given_up_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing older can make room: this recording goes, its call stays."""

    def full(number: int, raw: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recording_file.DiskFile, "write", lambda disk, raw: _fail(disk))

    def _fail(disk: Any) -> int:
        disk.fault = OSError(errno.ENOSPC, "No space left on device")
        return 0

    async def story(server: RecordingGateway) -> None:
        call = await server.call(0.4)
        whole = await server.kept(call)
        assert whole["call"]["recording"] == "given_up"
        assert len(whole["turns"]) == 1

    with_records(story, tmp_path, record_calls=True)


def test_calls_of_a_process_that_died_are_ended(tmp_path: Path) -> None:
    """What it had spooled is written by the next one, and its open call gets a reason."""
    spool = new_spool(tmp_path / "spool")

    async def live() -> list[bytes]:
        kept: list[bytes] = []
        async with Archive(settings(data_dir=tmp_path / "other")).opened() as archive:
            archive.keep = lambda entry: kept.append(encode(entry))  # type: ignore[method-assign]
            archive._spool.folder = spool.folder
            tell(archive, "one", over=False)
            archive._spool.folder = tmp_path / "other" / "spool" / "x"
        return kept

    async def later() -> None:
        async with asyncio.timeout(120), Archive(settings(data_dir=tmp_path)).opened() as archive:
            whole = await over(archive, "one")
            assert whole.call.reason == "gateway_died"
            assert [turn.heard for turn in whole.turns] == ["Hello."]

    spool.append(asyncio.run(live()))
    os.close(spool._lock)  # as the kernel does when its process is gone
    asyncio.run(later())
    assert not spool.folder.exists()


def test_a_gateway_that_closes_before_it_could_adopt_leaves_the_work_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entries are written and the database goes down before their call is ended: the next one still ends it."""
    spool = new_spool(tmp_path / "spool")
    began = CallBegan(
        call="one",
        keeper=spool.folder.name,
        began=time.time(),
        line="browser",
        codec="pcm",
        rate=16_000,
        caller="",
        mode="conversation",
        agent="A",
        stt="s",
        llm="l",
        llm_model="",
        tts="t",
        tts_voice="",
        recording="none",
    )
    spool.append([encode(began)])
    os.close(spool._lock)

    async def fails(connection: Any, keeper: str) -> None:
        tried.append(keeper)
        raise Unavailable("down")

    async def closed_at_once() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened():
            await until(lambda: bool(tried))

    async def later() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            assert (await over(archive, "one")).call.reason == "gateway_died"

    tried: list[str] = []
    with monkeypatch.context() as broken:
        broken.setattr(writes, "unfinished", fails)
        asyncio.run(closed_at_once())
    assert spool.folder.exists()
    asyncio.run(later())
    assert not spool.folder.exists()


def test_what_is_deleted_leaves_no_trace(tmp_path: Path) -> None:
    """By call and by caller: the words are in no file of ours any more, other callers' still are."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            tell(archive, "one", said=SECRET, caller="+1")
            tell(archive, "two", said=SECRET, caller="+2")
            tell(archive, "three", said=SECRET, caller="+2")
            tell(archive, "four", said="Something else.", caller="+3")
            tell(archive, "five", caller="+2", over=False)
            assert (await archive.forget(call="one")).calls == ("one",)
            gone = await archive.forget(caller="+2")
            assert set(gone.calls) == {"two", "three"}
            assert gone.under_way == ("five",)
            assert _holds(tmp_path, SECRET) == []
            assert _holds(tmp_path, "Something else.")
        assert _holds(tmp_path, SECRET) == []

    asyncio.run(story())


def _holds(folder: Path, words: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]


def test_old_calls_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After RETENTION_DAYS they are gone, newer ones are not."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path, retention_days=0)).opened() as archive:
            now = time.time
            monkeypatch.setattr("lineside.records.call_entries.time.time", lambda: now() - 31 * 86_400)
            tell(archive, "old")
            monkeypatch.setattr("lineside.records.call_entries.time.time", now)
            tell(archive, "new")
            await archive.settled()
        async with asyncio.timeout(120), Archive(settings(data_dir=tmp_path, retention_days=30)).opened() as archive:
            for _ in range(LOOKS):
                if await archive.whole("old") is None:
                    break
                await asyncio.sleep(0.05)
            assert await archive.whole("old") is None
            assert await archive.whole("new") is not None

    asyncio.run(story())


LINE = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b""))
LINES = st.lists(LINE, max_size=8)


@given(
    batches=st.lists(LINES, max_size=12),
    torn=st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
    read=st.integers(0, 12),
)
def test_a_spool_gives_back_what_was_put_in_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], torn: bytes, read: int
) -> None:
    """Whatever was put in, read, and whenever its process dies, even inside a line."""
    folder = tmp_path_factory.mktemp("spool")
    spool, wanted, got = Spool(folder / "one"), list[bytes](), list[bytes]()
    for number, batch in enumerate(batches):
        spool.append(batch)
        wanted += batch
        if number < read:
            lines, size = spool.read()
            got += lines
            if lines:
                spool.done(size)
    if segments := spool._segments():
        with segments[-1].open("ab") as file:
            file.write(torn)
    done = len(got) if spool._done == 0 else len(got) - _again(spool)
    os.close(spool._lock)
    (adopted,) = left_behind(folder, folder / "two")
    rest = list[bytes]()
    while (found := adopted.read())[0]:
        rest += found[0]
        adopted.done(found[1])
    assert got[:done] + rest == wanted, "what was read of a file that is still there comes again, the rest once"
    adopted.close()
    assert not list(folder.iterdir())


def _again(spool: Spool) -> int:
    """Entries that were read and whose file is still there: written again, which changes nothing."""
    with spool._segments()[0].open("rb") as file:
        return file.read(spool._done).count(b"\n")


def test_nobody_adopts_the_folder_of_a_process_that_starts(tmp_path: Path) -> None:
    """It has no name before it is locked; one whose process died before that is adopted a minute later."""
    starting, died = tmp_path / ".starting", tmp_path / ".died"
    starting.mkdir()
    died.mkdir()
    os.utime(died, (time.time() - 3600,) * 2)
    mine = new_spool(tmp_path)
    assert mine.folder.parent == tmp_path
    (adopted,) = left_behind(tmp_path, tmp_path / "none")
    assert adopted.folder == died
    adopted.close()
    mine.close()
    assert [each.name for each in tmp_path.iterdir()] == [".starting"]


def test_the_disk_confirms_every_batch_of_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sync for all that waited, and one for the folder that got a new file; nothing is written without."""
    synced: list[str] = []

    def noting(name: str) -> Callable[[int], None]:
        really = getattr(os, name)

        def sync(number: int) -> None:
            synced.append(name)
            really(number)

        return sync

    for name in ("fdatasync", "fsync"):
        monkeypatch.setattr(os, name, noting(name))
    spool = new_spool(tmp_path)
    spool.append([b"one", b"two"])
    spool.append([b"three"])
    assert synced == ["fsync", "fdatasync", "fdatasync"]
    spool.leave()
