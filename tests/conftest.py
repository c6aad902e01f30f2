"""What several packages of tests share. Nothing here imports lineside, so that a pure test starts at once."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real_gateway import Stack


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded


def pytest_configure() -> None:
    """Give hypothesis no deadline: on a shared machine the time of an example says nothing about the code."""
    import sys

    if "hypothesis" in sys.modules:  # its plugin has loaded it, unless it was switched off for one quick test
        from hypothesis import settings

        settings.register_profile("shared", deadline=None)
        settings.load_profile("shared")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stack]":
    """The gateway and its engine server on real models, started once for all tests of a process."""
    from tests.real_gateway import running_stack

    with running_stack(tmp_path_factory.mktemp("data")) as stack:
        yield stack
