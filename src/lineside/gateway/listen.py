"""The gateway's port."""

import socket

from lineside.errors import ConfigError
from lineside.processes.ports import listening_socket
from lineside.settings import Settings


def gateway_socket(settings: Settings) -> socket.socket:
    """Take HOST and PORT. Raises `ConfigError` naming the one that cannot be had."""
    return listening_socket(
        settings.host,
        settings.port,
        host_name="HOST",
        port_name="PORT",
        advice="stop the program that has it, or choose another, e.g. PORT=3002 ./run.sh",
    )


def check_exposure(settings: Settings, *, insecure: bool) -> None:
    """Refuse to stand open to the network without keys, unless that was asked for by name."""
    if settings.only_this_machine or settings.api_keys or insecure:
        return
    raise ConfigError(
        f"HOST={settings.host} lets other machines call, and API_KEYS is empty: anyone could. "
        "Set API_KEYS, or HOST=127.0.0.1, or say --insecure if that is what you want."
    )
