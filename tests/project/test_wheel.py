"""The wheel, as somebody installs it: in an empty folder, with an empty home, `lineside serve` answers."""

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lineside.settings import load_settings
from tests.project.test_product import SCRIPTED, free_port

ROOT = Path(__file__).parents[2]
DATA = ("data/broadband.toml", "data/services.toml", "data/monitoring/prometheus.yml", "web/index.html", "py.typed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this tree, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel; what the wheel depends on is found in this environment."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    [packages] = (folder / "lib").glob("python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], capture_output=True, check=True)
    # By path alone: the .pth files of this environment, lineside's own among them, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@contextmanager
def serving(python: Path, folder: Path, **env: str) -> Iterator[str]:
    """`lineside serve` in an empty folder with an empty home."""
    home = folder / "home"
    home.mkdir()
    port = free_port()
    process = subprocess.Popen(
        [str(python.with_name("lineside")), "serve", "--port", port],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(home)} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=60)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own
        return bytes(answer.read())


def test_the_wheel_holds_what_the_code_needs_and_nothing_of_the_checkout(wheel: Path) -> None:
    """Agent, services, monitoring and page are inside; tests and benchmarks are not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"lineside/{name}" for name in DATA} <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "training/", "examples/"))]
    assert not [name for name in names if "__pycache__" in name]


def test_the_installed_lineside_answers_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    """With the agent that comes with it, its page, and nothing written into the folder."""
    where = subprocess.run(
        [str(python), "-c", "import lineside; print(lineside.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert str(ROOT / "src") not in where
    with serving(python, tmp_path, **SCRIPTED, WORKERS="2", FALLBACK_TTS_ENGINES="none") as url:
        assert json.loads(get(f"{url}/health"))["status"] == "ok"
        assert json.loads(get(f"{url}/api/agent"))["name"] == "Harbour Broadband"
        assert b"<html" in get(url)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.models
def test_the_installed_lineside_answers_with_its_embedded_engines(python: Path, tmp_path: Path) -> None:
    """The same with real models, taken from where they were downloaded."""
    models = str(load_settings().models_dir)
    with serving(python, tmp_path, LINESIDE_MODELS=models) as url:
        engines = json.loads(get(f"{url}/api/engines"))
        assert all(engines[role]["default"] for role in ("stt", "llm", "tts"))
        assert json.loads(get(f"{url}/health"))["status"] == "ok"
