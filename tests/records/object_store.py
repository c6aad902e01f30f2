"""An S3 server on loopback: moto's."""

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from moto.server import ThreadedMotoServer


class ObjectStore:
    """It can be stopped, and started again with all that it had."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.port, self._bucket = 0, f"b{uuid4().hex}"  # moto's buckets outlive its servers
        self.start()
        self.make_bucket()

    @property
    def url(self) -> str:
        """For RECORDINGS_URL."""
        return self.url_by(self.port)

    def url_by(self, port: int) -> str:
        """The same, by another port that leads here; a secret may have a slash in it."""
        return f"http://key:a%2Fsecret@127.0.0.1:{port}/{self._bucket}/calls"

    def start(self) -> None:
        """At the port that it had."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        """Nobody answers there any more."""
        self._server.stop()

    def lose_bucket(self) -> None:
        """The server is there and its bucket is not. It must be empty."""
        self._ask("DELETE")

    def make_bucket(self) -> None:
        """The bucket is there again."""
        self._ask("PUT")

    def names(self) -> list[str]:
        """What it has, without the folder."""
        told = self._ask("GET", "?list-type=2&prefix=calls/").decode()
        return [part.partition("</Key>")[0].removeprefix("calls/") for part in told.split("<Key>")[1:]]

    def _ask(self, method: str, query: str = "") -> bytes:
        address = f"http://127.0.0.1:{self.port}/{self._bucket}{query}"
        with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=60) as answer:
            return bytes(answer.read())


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """An empty one."""
    store = ObjectStore()
    try:
        yield store
    finally:
        store.stop()
