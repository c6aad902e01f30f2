"""Ports of this machine: take one, find a free one, ask whether a program has one already."""

import asyncio
import errno
import socket
from contextlib import suppress

from lineside.errors import ConfigError

KNOCK = 1.0  # seconds in which a program that holds a port answers; one that does not is taken for none


def listening_socket(host: str, port: int, *, host_name: str, port_name: str, advice: str) -> socket.socket:
    """Take a port before anything else is started: finding it in use should not cost the loading of models.

    Args:
        host: An address of this machine, or `localhost`, which means 127.0.0.1.
        host_name: What an operator calls the address, such as `HOST`.
        port_name: What an operator calls the port, such as `PORT`.
        advice: What to do when another program has the port.

    Raises:
        ConfigError: The port or the address cannot be had; the message names the one that is wrong.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1" if host == "localhost" else host, port))
    except OSError as cause:
        listener.close()
        why = cause.strerror or str(cause)
        if isinstance(cause, socket.gaierror) or cause.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(
                f"{host_name}={host} is no address of this machine ({why}); 127.0.0.1 is this machine alone, "
                "0.0.0.0 all of its networks"
            ) from None
        if cause.errno == errno.EACCES:
            raise ConfigError(
                f"{port_name}={port} needs rights that this user does not have ({why}); ports from 1024 on do not"
            ) from None
        raise ConfigError(f"{port_name}={port} on {host} cannot be opened ({why}); {advice}") from None
    return listener


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port: int = finder.getsockname()[1]
        return port


def reserved_socket(port: int = 0) -> socket.socket:
    """A port of this machine that no other program can have while the socket is open; it does not listen yet.

    Raises `OSError` when another program has it.
    """
    holder = socket.socket()
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections may still be waited out there
        holder.bind(("127.0.0.1", port))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # … but nobody shares it from now on
    except OSError:
        holder.close()
        raise
    return holder


async def somebody_answers(port: int) -> bool:
    """Whether a program listens there. Asked by knocking: a port that only waits out old connections is free."""
    try:
        async with asyncio.timeout(KNOCK):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


class ServerPort:
    """The port of one server, the same for all its starts.

    A port that is `held` is ours for life, so that no other program can answer there, even while the server is down.
    """

    def __init__(self, fixed: int | None = None, *, held: bool = False) -> None:
        """Without a `fixed` number, a free port is chosen."""
        self._holder = reserved_socket() if held else None
        self.number: int = fixed or (self._holder.getsockname()[1] if self._holder is not None else free_port())

    def hold(self) -> None:
        """Hold the port where nobody does. Whoever knocks meanwhile is refused at once. Raises `OSError`."""
        if self._holder is not None and self._holder.fileno() < 0:
            self._holder = reserved_socket(self.number)

    def handed(self) -> list[int]:
        """The descriptor for the server to listen on, where the port is held."""
        return [] if self._holder is None else [self._holder.fileno()]

    def refuse(self) -> None:
        """The server is down: whoever knocks is refused at once."""
        if self._holder is not None:
            self._holder.close()  # it listens, and nobody would answer
            with suppress(OSError):  # then the next start says so
                self.hold()

    def close(self) -> None:
        """Nobody will start the server again."""
        if self._holder is not None:
            self._holder.close()
