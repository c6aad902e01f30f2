"""What every test here has: a host, a folder for models, a shelf of wheels for pip, and a catalogue of small models."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lineside.models import catalogue, download, folder_lock
from lineside.models.catalogue import Model
from lineside.models.download import DownloadStep
from tests.models import fixtures


@pytest.fixture
def host() -> Iterator[fixtures.Host]:
    with fixtures.host() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def package_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip takes wheels from."""
    folder = tmp_path / "package_folder"
    folder.mkdir()
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def steps() -> list[DownloadStep]:
    return []


@pytest.fixture
def catalogued(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the catalogue have these models and no others."""

    def put(*models: Model) -> None:
        monkeypatch.setattr(catalogue, "CATALOGUE", models)

    return put


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(folder_lock, "LOOK_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
