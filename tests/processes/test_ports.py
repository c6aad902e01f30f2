"""A port that cannot be had is named with the setting that is wrong."""

import socket

import pytest

from lineside.errors import ConfigError
from lineside.processes.ports import free_port, listening_socket


def take(host: str, port: int) -> socket.socket:
    return listening_socket(host, port, host_name="HOST", port_name="PORT", advice="stop it")


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    """Another program listens there."""
    with take("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^PORT={port} on localhost cannot be opened .*; stop it$"):
            take("localhost", port)


@pytest.mark.parametrize("host", ["256.1.1.1", "192.0.2.7"])
def test_an_address_that_this_machine_does_not_have_is_the_host_and_not_the_port(host: str) -> None:
    """No other port would help."""
    with pytest.raises(ConfigError, match=f"^HOST={host} is no address of this machine"):
        take(host, free_port())
