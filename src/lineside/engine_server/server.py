"""The engine server's life: answer at once, load the first models, end when told or when the parent ends."""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from msgspec import Struct

from lineside.engine_server.app import EngineServer
from lineside.engine_server.asr.whisper import WhisperModel
from lineside.engine_server.interfaces import LlmModel, SttModel, TtsModel
from lineside.engine_server.llm.llama import LlamaModel
from lineside.engine_server.metrics import EngineServerMetrics
from lineside.engine_server.model_pool import ModelPool
from lineside.engine_server.openai_schema import RequestRefused
from lineside.engine_server.tts.hibari import HibariModel
from lineside.engine_server.tts.kokoro import KokoroModel
from lineside.engine_server.tts.piper import PiperModel
from lineside.errors import ConfigError, LinesideError, leaves
from lineside.http_front import PROGRAMS, http_server, raise_file_limit
from lineside.models.catalogue import CATALOGUE, Model
from lineside.models.presets import piper_voice
from lineside.models.store import locate, state
from lineside.private_files import temporary_folder
from lineside.processes import parent_death
from lineside.processes.ports import listening_socket
from lineside.settings import LOOPBACK

log = structlog.get_logger()

SHUTDOWN_GRACE_SECONDS = (
    1.0  # seconds that open requests have when the server ends; what is not done then is broken off
)
ENGINES = ("embedded", "faster-whisper", "hibari", "piper", "kokoro")  # whose models run in here


class EngineServerOptions(Struct, frozen=True):
    """What the command line said."""

    host: str
    port: int
    models_dir: Path
    names: dict[str, str]  # role → the model that is loaded at start, and the one meant where a request names none
    opening: list[dict[str, str]]  # read before the first call; empty for none
    threads: int
    slots: int
    end_with_parent: bool
    secret: str = ""  # that every request has to show
    listen_fd: int | None = None  # a socket that is bound already; None: by host and port


def serve(options: EngineServerOptions) -> int:
    """Serve until told to end; the exit code. A model that cannot be loaded is said in one line, and ends it."""
    code = 0
    raise_file_limit()
    try:
        with _prompts_folder(options.models_dir) as prompts_folder:
            asyncio.run(_serve(options, prompts_folder))
    except* (LinesideError, OSError) as faults:
        code = 1
        for fault in leaves(faults):
            log.error("engine server failed", why=str(fault))
    return code


async def _serve(options: EngineServerOptions, prompts_folder: Path) -> None:
    ended = asyncio.Event()
    _listen_for_the_end(ended, options.end_with_parent)
    models = catalogue_models(options, prompts_folder)
    async with open_engine_server(options, models, _listener(options)):
        await ended.wait()


def _listener(options: EngineServerOptions) -> socket.socket:
    if options.listen_fd is None:
        return listening_socket(
            options.host, options.port, host_name="--host", port_name="--port", advice="choose another with --port"
        )
    listener = socket.socket(fileno=options.listen_fd)
    # Connections inherit this, and the port can be bound again while they are waited out.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.listen()
    return listener


class LoadableModels(NamedTuple):
    """The models that an engine server may load."""

    known: Sequence[Model]
    fetched: Callable[[Model], bool]  # whether its files are here
    load: Callable[[Model], Any]  # blocks; an `SttModel`, `LlmModel` or `TtsModel`


def catalogue_models(options: EngineServerOptions, prompts_folder: Path) -> LoadableModels:
    """Those of the catalogue that run in an engine server."""
    return LoadableModels(
        [model for model in CATALOGUE if model.engine in ENGINES],
        lambda model: state(model, options.models_dir) in ("ready", "unchecked"),
        lambda model: _load(model, options, prompts_folder),
    )


@asynccontextmanager
async def open_engine_server(
    options: EngineServerOptions,
    models: LoadableModels,
    listener: socket.socket,
    metrics: EngineServerMetrics | None = None,
) -> AsyncGenerator["asyncio.Task[None]", None]:
    """An engine server on this socket while the block runs, and the task that loads its first models."""
    async with asyncio.TaskGroup() as tasks:
        model_pool = _model_pool(options, models, tasks)
        server = EngineServer(
            model_pool,
            lambda preset: piper_voice(preset, options.models_dir),
            {*options.names},
            secret=options.secret,
            only_this_machine=options.host in LOOPBACK,
            metrics=metrics,
        )
        stack = AsyncExitStack()
        # A client that goes away stops the work that was done for it.
        await stack.enter_async_context(
            http_server(server.app(), listener, grace=SHUTDOWN_GRACE_SECONDS, limits=PROGRAMS, end_with_client=True)
        )
        try:
            async with asyncio.TaskGroup() as starting:
                start = starting.create_task(_start(model_pool, server, options), name="start")
                yield start
                start.cancel()
        finally:
            log.info("ending")
            model_pool.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(SHUTDOWN_GRACE_SECONDS):
                    await stack.aclose()


def _model_pool(options: EngineServerOptions, models: LoadableModels, tasks: asyncio.TaskGroup) -> ModelPool:
    async def read_opening(instance: Any) -> None:
        if isinstance(instance, LlamaModel) and options.opening:
            await instance.warm(options.opening)

    return ModelPool(tasks, models.known, models.fetched, models.load, options.names, read_opening)


def _load(model: Model, options: EngineServerOptions, prompts_folder: Path) -> SttModel | LlmModel | TtsModel:
    folder, threads = locate(model.name, options.models_dir), options.threads
    match model.engine:
        case "faster-whisper":
            # Half of the threads: on two cores one is as fast (measured), and leaves the other to the calls.
            return WhisperModel(folder, max(1, threads // 2))
        case "hibari":
            return HibariModel(folder)
        case "piper":
            return PiperModel(folder, threads)
        case "kokoro":
            return KokoroModel(folder, threads)
        case _:
            [file] = folder.glob("*.gguf")
            return LlamaModel(file, prompts_folder, threads, options.slots)


async def _start(model_pool: ModelPool, server: EngineServer, options: EngineServerOptions) -> None:
    """Load the first models; the one that thinks first, because it reads the prompt while the others come."""
    began = time.monotonic()

    async def load(role: str, name: str) -> None:
        try:
            await model_pool.load(model_pool.find(role, name))
        except RequestRefused as no:
            raise ConfigError(no.message) from None
        server.waiting_for.discard(role)

    async with asyncio.TaskGroup() as tasks:
        for role in sorted(options.names):
            tasks.create_task(load(role, options.names[role]), name=role)
    log.info("ready", seconds=round(time.monotonic() - began, 2), **options.names)


@contextmanager
def _prompts_folder(root: Path) -> Generator[Path, None, None]:
    """Where read prompts are kept: beside the models, or for this start only where that cannot be written."""
    folder = root / ".prompts"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
    if os.access(folder, os.W_OK):
        yield folder
        return
    with temporary_folder("lineside-prompts-") as fleeting:
        yield fleeting


def _listen_for_the_end(ended: asyncio.Event, end_with_parent: bool) -> None:
    """SIGTERM, Ctrl-C, and, if asked, the end of the process that started this one."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if not end_with_parent:
        return
    if sys.platform == "linux":
        parent_death.end_with(os.getppid())

    def read() -> None:
        while os.read(0, 1024):
            pass
        with suppress(RuntimeError):  # the loop may be closed already
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, name="stdin", daemon=True).start()
