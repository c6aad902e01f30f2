"""What keeping calls costs stays the same, however many are kept: no end of a call looks at all recordings."""

import asyncio
import os
import time
from pathlib import Path

from lineside.records.archive import RECORDINGS_SECONDS, Archive
from lineside.records.archive_thread import STOP_SECONDS
from lineside.records.recordings_folder import RecordingsFolder
from tests.call.fixtures import settings
from tests.records.test_archive_faults import record
from tests.records.test_nothing_is_lost import Counted, tell, until

OLD = 2000  # recordings that are there already
CALLS = 400


def fill(folder: Path, many: int, size: int) -> None:
    """Recordings of other days, the first one the oldest."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(many):
        path = folder / f"old{number:05}.flac"
        path.write_bytes(bytes(size))
        os.utime(path, (time.time() - 3600 + number / 10,) * 2)


def test_hundreds_of_calls_at_once_are_all_finished_and_hold_up_no_end(tmp_path: Path) -> None:
    """Half of them recorded, beside thousands of recordings: the process ends in five seconds, and none is open."""

    async def story() -> None:
        counted, loop = Counted(), asyncio.get_running_loop()
        async with Archive(settings(data_dir=tmp_path), counted).opened() as archive:
            for number in range(CALLS):
                if number % 2:
                    record(archive, f"call{number}", seconds=0.5)
                else:
                    tell(archive, f"call{number}")
                await asyncio.sleep(0)
            looks = archive._recordings
            began = loop.time()
        assert STOP_SECONDS + RECORDINGS_SECONDS < 5.0
        assert loop.time() - began < 30.0, "what is left at the end of these is the next start's"
        assert looks.scans <= 3, "one at the start, one at the first end"
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            await until(lambda: len([each for each in (tmp_path / "spool").iterdir() if each.is_dir()]) == 1)
            page = await archive.page(limit=1)
            assert page.total == CALLS
            before, states = "", list[tuple[str, str]]()
            while True:
                page = await archive.page(before=before, limit=200)
                states += [(call.reason, call.recording) for call in page.calls]
                before = page.next
                if not before:
                    break
        assert {reason for reason, _ in states} <= {"caller_hung_up", "internal_error"}
        assert sum(recording == "kept" for _, recording in states) == CALLS // 2
        assert (counted.lost, counted.given_up, counted.failures) == (0, 0, 0)

    fill(tmp_path / "recordings", OLD, 10)
    asyncio.run(story())


def test_the_oldest_recordings_make_room_and_no_more_than_needed(tmp_path: Path) -> None:
    """The sum is kept between two looks: each new recording costs one old one of its size."""
    fill(tmp_path, 10, 100)
    gone: list[str] = []
    folder = RecordingsFolder(tmp_path, 1000, gone.append)
    folder.tidy()
    assert gone == []
    for number in range(3):
        path = folder.of(f"new{number}")
        path.write_bytes(bytes(100))
        folder.added(100)
    assert gone == ["old00000", "old00001", "old00002"]
    assert folder.scans == 1
    folder.erase("new0")
    folder.of("new3").write_bytes(bytes(100))
    folder.added(100)
    assert len(gone) == 3, "what was deleted has made room"
