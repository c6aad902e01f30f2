"""What several tests share: the whole product, running on the default models."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import settings as hypothesis_settings

from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.settings import load_settings

# Machines are shared: how long an example takes says nothing about the code.
hypothesis_settings.register_profile("shared", deadline=None)
hypothesis_settings.load_profile("shared")


@dataclass(frozen=True)
class Stack:
    """A lineside that answers calls with real models."""

    url: str
    engine_url: str


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The gateway and its engine server, started once for all tests, on ports of their own."""
    opened: list[RunningGateway | BaseException] = []
    ready, loops = threading.Event(), []

    async def keep_open() -> None:
        closing = asyncio.Event()
        loops.append((asyncio.get_running_loop(), closing))
        try:
            async with running_gateway(load_settings(port=0, data_dir=tmp_path_factory.mktemp("data"))) as running:
                opened.append(running)
                ready.set()
                await closing.wait()
        except BaseException as cause:
            opened.append(cause)
            ready.set()
            raise

    thread = threading.Thread(target=lambda: asyncio.run(keep_open()), name="stack")
    thread.start()
    assert ready.wait(timeout=180), "the stack was not ready in three minutes"
    running = opened[0]
    if isinstance(running, BaseException):
        thread.join()
        raise running
    try:
        yield Stack(running.url.replace("localhost", "127.0.0.1"), running.engine_url)
    finally:
        loop, closing = loops[0]
        loop.call_soon_threadsafe(closing.set)
        thread.join(timeout=30)
        assert not thread.is_alive(), "the stack did not close in thirty seconds"
