"""Recordings in an object store that speaks S3: Amazon's, MinIO, Ceph, Garage and others."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from msgspec import Struct

from lineside.errors import ConfigError
from lineside.private_files import private_folder
from lineside.records.database import Unavailable

SUFFIX = ".flac"
ANSWER = timedelta(seconds=60)  # for one request; a recording of an hour is some 200 MB in pieces of 5 MB
CONNECT = timedelta(seconds=3)
REGION = "us-east-1"  # what most servers that are not Amazon's take for theirs
SHAPE = "https://s3.example.com/bucket/folder, with KEY:SECRET@ before the host"
AT_ONCE = 1000  # recordings that S3 lists or deletes in one request
NO_BUCKET = "NoSuchBucket"  # what S3 calls it
SAID = 300  # characters of what went wrong


class StoreAddress(Struct, frozen=True):
    """What RECORDINGS_URL says."""

    endpoint: str
    bucket: str
    folder: str
    key: str
    secret: str
    region: str


def store_address(url: str) -> StoreAddress:
    """Read RECORDINGS_URL. Raises `ConfigError`, without the secret in it."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ConfigError(f"RECORDINGS_URL is no address; write {SHAPE}") from None
    bucket, _, folder = parts.path.strip("/").partition("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or not bucket:
        raise ConfigError(f"RECORDINGS_URL names no server and bucket; write {SHAPE}")
    if not parts.username or not parts.password:
        raise ConfigError(f"RECORDINGS_URL has no key and secret; write {SHAPE}, and %2F for a slash in them")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    labels = host.split(".")
    amazon = labels[1] if len(labels) > 3 and labels[0] == "s3" and labels[2] == "amazonaws" else REGION
    region = parse_qs(parts.query).get("region", [amazon])[0]
    endpoint = f"{parts.scheme}://{host}{port}"
    return StoreAddress(endpoint, bucket, folder, unquote(parts.username), unquote(parts.password), region)


class RecordingStore:
    """The recordings of all gateways that share a database. Any event loop."""

    def __init__(self, url: str) -> None:
        """Nothing is asked of it yet. Raises `ConfigError`."""
        at = store_address(url)
        try:
            from obstore.store import S3Store
        except ImportError:
            raise ConfigError("RECORDINGS_URL needs the package obstore: pip install 'lineside[s3]'") from None
        self._store: S3Store = S3Store(
            at.bucket,
            prefix=at.folder or None,
            endpoint=at.endpoint,
            access_key_id=at.key,
            secret_access_key=at.secret,
            region=at.region,
            client_options={
                "allow_http": at.endpoint.startswith("http:"),
                "timeout": ANSWER,
                "connect_timeout": CONNECT,
            },
            retry_config={"max_retries": 1, "retry_timeout": ANSWER},  # the archive tries again by itself
        )

    async def put(self, call: str, recording: Path) -> None:
        """Store it; what was there is replaced. Raises `Unavailable`, `FileNotFoundError` for the file."""
        from obstore import put_async

        async with _store_faults():
            await put_async(self._store, call + SUFFIX, recording)

    async def fetch(self, call: str, copy: Path) -> bool:
        """Fetch it into this file; False: it is not there. Raises `Unavailable`."""
        from obstore import get_async

        private_folder(copy.parent)
        part = copy.with_suffix(f".{uuid4().hex}")  # another request may fetch the same
        try:
            async with _store_faults():
                found = await get_async(self._store, call + SUFFIX)
                with part.open("wb") as file:
                    async for block in found.stream():
                        file.write(block)
                part.replace(copy)
        except FileNotFoundError:
            return False
        finally:
            part.unlink(missing_ok=True)
        return True

    async def delete(self, calls: Sequence[str]) -> None:
        """Delete those of them that are there, a thousand at the most. Raises `Unavailable`."""
        from obstore import delete_async

        with suppress(FileNotFoundError):
            async with _store_faults():
                await delete_async(self._store, [call + SUFFIX for call in calls])

    async def calls(self) -> AsyncGenerator[list[str], None]:
        """The calls of all recordings in it, a thousand at a time. Raises `Unavailable`."""
        from obstore import list as listed

        pages = listed(self._store, chunk_size=AT_ONCE)
        while True:
            async with _store_faults():
                page = await anext(pages, None)
            if page is None:
                return
            yield [PurePosixPath(each["path"]).stem for each in page if each["path"].endswith(SUFFIX)]


@asynccontextmanager
async def _store_faults() -> AsyncGenerator[None, None]:
    """Whatever goes wrong, said in one line. A recording that is not there stays a `FileNotFoundError`."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as nothing:
        if NO_BUCKET in str(nothing):  # not one recording is missing but all: nothing is done, and nothing is known
            raise Unavailable("the store of recordings: its bucket is not there; see RECORDINGS_URL") from None
        raise
    except (BaseError, OSError) as why:
        raise Unavailable(f"the store of recordings: {str(why).splitlines()[0][:SAID]}") from None
