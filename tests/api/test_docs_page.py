"""What is said of the API is so: the document, the page, docs/api.md and each line of it."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lineside.api.docs_page import page
from lineside.api.openapi import API_VERSION, document
from lineside.api.operation import ALWAYS, Operation
from lineside.api.operations import OPERATIONS
from lineside.models import catalogue
from tests.api.fakes import SMALL_MODELS, fill
from tests.api.fixtures import ControlClient, at_home

ROOT = Path(__file__).parents[2]
FETCHES = 'import time\nprint(\'{"model":"tiny","done":1,"total":2}\', flush=True)\ntime.sleep(600)'


def test_the_api_page_is_what_the_table_says() -> None:
    """Change the table and this fails until scripts/api.py has written docs/api.md anew."""
    done = subprocess.run(
        [sys.executable, "scripts/api.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_line_of_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is run with curl, in the page's order, and answered with 200 and the shape that stands below it."""
    monkeypatch.setattr(catalogue, "CATALOGUE", SMALL_MODELS)
    lines = re.findall(r"```sh\n(curl .*)\n```", (ROOT / "docs" / "api.md").read_text("utf-8"))
    assert len(lines) == len(OPERATIONS)

    async def story(control: ControlClient) -> None:
        for line, operation in zip(lines, OPERATIONS, strict=True):
            assert line == operation.curl
            await tried(line.replace("http://localhost:3001", control.url), operation, tmp_path)

    # A download that does not end by itself, so that it can be cancelled; streams that do.
    at_home(story, fill(tmp_path), puller=(sys.executable, "-c", FETCHES), longest_watch=0.5, kept=True)


async def tried(line: str, operation: Operation, folder: Path) -> None:
    """Run the line, and read the answer as what it is said to be."""
    more = ["-sS", "--noproxy", "*", "-w", "\n%{http_code} %{content_type}"]
    words = shlex.split(line)
    curl = await asyncio.create_subprocess_exec(
        *words[:1], *more, *words[1:], stdout=asyncio.subprocess.PIPE, cwd=folder
    )
    told, _ = await curl.communicate()
    body, _, last = told.rpartition(b"\n")
    assert last.decode() == f"200 {operation.media}", told
    pieces = [body]
    if operation.answer is None:
        assert (folder / words[2]).stat().st_size if "-o" in words else body
        return
    if operation.streams:
        pieces = [piece.removeprefix(b"data: ") for piece in body.split(b"\n") if piece]
        assert pieces
    for piece in pieces:
        msgspec.json.decode(piece, type=operation.answer)


def test_the_document_names_every_status_once() -> None:
    """What every operation may answer, and what only those with a body may. The control watches that no others come."""
    described = document(OPERATIONS)
    for operation in OPERATIONS:
        told = described["paths"][operation.path][operation.method.lower()]["responses"]
        assert set(map(str, (200, *ALWAYS))) <= set(told)
        assert ("413" in told) == (operation.takes is not None)
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)


class Elements(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_built_in_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No script, nothing loaded, a policy that forbids both; every link leads somewhere on the page."""

    async def story(control: ControlClient) -> None:
        async with control.http.get(f"{control.url}/docs") as answer:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
            page = await answer.text()
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        elements = Elements()
        elements.feed(page)
        tags = {tag for tag, _ in elements.seen}
        assert not tags & {"script", "link", "img", "iframe", "form"}
        assert not any("style" in attributes or "src" in attributes for _, attributes in elements.seen)
        ids = {attributes["id"] for _, attributes in elements.seen if "id" in attributes}
        links = [str(attributes["href"]) for tag, attributes in elements.seen if tag == "a"]
        assert all(link == "openapi.json" or link.removeprefix("#") in ids for link in links)
        for operation in OPERATIONS:
            assert operation.name in ids
            assert operation.path in page
        status, described = await control.ask("GET", "/openapi.json")
        assert (status, described) == (200, msgspec.json.decode(msgspec.json.encode(document(OPERATIONS))))

    at_home(story, tmp_path)


def test_the_documents_tell_nothing_of_this_gateway(tmp_path: Path) -> None:
    """They are open to all: whatever is set here, they are the same, and name no version of the program."""

    async def story(control: ControlClient) -> None:
        async with control.http.get(f"{control.url}/openapi.json") as answer:
            described = await answer.json()
        assert described == msgspec.json.decode(msgspec.json.encode(document(OPERATIONS)))
        assert described["info"]["version"] == API_VERSION
        async with control.http.get(f"{control.url}/docs") as answer:
            assert await answer.text() == page(OPERATIONS)

    at_home(story, tmp_path, given={"prometheus_url": "http://figures.example", "api_keys": "secret"}, kept=True)


@asynccontextmanager
async def running_gateway() -> AsyncGenerator[str, None]:
    """The scripted control in a process of its own; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.api.open_server",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """A few hundred requests made up from the document: no 5xx, no answer that is not documented."""

    async def story() -> tuple[int | None, str]:
        async with running_gateway() as url:
            # bench/control.py --fuzz makes ten thousand.
            words: list[Any] = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--no-color"]
            run = await asyncio.create_subprocess_exec(
                *words,
                *("--max-examples", "6", "--request-timeout", "60", "--suppress-health-check", "all"),
                *("--generation-deterministic", "--workers", "1"),  # ast.parse of Python 3.11 fails in two threads
                cwd=tmp_path,
                env=os.environ | {"NO_PROXY": "127.0.0.1", "PYTHONWARNINGS": "ignore"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            told, _ = await run.communicate()
            return run.returncode, told.decode()

    code, told = asyncio.run(story())
    assert code == 0, told
    made = re.search(r"(\d+) generated, (\d+) passed", told)
    assert made is not None, told
    assert int(made[1]) == int(made[2]) >= 200, told
