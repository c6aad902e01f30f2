"""What callers say can be read by our user alone."""

import asyncio
import fcntl
import os
import stat
import time
from pathlib import Path

import pytest

from lineside.gateway.runtime import open_archive
from lineside.private_files import LOCK, make_files_private, mend_modes, temporary_folder
from lineside.processes.background_work import BackgroundWork
from lineside.records.archive import Archive
from lineside.records.counters import Uncounted
from tests.call.fixtures import settings
from tests.records.test_archive_faults import record
from tests.records.test_nothing_is_lost import tell


def readable_by_others(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077]


def test_all_that_is_kept_of_calls_is_ours_alone(tmp_path: Path) -> None:
    """Database, its log, spool, recordings and their folders, under the mask that every program of ours sets."""
    folder, before = tmp_path / "data", os.umask(0o022)

    async def story() -> None:
        async with Archive(settings(data_dir=folder, record_calls=True)).opened() as archive:
            tell(archive, "one")
            record(archive, "two")
            await archive.settled()
            tell(archive, "three")
            assert {"records.db", "records.db-wal", "spool", "recordings"} <= {each.name for each in folder.iterdir()}
            assert readable_by_others(folder) == []

    try:
        make_files_private()
        asyncio.run(story())
    finally:
        os.umask(before)


def test_old_files_are_mended_at_the_start(tmp_path: Path) -> None:
    """What an older version left readable is ours alone afterwards; a link leads nowhere else."""
    other = tmp_path / "other"
    other.write_text("somebody else's")
    folder = tmp_path / "data"
    for name in ("spool/old/1.jsonl", "recordings/old.flac", "agents/desk.json", "records.db-wal"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("words")
        (folder / name).chmod(0o644)
    (folder / "agents" / "link").symlink_to(other)
    other.chmod(0o644)
    for place in (folder, folder / "agents"):
        place.chmod(0o755)
    mend_modes([folder])
    assert [path for path in readable_by_others(folder) if not path.is_symlink()] == []
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


def test_old_files_are_mended_where_calls_are_kept_no_longer(tmp_path: Path) -> None:
    """KEEP_CALLS=false: what an older version kept is still there, and is ours alone; models may be anybody's."""
    folder = tmp_path / "data"
    for name in ("spool/old/1.jsonl", "recordings/old.flac", "agents/desk.json", "records.db", "models/a/model.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("words")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)

    async def story() -> None:
        async with open_archive(settings(data_dir=folder, keep_calls=False), Uncounted(), BackgroundWork()):
            pass

    asyncio.run(story())
    assert {path.relative_to(folder).parts[0] for path in readable_by_others(folder)} == {"models"}


def test_temporary_folders_of_killed_processes_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose process lives stays, as does one that nobody of ours made; the others go when the next is made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, living, foreign = (tmp_path / f"lineside-test-{name}" for name in ("killed", "living", "foreign"))
    for folder in (killed, living, foreign):
        folder.mkdir()
        (folder / "words").write_text("words")
        if folder != foreign:
            (folder / LOCK).touch()
        os.utime(folder, (time.time() - 3600,) * 2)
    with (living / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with temporary_folder("lineside-test-") as mine, temporary_folder("lineside-test-") as another:
            assert mine.is_dir()
            assert another.is_dir()
            assert not killed.exists()
            assert living.exists()
            assert foreign.exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == [foreign.name, living.name]
