"""Model files on the disk: the right ones are found at once, wrong ones are named with what mends them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lineside.errors import ConfigError
from lineside.models import store
from lineside.models.store import locate, state, verify
from tests.models.places import SMALL, WEIGHTS, file_of, model_of, sha256

Catalogued = Callable[..., None]
TOY = model_of(file_of(SMALL, name="small.json"), file_of(WEIGHTS))


@pytest.fixture
def toy(root: Path, catalogued: Catalogued) -> Path:
    """The toy, put there by hand."""
    catalogued(TOY)
    folder = root / "toy"
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


def test_an_unchanged_file_is_hashed_once(toy: Path, root: Path, hashed: list[str]) -> None:
    """The second start takes no second look at the bytes."""
    assert state(TOY, root) == "unchecked"
    assert locate("toy", root) == toy
    assert locate("toy", root) == toy
    assert hashed == ["small.json", "weights.bin"]
    assert state(TOY, root) == "ready"


def test_a_changed_file_is_hashed_again(toy: Path, root: Path, hashed: list[str]) -> None:
    """One byte exchanged in place is found at the next start."""
    locate("toy", root)
    hashed.clear()
    wrong = b"?" + WEIGHTS[1:]
    (toy / "weights.bin").write_bytes(wrong)

    with pytest.raises(ConfigError) as refused:
        locate("toy", root)

    assert hashed == ["weights.bin"]
    assert f"{toy / 'weights.bin'} is damaged" in str(refused.value)
    assert sha256(wrong) in str(refused.value)
    assert sha256(WEIGHTS) in str(refused.value)
    assert "lineside models pull toy" in str(refused.value)


def test_verify_hashes_whatever_was_noted(toy: Path, root: Path, hashed: list[str]) -> None:
    """A change that kept size and time, as a bad disk makes it, is found by verify."""
    locate("toy", root)
    hashed.clear()
    seen = (toy / "weights.bin").stat()
    (toy / "weights.bin").write_bytes(b"?" + WEIGHTS[1:])
    os.utime(toy / "weights.bin", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    done: list[int] = []

    with pytest.raises(ConfigError, match="is damaged"):
        verify("toy", root, lambda file, count: done.append(count))

    assert hashed == ["small.json", "weights.bin"]
    assert done[-1] == len(WEIGHTS)
    with pytest.raises(ConfigError, match="is damaged"):  # and is not taken for right again
        locate("toy", root)


def test_a_missing_file_is_named_with_what_mends_it(toy: Path, root: Path) -> None:
    """The file, and the command."""
    (toy / "weights.bin").unlink()
    with pytest.raises(ConfigError, match=r"weights.bin is missing\. Fetch it with: lineside models pull toy$"):
        locate("toy", root)
    assert state(TOY, root) == "partial"


def test_a_file_of_another_size_is_named(toy: Path, root: Path, hashed: list[str]) -> None:
    """A cut copy is found by its size, without hashing it."""
    (toy / "weights.bin").write_bytes(WEIGHTS[:-1])
    with pytest.raises(ConfigError, match=r"weights.bin has 2999999 bytes instead of 3000000"):
        locate("toy", root)
    assert hashed == ["small.json"]
    assert state(TOY, root) == "damaged"


def test_a_folder_in_place_of_a_file_is_no_file(toy: Path, root: Path) -> None:
    """Not a file, so missing."""
    (toy / "weights.bin").unlink()
    (toy / "weights.bin").mkdir()
    with pytest.raises(ConfigError, match="is missing"):
        locate("toy", root)


@pytest.mark.parametrize("stamps", [b"", b"not JSON", b"[]", b'{"small.json": {"bytes": "many"}}'])
def test_spoilt_stamps_only_cost_time(toy: Path, root: Path, hashed: list[str], stamps: bytes) -> None:
    """When the notes cannot be read, everything is hashed again."""
    locate("toy", root)
    hashed.clear()
    (toy / ".verified.json").write_bytes(stamps)

    assert locate("toy", root) == toy
    assert hashed == ["small.json", "weights.bin"]


def test_models_on_a_disk_that_takes_no_notes_are_as_good(
    toy: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only folder of models is used; it is only hashed each time."""

    def read_only(self: Path, content: bytes) -> int:
        raise PermissionError(13, "read-only", str(self))

    monkeypatch.setattr(Path, "write_bytes", read_only)
    assert locate("toy", root) == toy
    assert sorted(path.name for path in toy.iterdir()) == ["small.json", "weights.bin"]


def test_nothing_there_is_missing(root: Path, catalogued: Catalogued) -> None:
    """Before the first pull."""
    catalogued(TOY)
    assert state(TOY, root) == "missing"
    with pytest.raises(ConfigError, match=r"small.json is missing"):
        locate("toy", root)


@pytest.mark.parametrize("name", ["../toy", "toy/.", "/toy", ""])
def test_only_names_of_the_catalogue_are_looked_up(toy: Path, root: Path, name: str) -> None:
    """A path is not a name, even when it leads to the model."""
    with pytest.raises(ConfigError, match="there is no model named"):
        locate(name, root)
    with pytest.raises(ConfigError, match="there is no model named"):
        verify(name, root)
