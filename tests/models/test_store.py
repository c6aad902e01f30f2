"""Model files on the disk: the right ones are found at once, wrong ones are named with what mends them."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lineside.errors import ConfigError
from lineside.models import store
from lineside.models.store import locate, remove, state, verify
from tests.models.fixtures import SMALL, WEIGHTS, file_of, model_of, sha256

Catalogued = Callable[..., None]
SMALL_MODEL = model_of(file_of(SMALL, name="small.json"), file_of(WEIGHTS))


@pytest.fixture
def tiny(root: Path, catalogued: Catalogued) -> Path:
    """The model, put there by hand."""
    catalogued(SMALL_MODEL)
    folder = root / "tiny"
    folder.mkdir(parents=True)
    (folder / "small.json").write_bytes(SMALL)
    (folder / "weights.bin").write_bytes(WEIGHTS)
    return folder


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed."""
    names: list[str] = []
    real = store.sha256_of

    def noting(path: Path, progress: Callable[[int], None] | None = None) -> str:
        names.append(path.name)
        return real(path, progress)

    monkeypatch.setattr(store, "sha256_of", noting)
    return names


def test_an_unchanged_file_is_hashed_once(tiny: Path, root: Path, hashed: list[str]) -> None:
    """The second start takes no second look at the bytes."""
    assert state(SMALL_MODEL, root) == "unchecked"
    assert locate("tiny", root) == tiny
    assert locate("tiny", root) == tiny
    assert hashed == ["small.json", "weights.bin"]
    assert state(SMALL_MODEL, root) == "ready"


def test_a_changed_file_is_hashed_again(tiny: Path, root: Path, hashed: list[str]) -> None:
    """One byte exchanged in place is found at the next start."""
    locate("tiny", root)
    hashed.clear()
    wrong = b"?" + WEIGHTS[1:]
    (tiny / "weights.bin").write_bytes(wrong)

    with pytest.raises(ConfigError) as refused:
        locate("tiny", root)

    assert hashed == ["weights.bin"]
    assert f"{tiny / 'weights.bin'} is damaged" in str(refused.value)
    assert sha256(wrong) in str(refused.value)
    assert sha256(WEIGHTS) in str(refused.value)
    assert "lineside models pull tiny" in str(refused.value)


def test_verify_hashes_whatever_was_noted(tiny: Path, root: Path, hashed: list[str]) -> None:
    """A change that kept size and time, as a bad disk makes it, is found by verify."""
    locate("tiny", root)
    hashed.clear()
    seen = (tiny / "weights.bin").stat()
    (tiny / "weights.bin").write_bytes(b"?" + WEIGHTS[1:])
    os.utime(tiny / "weights.bin", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    done: list[int] = []

    with pytest.raises(ConfigError, match="is damaged"):
        verify("tiny", root, lambda file, count: done.append(count))

    assert hashed == ["small.json", "weights.bin"]
    assert done[-1] == len(WEIGHTS)
    with pytest.raises(ConfigError, match="is damaged"):  # and is not taken for right again
        locate("tiny", root)


def test_a_missing_file_is_named_with_what_mends_it(tiny: Path, root: Path) -> None:
    """The file, and the command."""
    (tiny / "weights.bin").unlink()
    with pytest.raises(ConfigError, match=r"weights.bin is missing\. Fetch it with: lineside models pull tiny$"):
        locate("tiny", root)
    assert state(SMALL_MODEL, root) == "partial"


def test_a_file_of_another_size_is_named(tiny: Path, root: Path, hashed: list[str]) -> None:
    """A cut copy is found by its size, without hashing it."""
    (tiny / "weights.bin").write_bytes(WEIGHTS[:-1])
    with pytest.raises(ConfigError, match=r"weights.bin has 2999999 bytes instead of 3000000"):
        locate("tiny", root)
    assert hashed == ["small.json"]
    assert state(SMALL_MODEL, root) == "damaged"


def test_a_folder_in_place_of_a_file_is_no_file(tiny: Path, root: Path) -> None:
    """Not a file, so missing."""
    (tiny / "weights.bin").unlink()
    (tiny / "weights.bin").mkdir()
    with pytest.raises(ConfigError, match="is missing"):
        locate("tiny", root)


@pytest.mark.parametrize("stamps", [b"", b"not JSON", b"[]", b'{"small.json": {"bytes": "many"}}'])
def test_spoilt_stamps_only_cost_time(tiny: Path, root: Path, hashed: list[str], stamps: bytes) -> None:
    """When the notes cannot be read, everything is hashed again."""
    locate("tiny", root)
    hashed.clear()
    (tiny / ".verified.json").write_bytes(stamps)

    assert locate("tiny", root) == tiny
    assert hashed == ["small.json", "weights.bin"]


def test_models_on_a_disk_that_takes_no_notes_are_as_good(
    tiny: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only folder of models is used; it is only hashed each time."""

    def read_only(self: Path, content: bytes) -> int:
        raise PermissionError(13, "read-only", str(self))

    monkeypatch.setattr(Path, "write_bytes", read_only)
    assert locate("tiny", root) == tiny
    assert sorted(path.name for path in tiny.iterdir()) == ["small.json", "weights.bin"]


def test_nothing_there_is_missing(root: Path, catalogued: Catalogued) -> None:
    """Before the first pull."""
    catalogued(SMALL_MODEL)
    assert state(SMALL_MODEL, root) == "missing"
    with pytest.raises(ConfigError, match=r"small.json is missing"):
        locate("tiny", root)


@pytest.mark.parametrize("name", ["../tiny", "tiny/.", "/tiny", ""])
def test_only_names_of_the_catalogue_are_looked_up(tiny: Path, root: Path, name: str) -> None:
    """A path is not a name, even when it leads to the model."""
    with pytest.raises(ConfigError, match="there is no model named"):
        locate(name, root)
    with pytest.raises(ConfigError, match="there is no model named"):
        verify(name, root)


def test_remove_takes_all_that_fetching_left_and_nothing_else(tiny: Path, root: Path) -> None:
    """Files, `.part`s, notes, the lock and half an archive go; somebody else's file stays, and the folder with it."""
    locate("tiny", root)
    (tiny / "weights.bin.part").write_bytes(b"half")
    (tiny / ".lock").touch()
    (tiny / ".archive/deep").mkdir(parents=True)
    (tiny / ".archive/deep/half.whl").write_bytes(b"half a wheel")
    (tiny / "notes.txt").write_text("mine")

    assert remove("tiny", root) > len(SMALL) + len(WEIGHTS) + 4

    assert [path.name for path in tiny.iterdir()] == ["notes.txt"]
    (tiny / "notes.txt").unlink()
    assert remove("tiny", root) == 0
    assert not tiny.exists()
    assert remove("tiny", root) == 0


def test_remove_waits_for_nobody(tiny: Path, root: Path) -> None:
    """While another process fetches the model it is refused, and nothing is gone."""
    with (tiny / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another process fetches tiny"):
            remove("tiny", root)
    assert (tiny / "weights.bin").exists()


def test_remove_never_leaves_the_models_folder(tiny: Path, root: Path, tmp_path: Path) -> None:
    """A link is deleted and not what it leads to; a path is no name."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "weights.bin").write_bytes(b"precious")
    (tiny / "weights.bin").unlink()
    (tiny / "weights.bin").symlink_to(precious / "weights.bin")
    (tiny / ".archive").symlink_to(precious)

    with pytest.raises(ConfigError, match="could not be deleted"):
        remove("tiny", root)
    (tiny / ".archive").unlink()
    remove("tiny", root)

    assert (precious / "weights.bin").read_bytes() == b"precious"
    for name in ("../precious", "tiny/../../precious", ""):
        with pytest.raises(ConfigError, match="there is no model named"):
            remove(name, root)
