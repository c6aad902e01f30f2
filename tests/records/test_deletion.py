"""What is deleted is in no byte of DATA_DIR any more; where that cannot be yet, it is owed, told and done later."""

import asyncio
import os
import sqlite3
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from yarl import URL

from lineside.protocol import FirstMessage
from lineside.records.archive import Archive
from lineside.records.business_tables import BUSINESS
from lineside.records.entries import encode
from lineside.records.spool import new_spool
from lineside.records.tables import PARTS, metadata
from tests.call.fixtures import settings
from tests.records.fixtures import RecordingGateway, with_records
from tests.records.test_archive_faults import BEGAN, OVER, record
from tests.records.test_nothing_is_lost import SECRET, over, tell, until

ODD_CALLERS = (
    "{x}", "{", "}", "a/b", "/", "..", ".", "a b", " ", "%", "%2F", "?", "#", "a?b=c#d", "Ä", "日本", "\n", "\t", "'",
    '"', "[bold]", "\\", "+", "&", ";", "=1+1", "\u202e", "x" * 200,
)  # fmt: skip


def holds(folder: Path, words: str) -> list[Path]:
    """Files in which these words stand, in letters or as the index folds them."""
    wanted = {words.encode(), words.casefold().encode()}
    return [path for path in folder.rglob("*") if path.is_file() and any(each in path.read_bytes() for each in wanted)]


def test_a_reader_delays_the_wipe_and_the_answer_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup reads the database: the rows are gone at once, the last byte as soon as the reader is."""
    monkeypatch.setattr("lineside.records.database.BUSY", 120.0)

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            tell(archive, "one", said=SECRET, caller="Somebody Special")
            await archive.settled()
            reader = sqlite3.connect(tmp_path / "records.db")
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM calls").fetchall()
            tell(archive, "two", said=SECRET)
            loop = asyncio.get_running_loop()
            began = loop.time()
            gone = await archive.forget(caller="Somebody Special")
            assert loop.time() - began < 60.0, "the reader was waited for"
            assert (gone.calls, gone.wiped) == (("one",), False)
            assert not (await archive.forget(call="two")).wiped
            assert await archive.whole("one") is None
            assert holds(tmp_path, SECRET)
            reader.rollback()
            reader.close()
            await until(lambda: not holds(tmp_path, SECRET))
            assert not holds(tmp_path, "Somebody Special")
            tell(archive, "three", said=SECRET)
            assert (await archive.forget(call="three")).wiped
            assert not holds(tmp_path, SECRET)

    asyncio.run(story())


def test_a_wipe_that_a_killed_process_owed_is_done_by_the_next(tmp_path: Path) -> None:
    """It died between deleting the rows and emptying the log: the next start empties it, and sweeps the recording."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path, record_calls=True)).opened() as archive:
            tell(archive, "one", said=SECRET)
            record(archive, "two")
            await archive.settled()
        database = sqlite3.connect(tmp_path / "records.db")
        database.execute("PRAGMA foreign_keys=ON")
        database.execute("PRAGMA secure_delete=ON")  # as ours have it: what is overwritten lies in the log
        database.execute("DELETE FROM calls")
        database.commit()
        os.utime(tmp_path / "recordings" / "two.flac", (time.time() - 3600,) * 2)
        assert holds(tmp_path, SECRET)
        async with Archive(settings(data_dir=tmp_path)).opened():
            await until(lambda: not holds(tmp_path, SECRET))
            await until(lambda: not (tmp_path / "recordings" / "two.flac").exists())
        database.close()

    asyncio.run(story())


def test_a_recording_whose_call_is_on_its_way_is_no_orphan(tmp_path: Path) -> None:
    """The database was away while a call was held: its recording is old by then, and its row still in a spool."""

    async def story() -> None:
        (tmp_path / "recordings").mkdir()
        for name in ("poisoned", "orphan"):
            path = tmp_path / "recordings" / f"{name}.flac"
            path.write_bytes(b"sound")
            os.utime(path, (time.time() - 3600,) * 2)
        living = new_spool(tmp_path / "spool")
        living.append([encode(replace(BEGAN, recording="kept"))])
        async with Archive(settings(data_dir=tmp_path)).opened():
            await until(lambda: not (tmp_path / "recordings" / "orphan.flac").exists())
            assert (tmp_path / "recordings" / "poisoned.flac").exists()
        living.close()

    asyncio.run(story())


def test_a_late_entry_brings_no_deleted_call_back(tmp_path: Path) -> None:
    """A process died after the database had its entries and before its spool was emptied; the call is deleted since."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            archive.keep(BEGAN)
            archive.keep(OVER)
            assert (await archive.forget(call="poisoned")).calls == ("poisoned",)
        spool = new_spool(tmp_path / "spool")
        spool.append([encode(BEGAN), encode(OVER)])
        os.close(spool._lock)
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            await until(lambda: not spool.folder.exists())
            assert await archive.whole("poisoned") is None

    asyncio.run(story())


def test_a_recording_that_is_being_written_is_not_deleted_under_the_pen(tmp_path: Path) -> None:
    """The call is over, its sound is not yet on the disk: it counts as under way, and goes whole a moment later."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            archive.keep(replace(BEGAN, recording="running"))
            archive.keep(OVER)
            gone = await archive.forget(call="poisoned")
            assert (gone.calls, gone.under_way) == ((), ("poisoned",))

    asyncio.run(story())


def test_callers_of_any_name_can_be_forgotten(tmp_path: Path) -> None:
    """Whatever a program calls its caller, the API deletes all that is kept of them."""

    async def story(server: RecordingGateway) -> None:
        for number, caller in enumerate(ODD_CALLERS):
            tell(server.archive, f"call{number}", caller=caller)
        for number, caller in enumerate(ODD_CALLERS):
            path = "".join(f"%{byte:02X}" for byte in caller.encode())
            async with server.http.delete(URL(f"{server.url}/api/callers/{path}", encoded=True)) as answer:
                assert answer.status == 200, (caller, await answer.text())
                assert (await answer.json())["calls"] == [f"call{number}"], caller

    with_records(story, tmp_path)


@pytest.mark.parametrize("record_it", [False, True])
def test_a_call_over_the_gateway_leaves_no_byte(tmp_path: Path, record_it: bool) -> None:
    """Called, recorded, exported, searched and deleted: neither words nor caller are anywhere in the folder."""

    async def story(server: RecordingGateway) -> None:
        hello = FirstMessage(codec="pcm", greeting="", caller="Mr Unforgettable", record=record_it)
        call = await server.call(0.4, hello=hello)
        await server.kept(call)
        assert holds(tmp_path, "Mr Unforgettable")
        await server.ask("/api/history?search=unforgettable")
        answer = await server.ask(f"/api/calls/{call}", "DELETE")
        assert answer == {"calls": [call], "under_way": [], "wiped": True}
        for words in ("Mr Unforgettable", "unforgettable", SECRET):
            assert holds(tmp_path, words) == []
        assert list((tmp_path / "recordings").iterdir()) == []

    with_records(story, tmp_path, hears=(SECRET,))


def test_deleted_ids_are_no_calls(tmp_path: Path) -> None:
    """What is deleted twice is unknown the second time."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            tell(archive, "one")
            await over(archive, "one")
            assert (await archive.forget(call="one")).calls == ("one",)
            assert (await archive.forget(call="one")).calls == ()

    asyncio.run(story())


def test_every_table_of_calls_is_emptied() -> None:
    """Whatever table is added: what belongs to a call goes with it."""
    ours = {table.name for table in metadata.sorted_tables if "call_id" in table.c}
    assert ours == {table.name for table in (*PARTS, *BUSINESS)}
