"""Ports of this machine: one that is free, and whether somebody has one already."""

import asyncio
import socket
from contextlib import suppress

KNOCK = 1.0  # seconds in which a program that holds a port answers; one that does not is taken for none


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port: int = finder.getsockname()[1]
        return port


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
