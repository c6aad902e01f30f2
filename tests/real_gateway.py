"""A whole lineside on the default models, for the tests that ask real engines."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.settings import load_settings


@dataclass(frozen=True)
class Stack:
    """The addresses of a gateway that answers calls with real models, and of its engine server."""

    url: str
    engine_url: str
    sip: str = ""  # what telephones call


@contextmanager
def running_stack(data_dir: Path) -> Iterator[Stack]:
    """The gateway and its engine server, in a thread, on ports of their own."""
    opened: list[RunningGateway | BaseException] = []
    ready, loops = threading.Event(), []

    async def keep_open() -> None:
        closing = asyncio.Event()
        loops.append((asyncio.get_running_loop(), closing))
        try:
            async with running_gateway(
                load_settings(port=0, data_dir=data_dir, sip=True, sip_port=0, sip_rtp_ports="32000-32999")
            ) as gateway:
                opened.append(gateway)
                ready.set()
                await closing.wait()
        except BaseException as cause:
            opened.append(cause)
            ready.set()
            raise

    thread = threading.Thread(target=lambda: asyncio.run(keep_open()), name="stack")
    thread.start()
    assert ready.wait(timeout=180), "the stack was not ready in three minutes"
    gateway = opened[0]
    if isinstance(gateway, BaseException):
        thread.join()
        raise gateway
    try:
        yield Stack(gateway.url.replace("localhost", "127.0.0.1"), gateway.engine_url, gateway.sip)
    finally:
        loop, closing = loops[0]
        loop.call_soon_threadsafe(closing.set)
        thread.join(timeout=60)
        assert not thread.is_alive(), "the stack did not close in thirty seconds"
