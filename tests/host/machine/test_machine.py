"""What the engine server finds out about the machine it runs on."""

import os
import sys
from pathlib import Path

import pytest

from lineside.engine_server import openmp
from lineside.errors import ConfigError
from lineside.processes.cpu_count import cores


@pytest.mark.parametrize(("said", "count"), [("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 2)])
def test_a_container_has_the_cores_that_its_quota_says(tmp_path: Path, said: str, count: int) -> None:
    """A quota of one and a half cores is two at the most, half a core is one."""
    limit = tmp_path / "cpu.max"
    limit.write_text(f"{said}\n")
    assert cores(limit) == min(count, cores(tmp_path / "nothing"))


@pytest.mark.parametrize("said", ["max 100000", "nonsense", ""])
def test_without_a_quota_all_cores_are_ours(tmp_path: Path, said: str) -> None:
    """No limit, or a file that says something else: what the scheduler gives us."""
    limit = tmp_path / "cpu.max"
    limit.write_text(said)
    assert cores(limit) == cores(tmp_path / "nothing") >= 1


linux = pytest.mark.skipif(sys.platform != "linux", reason="libgomp is Linux's question")


@linux
def test_a_missing_openmp_is_borrowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program starts again, with a folder first in the loader's path that holds the library under its name."""
    pytest.importorskip("ctranslate2")
    again: list[list[str]] = []
    monkeypatch.setattr(openmp, "present", lambda: False)
    monkeypatch.setattr(os, "execv", lambda program, argv: again.append([program, *argv]))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/elsewhere")
    openmp.borrow(tmp_path / "libraries")
    assert again == [[sys.executable, *sys.orig_argv]]
    assert os.environ["LD_LIBRARY_PATH"] == f"{tmp_path / 'libraries'}:/elsewhere"
    assert (tmp_path / "libraries" / "libgomp.so.1").resolve().name.startswith("libgomp")


@linux
def test_it_is_borrowed_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it cannot be loaded even then, the error says what to install, rather than starting again for ever."""
    monkeypatch.setattr(openmp, "present", lambda: False)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="libgomp1"):
        openmp.borrow(tmp_path)


@linux
def test_a_system_with_openmp_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written and nothing started again."""
    monkeypatch.setattr(openmp, "present", lambda: True)
    openmp.borrow(tmp_path / "libraries")
    assert not (tmp_path / "libraries").exists()
