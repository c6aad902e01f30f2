"""The gateway's port."""

import socket

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
