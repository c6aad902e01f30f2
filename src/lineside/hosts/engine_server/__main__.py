"""`python -m lineside.hosts.engine_server`: load the models, answer, end when told or when the parent ends."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import structlog
from aiohttp import web

from lineside.hosts.engine_server.app import EngineServer, Models, load
from lineside.hosts.engine_server.hear import Whisper
from lineside.hosts.engine_server.speak import Piper
from lineside.hosts.engine_server.think import Llama

log = structlog.get_logger()

# OpenMP's threads wait for each other some hundred times a token, by default in a busy loop. As soon as anything else
# wants a core, both stand still for whole time slices: measured beside one busy process, 40 tokens took 35 s; with a
# short loop, 3.4 s. Read by libgomp when it is loaded, so it stands before the models.
GENTLE_THREADS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="lineside.hosts.engine_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models-dir", type=Path, required=True)
    parser.add_argument("--stt", default="faster-whisper-base")
    parser.add_argument("--llm", default="qwen2.5-coder-0.5b")
    parser.add_argument("--tts", default="en_US-joe-medium")
    parser.add_argument("--warm-prompt-file", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    for name, value in GENTLE_THREADS.items():
        os.environ.setdefault(name, value)
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper("iso"),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asyncio.run(serve(parser.parse_args()))


async def serve(told: argparse.Namespace) -> None:
    """Answer from the first moment (503 while loading), until a signal."""
    models = Models({"stt": told.stt, "llm": told.llm, "tts": told.tts}, loading={"stt", "llm", "tts"})
    runner = web.AppRunner(EngineServer(models).app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, told.host, told.port).start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, ended.set)

    async def loaded() -> None:
        folder: Path = told.models_dir.expanduser()
        threads = told.threads
        [model] = (folder / told.llm).glob("*.gguf")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load(models, "stt", lambda: Whisper(folder / told.stt, threads)))
            tasks.create_task(load(models, "llm", lambda: Llama(model, threads)))
            tasks.create_task(load(models, "tts", lambda: Piper(folder / told.tts, threads)))
        if told.warm_prompt_file:
            assert isinstance(models.thinks, Llama)
            await models.thinks.warm(told.warm_prompt_file.read_text())
        models.loading.clear()
        log.info("ready")

    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(loaded())
        await ended.wait()
        loading.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.5):
            await runner.cleanup()


if __name__ == "__main__":
    main()
