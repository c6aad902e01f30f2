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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part`: only the tests that may run side by side, or only the others; ./test.sh runs both parts."""
    parser.addoption("--part", choices=("side-by-side", "alone"), help="only this part of the tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the other part."""
    part = config.getoption("--part")
    if part is None:
        return
    here = Path(__file__).parent

    def belongs(item: pytest.Item) -> bool:
        quiet = item.path.relative_to(here).parts[0] in SIDE_BY_SIDE
        loads = any(item.get_closest_marker(name) for name in ("models", "browser"))
        return (quiet and not loads) is (part == "side-by-side")

    config.hook.pytest_deselected(items=[item for item in items if not belongs(item)])
    items[:] = [item for item in items if belongs(item)]


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Give hypothesis no deadline: on a shared machine the time of an example says nothing about the code.

    Before the first module that uses it: `@settings` takes over what holds when it is read.
    """
    if b"hypothesis" in module_path.read_bytes() or "hypothesis" in sys.modules:
        from hypothesis import settings

        if settings.get_current_profile_name() != "shared":
            settings.register_profile("shared", deadline=None)
            settings.load_profile("shared")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stack]":
    """The gateway and its engine server on real models, started once for all tests of a process."""
    from tests.real_gateway import running_stack

    with running_stack(tmp_path_factory.mktemp("data")) as stack:
        yield stack
