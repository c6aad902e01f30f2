"""What several packages of tests share. Nothing here imports lineside, so that a pure test starts at once."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real_gateway import Stack


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded


# Folders whose tests share nothing and measure no time of this machine's: test.sh runs them in several processes.
# Tests that need models or a browser are left out of that part: each process would load them again.
SIDE_BY_SIDE = (
    "agents",
    "audio",
    "call",
    "cli",
    "engines",
    "models",
    "records",
    "rehearse",
    "rtp",
    "sip",
    "text",
    "transports",
    "turns",
)
# The others wait more than they compute, so all of them run at once: the browser's in their order, which ends with what
# no test has pressed; what a telephone or a stranger has before them, in its order; and all the rest, file by file, in
# two processes.
OF_PART = {"browser": ("browser",), "outside": ("fuzz", "project", "telephones")}
PARTS = ("side-by-side", "browser", "outside", "inside")
HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part`: only these of the tests; ./test.sh runs all four parts."""
    parser.addoption("--part", choices=PARTS, help="only this part of the tests")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files none of whose tests are in this part: reading all of them takes longer than some parts' tests."""
    part: str | None = config.getoption("--part")
    if part is None or not collection_path.name.startswith("test_"):
        return None
    folder = collection_path.relative_to(HERE).parts[0]
    if part == "side-by-side":
        return folder not in SIDE_BY_SIDE or None
    if part != "inside":
        return folder not in OF_PART[part] or None
    loads = folder not in SIDE_BY_SIDE or any(
        mark in collection_path.read_bytes() for mark in (b"mark.models", b"mark.browser")
    )
    return any(folder in folders for folders in OF_PART.values()) or not loads or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the other parts."""
    part: str | None = config.getoption("--part")
    if part is None:
        return

    def belongs(item: pytest.Item) -> bool:
        folder: str = item.path.relative_to(HERE).parts[0]
        loads = any(item.get_closest_marker(name) for name in ("models", "browser"))
        if folder in SIDE_BY_SIDE and not loads:
            return part == "side-by-side"
        return part == next((name for name, folders in OF_PART.items() if folder in folders), "inside")

    config.hook.pytest_deselected(items=[item for item in items if not belongs(item)])
    items[:] = [item for item in items if belongs(item)]


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> None:
    """Give hypothesis no deadline: on a shared machine the time of an example says nothing about the code. And the same
    examples in every run, so that what fails was changed; `--hypothesis-seed` draws others.

    Before the first module that uses it: `@settings` takes over what holds when it is read.
    """
    if b"hypothesis" in module_path.read_bytes() or "hypothesis" in sys.modules:
        from hypothesis import settings

        if settings.get_current_profile_name() != "shared":
            drawn = parent.config.getoption("hypothesis_seed", None) is not None
            settings.register_profile("shared", deadline=None, derandomize=not drawn)
            settings.load_profile("shared")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stack]":
    """The gateway and its engine server on real models, started once for all tests of a process."""
    from tests.real_gateway import running_stack

    with running_stack(tmp_path_factory.mktemp("data")) as stack:
        yield stack
