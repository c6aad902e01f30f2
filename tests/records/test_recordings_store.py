"""Recordings in an S3 store: they come, are heard from there, and go with their calls, whether it is there or away."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineside.errors import ConfigError
from lineside.records import archive_thread, recordings_folder
from lineside.records.archive import Archive
from lineside.records.database import Unavailable
from lineside.records.recording_store import RecordingStore, StoreAddress, store_address
from lineside.records.stored_recordings import recording_file
from tests.call.fixtures import settings
from tests.records.fixtures import RecordingGateway, with_records
from tests.records.object_store import ObjectStore, object_store
from tests.records.test_archive_faults import record
from tests.records.test_nothing_is_lost import over, until


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """An S3 server, at which lineside looks often."""
    monkeypatch.setattr(archive_thread, "STORE_EVERY", 0.05)
    monkeypatch.setattr(archive_thread, "WIPE_EVERY", 0.05)
    monkeypatch.setattr(archive_thread, "AGAIN", (0.05,))
    with object_store() as opened:
        yield opened


def archive(folder: Path, store: ObjectStore, url: str = "") -> Archive:
    return Archive(settings(data_dir=folder, recordings_url=store.url, records_url=url))


async def stored(opened: Archive, store: ObjectStore, call: str) -> None:
    """A recorded call, once its sound is in the store and no longer among those that wait for it."""
    record(opened, call)
    await until(lambda: f"{call}.flac" in store.names() and not opened._recordings.of(call).exists())


def test_a_recording_is_heard_from_the_store_and_goes_with_its_call(tmp_path: Path, store: ObjectStore) -> None:
    """By the API: its sound and its waveform, with a copy here or without; deleted, it is in neither place."""

    async def story(server: RecordingGateway) -> None:
        await stored(server.archive, store, "one")
        copy = tmp_path / "recordings" / "copies" / "one.flac"
        whole = copy.read_bytes()
        copy.unlink()
        for _ in range(2):
            async with server.http.get(f"{server.url}/api/calls/one/audio") as answer:
                assert (answer.status, await answer.read()) == (200, whole)
        assert (await server.ask("/api/calls/one/waveform"))["seconds"] == pytest.approx(4.0, abs=0.1)
        assert (await server.ask("/api/calls/one", "DELETE"))["wiped"]
        assert store.names() == []
        assert not copy.exists()
        async with server.http.get(f"{server.url}/api/calls/one/audio") as answer:
            assert answer.status == 404

    with_records(story, tmp_path, recordings_url=store.url)


def test_a_store_that_is_away_costs_no_recording_and_no_call(tmp_path: Path, store: ObjectStore) -> None:
    """What was recorded meanwhile is heard from the disk, /health says so, and the store has it once it is back."""

    async def story() -> None:
        store.stop()
        async with archive(tmp_path, store).opened() as opened:
            record(opened, "one")
            await over(opened, "one")
            await until(lambda: bool(opened.trouble.of("store")))
            assert str(opened.trouble) == "the store of recordings takes none; DATA_DIR keeps them"
            assert await opened.recording("one") == tmp_path / "recordings" / "one.flac"
        async with archive(tmp_path, store).opened() as opened:  # after a restart too
            store.start()
            await until(lambda: store.names() == ["one.flac"] and not opened.trouble.of("store"))

    asyncio.run(story())


def test_a_bucket_that_is_gone_is_told_and_costs_no_recording(tmp_path: Path, store: ObjectStore) -> None:
    """What was recorded waits, a deletion is owed, and a question for sound is no "there is none"."""

    async def story() -> None:
        store.lose_bucket()
        async with archive(tmp_path, store).opened() as opened:
            record(opened, "one")
            await over(opened, "one")
            await until(lambda: bool(opened.trouble.of("store")))
            there = RecordingStore(store.url)
            for asked in (there.delete(["one"]), there.fetch("one", tmp_path / "copies" / "one.flac")):
                with pytest.raises(Unavailable, match="its bucket is not there; see RECORDINGS_URL"):
                    await asked
            store.make_bucket()
            await until(lambda: store.names() == ["one.flac"] and not opened.trouble.of("store"))

    asyncio.run(story())


def test_what_was_deleted_while_the_store_is_away_is_deleted_when_it_is_back(
    tmp_path: Path, store: ObjectStore
) -> None:
    """The call is gone at once and the answer says what is owed; a process that ends before is followed by the next."""

    async def story() -> None:
        async with archive(tmp_path, store).opened() as opened:
            for call in ("one", "two", "kept"):
                await stored(opened, store, call)
            store.stop()
            gone = await opened.forget(call="one")
            assert (gone.calls, gone.wiped) == (("one",), False)
            store.start()
            await until(lambda: sorted(store.names()) == ["kept.flac", "two.flac"])
            store.stop()
            await opened.forget(call="two")
        store.start()
        async with archive(tmp_path, store).opened():
            await until(lambda: store.names() == ["kept.flac"])

    asyncio.run(story())


def test_a_call_that_is_deleted_while_its_recording_travels_leaves_none(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another gateway deletes it between the question whether it is kept and the end of the upload."""

    async def story() -> None:
        async with archive(tmp_path, store).opened() as opened:
            assert opened._stored is not None
            put, over_there = opened._stored._store.put, threading.Event()

            async def deleted_under_way(call: str, recording: Path) -> None:
                await put(call, recording)
                await opened._store.delete([call])
                over_there.set()

            monkeypatch.setattr(opened._stored._store, "put", deleted_under_way)
            record(opened, "one")
            await until(over_there.is_set)
            await until(lambda: store.names() == [] and not opened._recordings.of("one").exists())
            assert not opened._recordings.copy_of("one").exists()

    asyncio.run(story())


def test_gateways_that_share_a_database_hear_each_others_recordings(
    tmp_path: Path, store: ObjectStore, records_url: str
) -> None:
    """Each on a machine of its own: the one that answered is gone, and the other has the call and its sound."""

    async def story() -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        url = records_url or f"sqlite:///{tmp_path / 'shared.db'}"
        async with archive(one, store, url).opened() as opened:
            await stored(opened, store, "call")
        async with archive(other, store, url).opened() as opened:
            heard = await opened.recording("call")
            assert heard == other / "recordings" / "copies" / "call.flac"
            assert heard.stat().st_size == (await over(opened, "call")).call.recording_bytes
            assert await opened.recording("nothing") is None
        alone = settings(data_dir=tmp_path / "none", recordings_url=store.url)
        assert (await recording_file(alone, "call")).is_file()

    asyncio.run(story())


def test_copies_are_deleted_when_nobody_uses_them(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk holds what waits for the store, not what the store has."""
    monkeypatch.setattr(recordings_folder, "COPY_SECONDS", 0.0)

    async def story() -> None:
        async with archive(tmp_path, store).opened() as opened:
            await stored(opened, store, "one")
            await until(lambda: not opened._recordings.copy_of("one").exists())
            assert store.names() == ["one.flac"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://bucket/folder", "names no server and bucket; write https://s3.example.com/bucket/folder, with KEY"),
        ("https://k:s@host", "names no server and bucket"),
        ("https://host/bucket", "has no key and secret"),
        ("https://k:s@host:port/bucket", "is no address"),
    ],
)
def test_a_wrong_address_is_refused_at_the_start(tmp_path: Path, url: str, says: str) -> None:
    """With what is wrong, and without the secret."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path, recordings_url=url)).opened():
            pass

    with pytest.raises(ConfigError, match=says) as told:
        asyncio.run(story())
    assert "k:s" not in str(told.value)


def test_the_address_says_where_and_who() -> None:
    """Amazon's region is read off its host; another one's may be told."""
    assert store_address("https://K:S%2F1@s3.eu-central-1.amazonaws.com/bucket/a/b") == StoreAddress(
        "https://s3.eu-central-1.amazonaws.com", "bucket", "a/b", "K", "S/1", "eu-central-1"
    )
    assert store_address("http://K:S@[::1]:9000/bucket?region=garage") == StoreAddress(
        "http://[::1]:9000", "bucket", "", "K", "S", "garage"
    )
