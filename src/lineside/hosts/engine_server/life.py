"""The engine server's life: answer at once, load the models side by side, end when told or when the parent ends."""

import asyncio
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from msgspec import Struct

from lineside.errors import LinesideError
from lineside.hosts import leash
from lineside.hosts.engine_server.app import EngineServer, Models
from lineside.hosts.engine_server.hear import Whisper
from lineside.hosts.engine_server.speak import Piper
from lineside.hosts.engine_server.think import Llama
from lineside.models.store import locate

log = structlog.get_logger()

LAST_WORDS = 1.0  # seconds that open requests have when the server ends; what is not done then is broken off
# Threads of our own: asyncio would wait for its own at the end, and a model that is half loaded cannot be stopped.
LOADERS = ThreadPoolExecutor(3, "load")
PARTS = {"stt": "hears", "llm": "thinks", "tts": "speaks"}


class Orders(Struct, frozen=True):
    """What the command line said."""

    host: str
    port: int
    models_dir: Path
    names: dict[str, str]  # role → model
    opening: list[dict[str, str]]  # read before the first call; empty for none
    threads: int
    slots: int
    end_with_parent: bool


def live(orders: Orders) -> int:
    """Serve until told to end; the exit code. A model that cannot be loaded is said in one line, and ends it."""
    code = 0
    try:
        with _shelf(orders.models_dir) as shelf:
            asyncio.run(_serve(orders, shelf))
    except* (LinesideError, OSError) as faults:
        code = 1
        for fault in _leaves(faults):
            log.error("the engine server cannot go on", why=str(fault))
    return code


async def _serve(orders: Orders, shelf: Path) -> None:
    ended = asyncio.Event()
    _listen_for_the_end(ended, orders.end_with_parent)
    models = Models(dict(orders.names), waiting_for={*orders.names, *(["prompt"] if orders.opening else [])})
    server = EngineServer(models)
    # handler_cancellation: a client that goes away stops the work that was done for it.
    runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=LAST_WORDS)
    await runner.setup()
    await web.TCPSite(runner, orders.host, orders.port).start()
    try:
        async with asyncio.TaskGroup() as tasks:
            loading = tasks.create_task(_load_all(models, orders, shelf), name="load")
            await ended.wait()
            loading.cancel()
    finally:
        log.info("ending")
        server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await runner.cleanup()


async def _load_all(models: Models, orders: Orders, shelf: Path) -> None:
    began = time.monotonic()
    root, threads = orders.models_dir, orders.threads
    hearing = max(1, threads // 2)  # measured on two cores: one thread is as fast, and leaves the other to the calls

    def llm() -> Llama:
        [file] = locate(orders.names["llm"], root).glob("*.gguf")
        return Llama(file, shelf, threads, orders.slots)

    async def llm_warm() -> None:
        mind: Llama = await _load(models, "llm", llm)
        if orders.opening:
            await mind.warm(orders.opening)
            models.waiting_for.discard("prompt")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(llm_warm(), name="llm")
        tasks.create_task(_load(models, "stt", lambda: Whisper(locate(orders.names["stt"], root), hearing)), name="stt")
        tasks.create_task(_load(models, "tts", lambda: Piper(locate(orders.names["tts"], root), threads)), name="tts")
    log.info("ready", seconds=round(time.monotonic() - began, 2), **orders.names)


async def _load(models: Models, role: str, make: Callable[[], Any]) -> Any:
    began = time.monotonic()
    model = await asyncio.get_running_loop().run_in_executor(LOADERS, make)
    setattr(models, PARTS[role], model)
    models.waiting_for.discard(role)
    log.info("model loaded", role=role, model=models.names[role], seconds=round(time.monotonic() - began, 2))
    return model


@contextmanager
def _shelf(root: Path) -> Generator[Path, None, None]:
    """Where read prompts are kept: beside the models, or for this start only where that cannot be written."""
    folder = root / ".prompts"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
    if os.access(folder, os.W_OK):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="lineside-prompts-") as fleeting:
        yield Path(fleeting)


def _listen_for_the_end(ended: asyncio.Event, end_with_parent: bool) -> None:
    """SIGTERM, Ctrl-C, and, if asked, the end of the process that started this one."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if not end_with_parent:
        return
    if sys.platform == "linux":
        leash.end_with(os.getppid())

    def read() -> None:
        while os.read(0, 1024):
            pass
        with suppress(RuntimeError):  # the loop may be closed already
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, name="stdin", daemon=True).start()


def _leaves(faults: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found = []
    for fault in faults.exceptions:
        found += _leaves(fault) if isinstance(fault, BaseExceptionGroup) else [fault]
    return found
