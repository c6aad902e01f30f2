"""Folders that may not be written to: one sentence with path, owner and user, before anything is fetched."""

import asyncio
import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lineside.errors import ConfigError
from lineside.gateway.startup import running_gateway
from lineside.models.folder_lock import locked_folder
from lineside.models.partial_file import cannot_write
from lineside.writable_folder import require_writable, why_not
from tests.call.fixtures import settings

NOBODY = 65_534


@contextmanager
def somebody_else(folder: Path) -> Iterator[int]:
    """Run as a user to whom the folder does not belong; answers its number."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        try:
            yield os.geteuid()
        finally:
            folder.chmod(0o700)
        return
    for place in (folder, *folder.parents):
        if place.stat().st_uid == 0 and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o055)
    os.seteuid(NOBODY)
    try:
        yield NOBODY
    finally:
        os.seteuid(0)


def test_a_folder_that_root_made_for_another_user_is_named_with_both_users(tmp_path: Path) -> None:
    """As a bind mount in a container is. The sentence has the command that mends it."""
    with somebody_else(tmp_path) as user:
        for folder in (tmp_path, tmp_path / "data", tmp_path / "a" / "b"):
            with pytest.raises(ConfigError) as no:
                require_writable(folder, "DATA_DIR")
            said = str(no.value)
            assert said.startswith(f"DATA_DIR={folder} cannot be written to: {tmp_path} belongs to uid ")
            assert f"lineside runs as uid {user}" in said
            assert re.search(rf"chown -R {user}:\d+ {re.escape(str(tmp_path))}$", said)
            assert "\n" not in said


def test_models_are_not_fetched_into_a_folder_of_another_user(tmp_path: Path) -> None:
    """Found when its lock is taken, before a byte is asked for."""

    async def take() -> None:
        async with locked_folder(tmp_path / "a-model", lambda: None):
            raise AssertionError

    with somebody_else(tmp_path) as user, pytest.raises(ConfigError, match=rf"uid {user}.*LINESIDE_MODELS"):
        asyncio.run(take())


def test_a_folder_of_ones_own_is_made_and_left_empty(tmp_path: Path) -> None:
    """Nothing of the trial stays."""
    require_writable(tmp_path / "deep" / "data", "DATA_DIR")
    assert list((tmp_path / "deep" / "data").iterdir()) == []


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    """Itself, or what should be a folder above it; a link to nowhere too."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "away")
    for folder in ("file", "file/data"):
        with pytest.raises(ConfigError, match=r"file is not a folder"):
            require_writable(tmp_path / folder, "DATA_DIR")
    with pytest.raises(ConfigError, match="link"):
        require_writable(tmp_path / "link", "DATA_DIR")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "is on a read-only filesystem; mount it writable"),
        (errno.ENOSPC, "is full .*make room"),
        (errno.EDQUOT, "is full .*another disk"),
        (errno.EACCES, "belongs to uid"),
        (errno.EPERM, "belongs to uid"),
        (errno.EIO, "Input/output error at"),
    ],
)
def test_every_reason_has_a_sentence(number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only filesystem, a full disk, a quota, a broken disk."""
    assert re.search(words, why_not(tmp_path, OSError(number, os.strerror(number))))

    def fails(**given: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tempfile.TemporaryFile", fails)
    with pytest.raises(ConfigError, match=words):
        require_writable(tmp_path, "DATA_DIR")
    assert "LINESIDE_MODELS" in str(cannot_write(tmp_path, OSError(number, os.strerror(number))))


@pytest.mark.parametrize("part", ["", "spool", "recordings"])
def test_the_gateway_does_not_start_anything_where_it_cannot_keep_calls(part: str, tmp_path: Path) -> None:
    """DATA_DIR itself, or what is in it."""
    place = tmp_path / "data" / part if part else tmp_path / "data"
    place.parent.mkdir(exist_ok=True)
    place.write_text("x")
    chosen = settings(data_dir=tmp_path / "data", default_tts_engine="scripted")

    async def start() -> None:
        async with running_gateway(chosen):
            raise AssertionError

    with pytest.raises(ConfigError, match=rf"DATA_DIR={tmp_path}/data/?{part} cannot be written to: .* not a folder"):
        asyncio.run(start())


def test_a_disk_without_room_is_full_before_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte is no room for a call."""
    monkeypatch.setattr("lineside.writable_folder.ROOM", 1 << 62)
    with pytest.raises(ConfigError, match="is full"):
        require_writable(tmp_path, "DATA_DIR")
