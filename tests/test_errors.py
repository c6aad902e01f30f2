"""What an error says may be shown to anybody."""

import pytest

from lineside.errors import ConfigError, EngineUnreachable, TransportError, without_secrets
from lineside.settings import explain
from tests.call.fixtures import settings

ADDRESSES = [
    ("http://user:PASSWORD@host:1/v1", "http://***@host:1/v1"),
    ("https://PASSWORD@host", "https://***@host"),
    ("postgresql+asyncpg://me:PASSWORD@db/calls", "postgresql+asyncpg://***@db/calls"),
    ("https://host/simple/?token=PASSWORD&x=1", "https://host/simple/?***"),
    ("nothing at http://host:1/v1 answers", "nothing at http://host:1/v1 answers"),
    ("write to me@example.com", "write to me@example.com"),
]


@pytest.mark.parametrize(("said", "shown"), ADDRESSES)
def test_an_error_shows_no_password_of_an_address(said: str, shown: str) -> None:
    """Whatever names an address in its message."""
    assert without_secrets(said) == shown
    for error in (ConfigError(said), EngineUnreachable(said), TransportError("line_lost", said)):
        assert str(error) == shown


def test_no_setting_shows_the_password_of_its_address() -> None:
    """In `lineside settings` and in the API alike."""
    chosen = settings(
        **dict.fromkeys(("prometheus_url", "grafana_url", "host_agent_url", "embedded_url"), "http://u:s3cretw0rd@host")
    )
    shown = {one.name: one.value for one in explain(chosen)}
    assert "s3cretw0rd" not in str(shown)
    assert "http://***@host" in shown.values()
