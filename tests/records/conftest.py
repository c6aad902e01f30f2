"""Both databases that records are kept in."""

from collections.abc import Iterator

import pytest

from tests.records.database_servers import PostgreSQL


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server; whoever stops it starts it again."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest) -> str:
    """`RECORDS_URL` of an empty database; empty is SQLite in `DATA_DIR`."""
    if request.param == "sqlite":
        return ""
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new()
