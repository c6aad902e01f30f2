"""Files that are replaced whole, whatever happens meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lineside.whole_files import LEFT_AFTER, sweep_drafts, write_whole


def test_a_file_is_on_the_disk_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First its content, then its name, then the folder: after a power cut there is the old one or the new one."""
    order = list[str]()
    sync, replace = os.fsync, Path.replace

    def synced(number: int) -> None:
        order.append("folder" if os.path.samestat(os.fstat(number), tmp_path.stat()) else "content")
        sync(number)

    def replaced(self: Path, target: Path) -> Path:
        order.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_whole(tmp_path / "a.json", b"new")
    assert order == ["content", "name", "folder"]
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_disk_that_refuses_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is the caller's to tell."""
    write_whole(tmp_path / "a.json", b"old")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a.json", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.json", b"old")]


def test_drafts_of_killed_processes_are_swept(tmp_path: Path) -> None:
    """Those of a process that lives stay, unless they are old; so does what is no draft."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    alive = os.getppid()
    for name in (f"a.{ended.pid}.draft", f"b.{os.getpid()}.draft", f"c.{alive}.draft", f"d.{alive}.draft", "e.draft"):
        (tmp_path / name).write_text("half")
    (tmp_path / "agent.json").write_text("{}")
    os.utime(tmp_path / f"d.{alive}.draft", (0, (tmp_path / "e.draft").stat().st_mtime - 2 * LEFT_AFTER))
    sweep_drafts(tmp_path)
    sweep_drafts(tmp_path / "nowhere")
    assert {path.name for path in tmp_path.iterdir()} == {f"c.{alive}.draft", "e.draft", "agent.json"}
