"""Downloads by API, in processes of their own: joined, left, cancelled and resumed, and all that can befall them."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import aiohttp
import msgspec
import psutil
import pytest

from lineside.api import downloads
from lineside.api.background import LatestBroadcast
from lineside.errors import EngineError
from lineside.models import catalogue
from lineside.models.catalogue import Model
from lineside.models.progress import DownloadProgress
from tests.api.fixtures import ControlClient, Fetcher, at_home, opened
from tests.models import fixtures
from tests.models.fixtures import WEIGHTS, Host, Manner, announces, breaks_off_after, file_of, model_of

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds; a test that waits so long has failed


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with fixtures.host() as running:
        yield running


@pytest.fixture
def tiny(host: Host, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The only model of the catalogue: three megabytes, at the host."""
    return put(monkeypatch, model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))


BEFORE: set[int] = set()  # children of other tests, such as the running stack


@pytest.fixture(autouse=True)
def _children_before() -> None:
    BEFORE.clear()
    BEFORE.update(child.pid for child in psutil.Process().children())


def children_left() -> list[psutil.Process]:
    """Those that began in this test and are still there."""
    return [child for child in psutil.Process().children() if child.pid not in BEFORE]


def put(monkeypatch: pytest.MonkeyPatch, *models: Model) -> Model:
    monkeypatch.setattr(catalogue, "CATALOGUE", models)
    monkeypatch.setattr(catalogue, "needed", lambda llm: ["tiny"])
    return models[0]


def puller(tmp_path: Path, limit: int = 0) -> tuple[str, ...]:
    """The real `lineside models pull`, with the small models as catalogue; `limit`: bytes that a file may have."""
    written = tmp_path / "catalogue.json"
    written.write_bytes(msgspec.json.encode(catalogue.CATALOGUE))
    return (sys.executable, "-m", "tests.models.child", str(written), str(limit), "models", "pull")


def says(*lines: str, code: int = 0) -> tuple[str, ...]:
    """A program that prints these lines and ends."""
    return (sys.executable, "-c", f"import sys\nfor line in {lines!r}: print(line, flush=True)\nsys.exit({code})")


@asynccontextmanager
async def following(
    control: ControlClient, model: str = "tiny", engine: str = ""
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    body = {"model": model, "engine": engine}
    async with control.http.post(f"{control.url}/api/models/download", json=body) as answer:
        assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
        yield answer


async def lines(answer: aiohttp.ClientResponse) -> list[DownloadProgress]:
    return [msgspec.json.decode(line, type=DownloadProgress) async for line in answer.content]


async def downloaded(control: ControlClient, model: str = "tiny", engine: str = "") -> list[DownloadProgress]:
    async with following(control, model, engine) as answer:
        return await lines(answer)


def pauses_after(count: int, reached: Event, go_on: Event) -> Manner:
    """Give so many bytes, and the rest when told."""

    def manner(request: fixtures.Request, content: bytes) -> None:
        request.begin(200, len(content))
        request.wfile.write(content[:count])
        reached.set()
        assert go_on.wait(PATIENCE)
        request.wfile.write(content[count:])

    return manner


async def arrived(control: ControlClient, answer: aiohttp.ClientResponse) -> None:
    """A mebibyte has come."""
    while (await control.model("tiny"))["downloading"]["done"] < 1 << 20:
        await answer.content.readline()


async def happened(event: Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


def test_a_download_is_followed_to_its_end(tiny: Model, tmp_path: Path) -> None:
    """Lines of progress, the last one `done`; then the model is here, checked."""
    root = tmp_path / "models"

    async def story(control: ControlClient) -> None:
        assert (await control.model("tiny"))["state"] == "missing"
        told = await downloaded(control)
        assert [one.state for one in told[:-1]] == ["running"] * (len(told) - 1)
        assert (told[-1].state, told[-1].done, told[-1].total) == ("done", len(WEIGHTS), len(WEIGHTS))
        assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS
        row = await control.model("tiny")
        assert (row["state"], row["downloading"]) == ("ready", None)
        assert (await downloaded(control))[-1].state == "done", "what is here is here"

    at_home(story, root, puller=puller(tmp_path))


def test_a_second_request_joins_and_leaving_ends_nothing(tiny: Model, host: Host, tmp_path: Path) -> None:
    """One transfer for all who ask; it goes on when they leave, and the list shows it."""
    root, reached, go_on = tmp_path / "models", Event(), Event()
    host.will(pauses_after(1_500_000, reached, go_on))

    async def story(control: ControlClient) -> None:
        async with following(control) as first, following(control) as second:
            await happened(reached)
            await first.content.readline()
            assert (await control.model("tiny"))["downloading"]["state"] == "running"
            assert (await control.refused("DELETE", "/api/models/tiny"))[:2] == (409, "downloading")
            first.close()
            go_on.set()
            assert (await lines(second))[-1].state == "done"
        assert len(host.asked) == 1
        assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS

    at_home(story, root, puller=puller(tmp_path))


def test_it_goes_on_when_all_have_left(tiny: Model, host: Host, tmp_path: Path) -> None:
    """Whoever asks later finds it where it is."""
    root, reached, go_on = tmp_path / "models", Event(), Event()
    host.will(pauses_after(1_500_000, reached, go_on))

    async def story(control: ControlClient) -> None:
        async with following(control):
            await happened(reached)
        go_on.set()
        assert (await downloaded(control))[-1].state == "done"
        assert len(host.asked) == 1

    at_home(story, root, puller=puller(tmp_path))


def test_a_cancelled_download_keeps_what_came_and_is_resumed(tiny: Model, host: Host, tmp_path: Path) -> None:
    """The child is ended; the `.part` stays, and the next download asks for the rest only."""
    root, reached, go_on = tmp_path / "models", Event(), Event()
    host.will(pauses_after(1_500_000, reached, go_on))

    async def story(control: ControlClient) -> None:
        status, code, message = await control.refused("POST", "/api/models/download/cancel", {"model": "tiny"})
        assert (status, code, message) == (409, "not_downloading", "tiny is not being downloaded")
        async with following(control) as answer:
            await arrived(control, answer)
            status, told = await control.ask("POST", "/api/models/download/cancel", {"model": "tiny"})
            assert (status, told["state"]) == (200, "cancelled")
            assert (await lines(answer))[-1].state == "cancelled"
        go_on.set()
        came = (root / "tiny/weights.bin.part").stat().st_size
        assert came >= 1_000_000
        assert children_left() == []
        assert (await downloaded(control))[-1].state == "done"
        assert host.asked[-1] == ("/weights.bin", f"bytes={came}-")
        assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS

    at_home(story, root, puller=puller(tmp_path))


@pytest.mark.parametrize(
    ("manners", "said"),
    [
        ([announces(5)], "announced 5 bytes instead of 3000000"),
        ([announces(len(WEIGHTS) + 7)], "announced 3000007 bytes instead of 3000000"),
        ([breaks_off_after(10)] * 4, "broke off after"),
        ([fixtures.gives_without_length(b"?" + WEIGHTS[1:])], "with SHA-256"),
        ([fixtures.answers(404)], "answered 404"),
    ],
    ids=["too short", "too long", "broken", "wrong hash", "not there"],
)
def test_what_goes_wrong_is_said_and_the_old_file_stays(
    tiny: Model, host: Host, tmp_path: Path, manners: list[Manner], said: str
) -> None:
    """The last line says `failed` and why; the file that was there is as it was."""
    root = tmp_path / "models"
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin").write_bytes(b"an older one")
    host.will(*manners)

    async def story(control: ControlClient) -> None:
        last = (await downloaded(control))[-1]
        assert last.state == "failed"
        assert said in last.message
        assert "weights.bin of tiny could not be fetched" in last.message
        assert (root / "tiny/weights.bin").read_bytes() == b"an older one"

    at_home(story, root, puller=puller(tmp_path))


def test_a_full_disk_is_said_and_the_room_is_given_back(tiny: Model, tmp_path: Path) -> None:
    """Nothing half-written is left, and the old file stays."""
    root = tmp_path / "models"
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin").write_bytes(b"an older one")

    async def story(control: ControlClient) -> None:
        last = (await downloaded(control))[-1]
        assert last.state == "failed"
        assert "the disk is full" in last.message
        assert {path.name for path in (root / "tiny").iterdir()} == {".lock", "weights.bin"}
        assert (root / "tiny/weights.bin").read_bytes() == b"an older one"

    at_home(story, root, puller=puller(tmp_path, limit=1_000_000))


def test_closing_time_ends_the_download_and_its_process(tiny: Model, host: Host, tmp_path: Path) -> None:
    """No orphan is left, and those who follow are told."""
    root, reached, go_on = tmp_path / "models", Event(), Event()
    host.will(pauses_after(1_500_000, reached, go_on))
    followed: list[asyncio.Task[list[DownloadProgress]]] = []

    async def follow(control: ControlClient) -> list[DownloadProgress]:
        async with aiohttp.ClientSession() as http:
            return await downloaded(ControlClient(control.url, control.dependencies, http))

    async def whole() -> None:
        async with asyncio.timeout(PATIENCE), opened(root, puller=puller(tmp_path)) as control:
            followed.append(asyncio.create_task(follow(control)))
            async with following(control) as answer:
                await arrived(control, answer)
        assert children_left() == []
        assert (await followed[0])[-1].state == "cancelled"

    asyncio.run(whole(), debug=True)
    go_on.set()
    assert (root / "tiny/weights.bin.part").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("/no/such/program",), "exit code"),
        (says("Traceback (most recent call last):", "MemoryError", code=1), "exit code 1: Traceback"),
        (says('{"model":"tiny"}', code=0), "exit code 0: without a word"),
        ((sys.executable, "-c", "print('x' * 200_000)"), "a line without an end"),
        (says('{"model":7}', '{"state":"done"}', code=3), "exit code 3"),
    ],
)
def test_a_child_that_ends_without_a_result_has_failed(
    tiny: Model, tmp_path: Path, argv: tuple[str, ...], said: str
) -> None:
    """Its exit code and its last words are the reason."""

    async def story(control: ControlClient) -> None:
        last = (await downloaded(control))[-1]
        assert last.state == "failed"
        assert said in last.message

    at_home(story, tmp_path, puller=argv)


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_child_is_asked_to_end_before_it_is_ended(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stubborn: bool
) -> None:
    """SIGTERM first, and time to put things away; SIGKILL for one that does not listen."""
    monkeypatch.setattr("lineside.api.download_process.GRACE", 0.2 if stubborn else PATIENCE)
    heard = tmp_path / "heard"
    program = f"""
import signal, sys, time
def asked(*_):
    open({str(heard)!r}, "w").close()
    {"pass" if stubborn else "sys.exit(143)"}
signal.signal(signal.SIGTERM, asked)
print('{{"model":"tiny","done":1}}', flush=True)
while True:
    time.sleep(600)
"""

    async def story(control: ControlClient) -> None:
        async with following(control) as answer:
            while (await control.model("tiny"))["downloading"]["done"] != 1:
                await answer.content.readline()
            status, told = await control.ask("POST", "/api/models/download/cancel", {"model": "tiny"})
        assert (status, told["state"]) == (200, "cancelled")
        assert heard.exists()
        assert children_left() == []

    at_home(story, tmp_path, puller=(sys.executable, "-c", program))


def test_further_models_wait_in_line(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at once; the next says that it waits, can be cancelled there, and one too many is refused."""
    monkeypatch.setattr(downloads, "AT_ONCE", 1)
    monkeypatch.setattr(downloads, "IN_LINE", 2)
    reached, go_on = Event(), Event()
    host.will(pauses_after(1_500_000, reached, go_on))
    address = host.offers("/weights.bin", WEIGHTS)
    put(monkeypatch, *(model_of(file_of(WEIGHTS, address), name=name) for name in ("tiny", "second", "third")))

    async def story(control: ControlClient) -> None:
        async with following(control) as first:
            await happened(reached)
            async with following(control, "second") as second:
                waiting = msgspec.json.decode(await second.content.readline(), type=DownloadProgress)
                assert (waiting.state, waiting.message) == ("running", "queued")
                third = await control.refused("POST", "/api/models/download", {"model": "third"})
                assert third[:2] == (409, "too_many_downloads")
                await control.ask("POST", "/api/models/download/cancel", {"model": "second"})
                assert (await lines(second))[-1].state == "cancelled"
            last = asyncio.create_task(downloaded(control, "third"))
            go_on.set()
            assert (await lines(first))[-1].state == "done"
            assert (await last)[-1].state == "done"

    at_home(story, tmp_path / "models", puller=puller(tmp_path))


def test_too_many_followers_are_refused(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is 503; the download is not disturbed."""
    monkeypatch.setattr(downloads, "FOLLOWERS", 1)

    async def story(control: ControlClient) -> None:
        fetcher = control.dependencies.registry.engine("llm", "ollama")
        assert isinstance(fetcher, Fetcher)
        async with following(control, "qwen3:4b") as first:
            await first.content.readline()
            refused = await control.refused("POST", "/api/models/download", {"model": "qwen3:4b"})
            assert refused[:2] == (503, "too_many_watchers")
            for _ in range(3):
                fetcher.go.release()
            assert (await lines(first))[-1].state == "done"

    at_home(story, tmp_path)


def test_an_engine_that_fetches_models_itself_is_followed_alike(tmp_path: Path) -> None:
    """Its progress, its failure and its cancelling are told in the same words; its names are those it was given."""

    async def story(control: ControlClient) -> None:
        fetcher = control.dependencies.registry.engine("llm", "ollama")
        assert isinstance(fetcher, Fetcher)
        for _ in range(3):
            fetcher.go.release()
        told = await downloaded(control, "qwen3:4b", "ollama")
        assert (told[-1].state, told[-1].source, told[-1].file, told[-1].done) == ("done", "ollama", "layer", 30)
        assert (await control.model("qwen3:4b"))["bytes"] == 30

        fetcher.fault = EngineError("there is no such model at the library")
        fetcher.go.release()
        # What it has is asked of it as well; it does not tell, but its choices are known.
        last = (await downloaded(control, "qwen3:4b"))[-1]
        assert (last.state, last.message) == ("failed", "there is no such model at the library")

        fetcher.fault = None
        async with following(control, "qwen3:4b") as answer:
            await answer.content.readline()
            assert (await control.ask("POST", "/api/models/download/cancel", {"model": "qwen3:4b"}))[0] == 200
            assert (await lines(answer))[-1].state == "cancelled"
        assert fetcher.closed == 3
        assert (await control.refused("POST", "/api/models/download", {"model": "gemma3:27b"}))[0] == 404

    at_home(story, tmp_path)


def test_a_slow_follower_is_given_the_newest(tmp_path: Path) -> None:
    """Nothing piles up for somebody who does not read."""

    async def story() -> None:
        newest: LatestBroadcast[int] = LatestBroadcast()
        newest.put(1)
        read: list[int | None] = []
        async for value in newest.follow(60.0):
            read.append(value)
            if value == 1:
                for number in range(2, 1000):
                    newest.put(number)
                newest.close()
        assert read == [1, 999]

    asyncio.run(story(), debug=True)


def test_followers_are_shown_that_it_is_still_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without news the newest line is told again, so that one who has left is noticed."""
    monkeypatch.setattr(downloads, "PULSE", 0.01)

    async def story(control: ControlClient) -> None:
        async with following(control, "qwen3:4b") as answer:
            first = await answer.content.readline()
            assert await answer.content.readline() == first

    at_home(story, tmp_path)
