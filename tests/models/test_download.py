"""A model file comes by HTTP: from the first source that gives the right bytes, or not at all."""

import fcntl
import re
import shutil
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from lineside.errors import ConfigError
from lineside.models import download, folder_lock
from lineside.models.download import DownloadStep, ensure
from tests.models import fixtures
from tests.models.fixtures import (
    SMALL,
    WEIGHTS,
    Host,
    Manner,
    announces,
    answers,
    breaks_off_after,
    file_of,
    gives_a_page,
    gives_range,
    gives_without_length,
    ignores_ranges,
    model_of,
    sends_to,
    sha256,
)

Catalogued = Callable[..., None]


def there(root: Path) -> list[str]:
    """What is in the model's folder, besides the lock and the stamps."""
    return sorted(path.name for path in (root / "tiny").iterdir() if path.name not in (".lock", ".verified.json"))


def test_files_are_fetched_checked_and_not_asked_for_again(
    host: Host, root: Path, catalogued: Catalogued, steps: list[DownloadStep]
) -> None:
    """Both files of a model land in its folder, the bar moves to its end, and a second time nobody is asked."""
    files = [
        file_of(SMALL, host.offers("/small.json", SMALL), name="small.json"),
        file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS)),
    ]
    catalogued(model_of(*files))

    ensure(["tiny", "tiny"], root, progress=steps.append)
    ensure(["tiny"], root)

    assert there(root) == ["small.json", "weights.bin"]
    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS
    assert host.asked == [("/small.json", None), ("/weights.bin", None)]
    weights = [step.done for step in steps if step.file == "weights.bin"]
    assert weights == sorted(weights)
    assert len(weights) > 5
    assert weights[-1] == len(WEIGHTS)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(host: Host, root: Path, catalogued: Catalogued) -> None:
    """The host is asked for the rest, not for the whole again, as often as it takes while bytes keep coming."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(*[breaks_off_after(500_000)] * 3)

    ensure(["tiny"], root)

    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS
    assert [asked for _, asked in host.asked] == [None, "bytes=500000-", "bytes=1000000-", "bytes=1500000-"]


def test_a_line_that_always_breaks_is_given_up_and_kept_for_the_next_time(
    host: Host, root: Path, catalogued: Catalogued
) -> None:
    """After four attempts in a row without much, the pull fails; the next one begins where this one ended."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(*[breaks_off_after(1000)] * download.ATTEMPTS)

    with pytest.raises(ConfigError, match=r"weights.bin of tiny could not be fetched.*broke off after 4000 bytes"):
        ensure(["tiny"], root)
    assert there(root) == ["weights.bin.part"]

    ensure(["tiny"], root)
    assert there(root) == ["weights.bin"]
    assert host.asked[-1] == ("/weights.bin", "bytes=4000-")


def test_a_long_way_in_many_pieces_is_no_failure(
    host: Host, root: Path, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts that bring the file forward do not count against it."""
    monkeypatch.setattr(download, "FORWARD", 100_000)
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(*[breaks_off_after(300_000)] * 9)

    ensure(["tiny"], root)

    assert len(host.asked) == 10


def test_a_host_that_knows_no_ranges_is_heard_from_the_start(host: Host, root: Path, catalogued: Catalogued) -> None:
    """When the whole file comes instead of its rest, what was there is dropped."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(breaks_off_after(700_000), ignores_ranges)

    ensure(["tiny"], root)

    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("manner", "complaint"),
    [
        (announces(2 * len(WEIGHTS)), f"announced {2 * len(WEIGHTS)} bytes instead of {len(WEIGHTS)}"),
        (announces(1000), f"announced 1000 bytes instead of {len(WEIGHTS)}"),
        (gives_without_length(WEIGHTS + b"!"), f"gave more than the {len(WEIGHTS)} bytes"),
        (gives_range("bytes 5-2999999/3000000"), "answered with bytes 5-2999999/3000000 instead of bytes 0-2999999"),
        (gives_range(""), "answered with no range"),
        (answers(404), "answered 404"),
        (answers(204), "answered 204"),
        (sends_to("file:///etc/passwd"), "sends us astray"),
    ],
)
def test_a_host_that_lies_gives_nothing(
    host: Host, root: Path, catalogued: Catalogued, manner: Manner, complaint: str
) -> None:
    """A wrong length, a wrong range, a refusal: an error that says which, at the first attempt, and no trace."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(manner)

    with pytest.raises(ConfigError, match=re.escape(complaint)):
        ensure(["tiny"], root)

    assert there(root) == []
    assert len(host.asked) == 1


def test_a_file_that_ends_early_is_never_taken_for_whole(host: Host, root: Path, catalogued: Catalogued) -> None:
    """Without a length, the end of the connection is not yet the end of the file: the rest is asked for."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(gives_without_length(WEIGHTS[:1_000_000]))

    ensure(["tiny"], root)

    assert host.asked[-1] == ("/weights.bin", "bytes=1000000-")
    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS


def test_a_login_page_does_not_cost_us_what_has_come(host: Host, root: Path, catalogued: Catalogued) -> None:
    """A page in place of the file is refused for its length before anything is thrown away."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(breaks_off_after(2_000_000), announces(1000))

    with pytest.raises(ConfigError, match="announced 1000 bytes"):
        ensure(["tiny"], root)

    assert (root / "tiny/weights.bin.part").stat().st_size == 2_000_000


def test_a_page_without_a_length_is_named_with_its_host_and_costs_nothing(
    host: Host, root: Path, catalogued: Catalogued
) -> None:
    """A proxy answers 200 with a page: what had come before is kept, and goes on when the proxy lets it through."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(breaks_off_after(2_000_000), gives_a_page)

    with pytest.raises(ConfigError, match=r"127\.0\.0\.1: answered with a page \(text/html\)"):
        ensure(["tiny"], root)

    assert (root / "tiny/weights.bin.part").stat().st_size == 2_000_000


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_host_is_asked_again(host: Host, root: Path, catalogued: Catalogued, status: int) -> None:
    """What a busy host cannot give now it may give in a moment."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(answers(status), answers(status))

    ensure(["tiny"], root)

    assert len(host.asked) == 3


def test_a_host_that_thinks_the_part_too_long_is_asked_for_the_whole(
    host: Host, root: Path, catalogued: Catalogued
) -> None:
    """416 to our range: begin again."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    host.will(breaks_off_after(5000), answers(416))

    ensure(["tiny"], root)

    assert [asked for _, asked in host.asked] == [None, "bytes=5000-", None]


def test_wrong_bytes_leave_nothing_behind_and_the_old_file_alone(
    host: Host, root: Path, catalogued: Catalogued
) -> None:
    """The error names both hashes; the file that was there before, wrong as it is, was not touched."""
    wrong = WEIGHTS[:-1] + b"?"
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", wrong))))
    old = root / "tiny/weights.bin"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"an older one")

    with pytest.raises(ConfigError) as refused:
        ensure(["tiny"], root)

    assert sha256(WEIGHTS) in str(refused.value)
    assert sha256(wrong) in str(refused.value)
    assert there(root) == ["weights.bin"]
    assert old.read_bytes() == b"an older one"


def test_a_damaged_file_is_replaced(host: Host, root: Path, catalogued: Catalogued) -> None:
    """A file of the right size with a wrong byte is fetched again."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    old = root / "tiny/weights.bin"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"?" + WEIGHTS[1:])

    ensure(["tiny"], root)

    assert old.read_bytes() == WEIGHTS


@pytest.mark.parametrize("left", [b"garbage" * 1000, b"?" * len(WEIGHTS), b"too long" * len(WEIGHTS)])
def test_what_an_earlier_attempt_left_is_not_trusted(
    host: Host, root: Path, catalogued: Catalogued, left: bytes
) -> None:
    """A wrong beginning costs one more download from the start, never a wrong file and never a failure."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin.part").write_bytes(left)

    ensure(["tiny"], root)

    assert there(root) == ["weights.bin"]
    assert host.asked[-1] == ("/weights.bin", None)


def test_all_there_but_not_yet_renamed_needs_no_host(host: Host, root: Path, catalogued: Catalogued) -> None:
    """A power cut between the last byte and the renaming costs nothing."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin.part").write_bytes(WEIGHTS)

    ensure(["tiny"], root)

    assert there(root) == ["weights.bin"]
    assert host.asked == []


def test_sources_are_tried_in_order_the_mirror_first(
    host: Host, root: Path, catalogued: Catalogued, steps: list[DownloadStep]
) -> None:
    """Mirror, then the publisher, then the next: the first that gives the file ends it."""
    sources = [
        host.offers("/first", WEIGHTS[:-1] + b"?"),
        host.offers("/second", WEIGHTS),
        host.offers("/third", WEIGHTS),
    ]
    catalogued(model_of(file_of(WEIGHTS, *sources)))

    ensure(["tiny"], root, mirror=f"{host.address}/mirror/", progress=steps.append)

    assert [path for path, _ in host.asked] == [f"/mirror/{sha256(WEIGHTS)}", "/first", "/second"]
    assert [step.trouble.split(" instead")[0] for step in steps if step.trouble] == [
        "answered 404",
        f"gave weights.bin with SHA-256 {sha256(WEIGHTS[:-1] + b'?')}",
    ]


def test_another_source_goes_on_where_the_first_broke_off(host: Host, root: Path, catalogued: Catalogued) -> None:
    """Bytes are bytes, whoever gave them."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/a", WEIGHTS), host.offers("/b", WEIGHTS))))
    host.will(breaks_off_after(800_000), answers(404))

    ensure(["tiny"], root, mirror="")

    assert host.asked == [("/a", None), ("/a", "bytes=800000-"), ("/b", "bytes=800000-")]
    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS


def test_a_mirror_serves_by_hash(host: Host, root: Path, catalogued: Catalogued) -> None:
    """The operator's mirror needs no more than a folder of files named by their hashes."""
    host.offers(f"/models/{sha256(WEIGHTS)}", WEIGHTS)
    catalogued(model_of(file_of(WEIGHTS, host.offers("/publisher", WEIGHTS))))

    ensure(["tiny"], root, mirror=f"{host.address}/models")

    assert [path for path, _ in host.asked] == [f"/models/{sha256(WEIGHTS)}"]


@pytest.mark.parametrize("mirror", ["ftp://mirror/", "file:///srv/models", "/srv/models", "http://", "http://["])
def test_a_mirror_that_is_no_web_address_is_refused(root: Path, catalogued: Catalogued, mirror: str) -> None:
    """A wrong LINESIDE_MIRROR is said before anything is done."""
    catalogued(model_of(file_of(WEIGHTS)))
    with pytest.raises(ConfigError, match="LINESIDE_MIRROR"):
        ensure(["tiny"], root, mirror=mirror)
    assert not root.exists()


def test_a_host_that_does_not_answer_is_asked_once_in_a_run(
    host: Host, root: Path, catalogued: Catalogued, steps: list[DownloadStep]
) -> None:
    """Nobody waits twice for the same dead host; passwords in its address are never shown."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        dead = f"http://user:secret@127.0.0.1:{gone.getsockname()[1]}"
    first = file_of(SMALL, f"{dead}/a", host.offers("/a", SMALL), name="a.json")
    second = file_of(WEIGHTS, f"{dead}/b", name="b.bin")
    catalogued(model_of(first, second))

    with pytest.raises(ConfigError, match=r"b.bin.*127.0.0.1: did not answer before") as refused:
        ensure(["tiny"], root, progress=steps.append)

    assert [step.trouble for step in steps if step.trouble] == ["cannot be reached (Connection refused)"]
    assert "secret" not in str(refused.value) + repr(steps)


def test_a_host_that_lets_nobody_in_is_left_soon(
    root: Path, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that does not come about within its time makes the host unreachable."""
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.2)
    with ExitStack() as sockets:
        door = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # those who stand in front of a door that nobody opens: Linux drops the next ones
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(door.getsockname())
        catalogued(model_of(file_of(WEIGHTS, f"http://127.0.0.1:{door.getsockname()[1]}/weights.bin")))

        with pytest.raises(ConfigError, match=r"127.0.0.1: cannot be reached \(no connection within 0 s\)"):
            ensure(["tiny"], root)


def test_a_host_that_says_nothing_is_left_after_some_attempts(
    root: Path, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked four times for the first file, and not at all for the second."""
    monkeypatch.setattr(download, "READ_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute, fixtures.host() as other:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        first = file_of(SMALL, f"{address}/a", other.offers("/a", SMALL), name="a.json")
        catalogued(model_of(first, file_of(WEIGHTS, f"{address}/b", name="b.bin")))
        troubles: list[str] = []

        with pytest.raises(ConfigError, match=r"b.bin.*did not answer before"):
            ensure(["tiny"], root, progress=lambda step: troubles.append(step.trouble))

    assert [trouble for trouble in troubles if trouble] == ["broke off after 0 bytes (nothing came for 0 s)"]


def test_a_lock_that_never_comes_free_is_named(
    root: Path, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour the other process is taken for stuck."""
    monkeypatch.setattr(folder_lock, "LOCK_SECONDS", 0.0)
    catalogued(model_of(file_of(WEIGHTS)))
    (root / "tiny").mkdir(parents=True)
    with (root / "tiny/.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match=r"another process has held .*/tiny/.lock for an hour"):
            ensure(["tiny"], root)


def test_a_certificate_that_is_not_trusted_is_said() -> None:
    """Behind a proxy that opens TLS, the reason has to be readable."""
    key = ConnectionKey("hub", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
    cause = aiohttp.ClientConnectorCertificateError(key, ssl.SSLCertVerificationError(1, "self-signed certificate"))

    assert "self-signed certificate" in download._reason(cause)


def test_ending_it_keeps_what_has_come(host: Host, root: Path, catalogued: Catalogued) -> None:
    """Whatever ends the fetching, the next time only the rest is fetched."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))

    def give_up(step: DownloadStep) -> None:
        if step.done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure(["tiny"], root, progress=give_up)
    came = (root / "tiny/weights.bin.part").stat().st_size
    ensure(["tiny"], root)

    assert came > 1_000_000
    assert host.asked[-1] == ("/weights.bin", f"bytes={came}-")
    assert there(root) == ["weights.bin"]


def test_a_disk_without_room_is_said_before_anything_is_fetched(
    host: Host, root: Path, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names what is needed, what is left, and what to do."""
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS))))
    usage = shutil.disk_usage(root.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2_000_000))

    with pytest.raises(ConfigError, match=r"needs 3 MB more.*has 2 MB left.*LINESIDE_MODELS"):
        ensure(["tiny"], root)

    assert host.asked == []


def test_a_folder_that_may_not_be_written_is_named(root: Path, catalogued: Catalogued) -> None:
    """Where the folder of models should be there is a file: the error says where, and what to set."""
    root.write_text("I am a file")
    catalogued(model_of(file_of(WEIGHTS)))
    with pytest.raises(ConfigError, match=r"could not be written.*LINESIDE_MODELS"):
        ensure(["tiny"], root)


@pytest.mark.parametrize("name", ["../tiny", "tiny/..", "tiny/weights.bin", "/etc", "..", "", "tiny\0"])
def test_a_name_is_never_a_path(root: Path, catalogued: Catalogued, name: str) -> None:
    """What is typed is looked up and nothing else; no folder is made for it."""
    catalogued(model_of(file_of(WEIGHTS)))
    with pytest.raises(ConfigError, match="there is no model named"):
        ensure(["tiny", name], root)
    assert not root.exists()
