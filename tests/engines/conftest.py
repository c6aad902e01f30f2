"""What the tests of engines share."""

from collections.abc import Iterator

import pytest

from tests.engines.fixtures import patient_checks


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    """No test fails because this machine stood still for two seconds."""
    with patient_checks():
        yield
