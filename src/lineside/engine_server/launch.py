"""How lineside starts its own engine server: beside itself, supervised, with the prompt read before the first call."""

import secrets
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from lineside.engines.protocols import Message
from lineside.logging_setup import show_line
from lineside.private_files import temporary_folder
from lineside.processes.supervisor import Supervisor

# In the environment of an engine server: what every request has to show.
SECRET = "LINESIDE_ENGINE_SECRET"  # noqa: S105 - its name
READY_WITHIN = 120.0  # seconds; a cold disk and two slow cores need most of a minute


@asynccontextmanager
async def engine_server(
    *,
    models_dir: Path,
    llm: str,
    stt: str = "faster-whisper-base",
    tts: str = "hibari-heart",
    opening: Sequence[Message] = (),
    threads: int | None = None,
) -> AsyncGenerator[str, None]:
    """The address of an engine server that is ready and kept alive while the block runs, with its secret in it.

    The models are loaded at start; an empty name leaves that to the first request that names one, or to an operator.
    `opening` is what most conversations begin with; `threads` go by the machine if not given. Raises `ConfigError` if
    the server does not come up.
    """
    with temporary_folder("lineside-opening-") as folder:
        read = folder / "opening.json"
        read.write_bytes(msgspec.json.encode(opening))

        def argv(port: int) -> list[str]:
            program = [sys.executable, "-m", "lineside.engine_server", "--end-with-parent", "--port", str(port)]
            models = ["--stt", stt or "none", "--llm", llm or "none", "--tts", tts or "none"]
            places = ["--models-dir", str(models_dir), "--opening", str(read)]
            return [*program, *models, *places, *([] if threads is None else ["--threads", str(threads)])]

        secret = secrets.token_urlsafe(32)
        server = Supervisor(
            "the engine server",
            argv,
            ready_within=READY_WITHIN,
            passes_on=show_line,
            env={SECRET: secret},
            hands_socket=True,
        )
        async with server.running():
            yield server.url.replace("//", f"//lineside:{secret}@")
