"""Places that model files come from, on this machine: a host that can be told to misbehave, and a shelf of wheels."""

import hashlib
import random
import re
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

from lineside.models.catalogue import Member, Model, ModelFile, Source

WEIGHTS = random.Random(7).randbytes(3_000_000)  # noqa: S311
SMALL = b'{"a small file": true}\n'

Manner = Callable[["Request", bytes], None]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file_of(content: bytes, *sources: Source, name: str = "weights.bin") -> ModelFile:
    return ModelFile(name, len(content), sha256(content), sources)


def model_of(*files: ModelFile, name: str = "tiny") -> Model:
    return Model(name, "stt", "MIT", "a tiny one", files, default=True)


class Request(BaseHTTPRequestHandler):
    """One request to the host; the manner in which it is answered is the host's."""

    protocol_version = "HTTP/1.1"
    host: ClassVar["Host"]

    def do_GET(self) -> None:
        self.host.asked.append((self.path, self.headers.get("Range")))
        manner = self.host.manners.popleft() if self.host.manners else honest
        manner(self, self.host.files.get(self.path, b""))

    def handle(self) -> None:
        with suppress(ConnectionError):  # a process that is ended hangs up without a word
            super().handle()

    def begin(self, status: int, length: int | None, content_range: str = "") -> None:
        self.send_response(status)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    @property
    def start(self) -> int:
        """Where the range that is asked for begins."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Host:
    """A web server on this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.manners: deque[Manner] = deque()  # of the next requests, one each; then all are answered honestly
        self.asked: list[tuple[str, str | None]] = []  # path and range

    def offers(self, path: str, content: bytes) -> str:
        """Have a file; returns its address."""
        self.files[path] = content
        return self.address + path

    def will(self, *manners: Manner) -> None:
        self.manners.extend(manners)


@contextmanager
def host() -> Iterator[Host]:
    class Asked(Request):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    Asked.host = Host(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Asked.host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def honest(request: Request, content: bytes) -> None:
    if not content:
        request.begin(404, 0)
        return
    rest = content[request.start :]
    if request.start:
        request.begin(206, len(rest), f"bytes {request.start}-{len(content) - 1}/{len(content)}")
    else:
        request.begin(200, len(rest))
    request.wfile.write(rest)


def ignores_ranges(request: Request, content: bytes) -> None:
    request.begin(200, len(content))
    request.wfile.write(content)


def breaks_off_after(count: int) -> Manner:
    def manner(request: Request, content: bytes) -> None:
        rest = content[request.start :]
        if request.start:
            request.begin(206, len(rest), f"bytes {request.start}-{len(content) - 1}/{len(content)}")
        else:
            request.begin(200, len(rest))
        request.wfile.write(rest[:count])
        request.close_connection = True

    return manner


def announces(length: int) -> Manner:
    def manner(request: Request, content: bytes) -> None:
        request.begin(200, length)
        request.wfile.write((content * 2)[:length])
        request.close_connection = True

    return manner


def gives_without_length(given: bytes) -> Manner:
    """The end of the connection is the end of the file."""

    def manner(request: Request, content: bytes) -> None:
        request.begin(200, None)
        request.wfile.write(given)

    return manner


def gives_a_page(request: Request, content: bytes) -> None:
    """What a proxy that wants a sign-in sends, without a length."""
    request.send_response(200)
    request.send_header("Content-Type", "text/html; charset=utf-8")
    request.end_headers()
    request.wfile.write(b"<html>Sign in</html>")
    request.close_connection = True


def gives_range(content_range: str) -> Manner:
    def manner(request: Request, content: bytes) -> None:
        request.begin(206, len(content) - request.start, content_range)
        request.wfile.write(content[request.start :])

    return manner


def answers(status: int) -> Manner:
    def manner(request: Request, content: bytes) -> None:
        request.begin(status, 0)

    return manner


def sends_to(address: str) -> Manner:
    def manner(request: Request, content: bytes) -> None:
        request.send_response(302)
        request.send_header("Location", address)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return manner


def wheel(package_folder: Path, package: str, members: dict[str, bytes]) -> tuple[Member, ...]:
    """Put a wheel on the shelf; returns its members."""
    name = package.replace("-", "_")
    info = f"{name}-1.0.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
        f"{name}/__init__.py": "raise SystemExit('nobody may import me')\n",
    }
    with zipfile.ZipFile(package_folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            archive.writestr(path, content)
        for path, text in texts.items():
            archive.writestr(path, text)
    return tuple(Member("pip", package, "1.0", path, len(content)) for path, content in members.items())
