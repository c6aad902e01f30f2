"""A server on this machine that lineside starts, watches, restarts and ends: the engine server, whisper-server, Ollama.

It counts as started when `GET /health` answers 200. Its port is chosen once and kept, so whoever talks to it need not
be told when it is restarted: their requests fail, and succeed again.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import aiohttp
import structlog

from lineside.errors import ConfigError
from lineside.processes.backoff import Backoff
from lineside.processes.ports import ServerPort, somebody_answers
from lineside.processes.process import end_process, exit_words, start_process
from lineside.processes.server_output import LAST_LINES, ServerOutput
from lineside.processes.server_status import ServerStatus

log = structlog.get_logger()

LOOK_EVERY = 0.1  # seconds between two looks while it starts
PULSE = 5.0  # seconds between two looks while it works, and the longest wait for an answer to one
MISSED = 3  # looks without an answer in a row after which it is taken for hung, and restarted


class _Fallen(Exception):
    """The server ended, or never came up, or hangs. The message goes after its name."""


class Supervisor:
    """One server. `argv` is given the port; `passes_on` hears each line the server prints, where it may be shown.

    Leave `passes_on` out for programs that print what callers say. With a `port` of its own it is refused while
    somebody else answers there. `keeps` lines of its output are remembered. With `family`, the processes that it
    started end with it on Linux even when we are killed; without, only it does. `env` is added to its environment.
    With `hands_socket` we hold the port for life, so that no other program can answer in its place, and the server is
    given the socket: `--listen-fd FD` is added to its arguments.
    """

    def __init__(
        self,
        name: str,
        argv: Callable[[int], Sequence[str]],
        *,
        ready_within: float = 60.0,
        grace: float = 2.5,
        health: str = "/health",
        passes_on: Callable[[str], None] | None = None,
        port: int | None = None,
        keeps: int = LAST_LINES,
        family: bool = False,
        env: Mapping[str, str] | None = None,
        hands_socket: bool = False,
    ) -> None:
        self.name = name
        self.status = ServerStatus()
        self._output = ServerOutput(keeps, passes_on)
        self._port, self._fixed, self._env = ServerPort(port, held=hands_socket), bool(port), env
        self.url = f"http://127.0.0.1:{self._port.number}"
        self._argv = list(argv(self._port.number))
        self._restart = asyncio.Event()
        self._ready_within, self._grace, self._health, self._family = ready_within, grace, health, family

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Supervisor", None]:
        """The block runs once the server is ready, which is kept alive until the block ends.

        Raises `ConfigError` with the server's last lines if it does not come up the first time.
        """
        life = asyncio.create_task(self.run(), name=self.name)
        ready = asyncio.create_task(self.status.until_ready(), name=f"{self.name} ready")
        try:
            await asyncio.wait({life, ready}, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                await life
            yield self
        finally:
            life.cancel()
            ready.cancel()
            await asyncio.wait({life, ready})
        if not life.cancelled():
            await life  # it only ends by itself through a fault of ours, which must be seen

    async def run(self) -> None:
        """Start it and keep it alive until cancelled, for a `TaskGroup`. Raises as `running` does."""
        try:
            await self._keep_alive()
        except ConfigError:
            self.status.enter("failed")
            raise
        finally:
            self._port.close()
            if self.status.state != "failed":
                self.status.enter("stopped")

    def restart(self) -> None:
        """Start it again: it says that it is well, and does not do its work."""
        self._restart.set()

    @property
    def last_lines(self) -> Sequence[str]:
        """The last lines that the server printed, this time or before."""
        return self._output.last_lines

    async def _keep_alive(self) -> None:
        backoff, came_up = Backoff(), False
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PULSE)) as http:
            while True:
                well_since: float | None = None
                try:
                    async with self._process() as process:
                        await self._comes_up(process, http)
                        well_since, came_up = _now(), True
                        await self._stays_up(process, http)
                except _Fallen as why:
                    self.status.why = f"{self.name} {why}"
                    if not came_up:
                        raise ConfigError(f"{self.status.why}.{self._output.quoted()}") from None
                    pause = backoff.after(0.0 if well_since is None else _now() - well_since)
                    log.warning("server exited", server=self.name, why=str(why), pause=pause)
                self.status.enter("resting")
                await asyncio.sleep(pause)

    @asynccontextmanager
    async def _process(self) -> AsyncGenerator[asyncio.subprocess.Process, None]:
        """The server's process, its output read; ended when the block ends."""
        self.status.enter("starting")
        self.status.starts += 1
        port = self._port.number
        if self._fixed and await somebody_answers(port):
            raise _Fallen(f"cannot have port {port}: another program answers there; stop it, or change the port")
        try:
            self._port.hold()
        except OSError as cause:
            raise _Fallen(f"lost port {port} to another program: {cause.strerror}") from None
        handed = self._port.handed()
        try:
            process = await start_process(
                [*self._argv, *(word for fd in handed for word in ("--listen-fd", str(fd)))],
                env=None if self._env is None else {**os.environ, **self._env},
                pass_fds=handed,
                stdin=asyncio.subprocess.PIPE,  # ours to hold open: a server that reads it learns when we are gone
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                whole_family=self._family,
            )
        except OSError as cause:
            raise _Fallen(f"cannot be started: {self._argv[0]}: {cause.strerror}") from None
        self.status.pid = process.pid
        reading = asyncio.create_task(self._output.read(process.stdout), name=f"{self.name} output")
        try:
            yield process
        finally:
            try:
                if process.stdin:
                    process.stdin.close()
                await end_process(process, grace=self._grace)
            finally:
                self.status.pid = None
                self._port.refuse()
                reading.cancel()
                await asyncio.wait({reading})

    async def _comes_up(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession) -> None:
        try:
            async with asyncio.timeout(self._ready_within):
                while not await self._healthy(http):
                    await self._alive(process, LOOK_EVERY)
        except TimeoutError:
            raise _Fallen(f"was not ready within {self._ready_within:g} s") from None
        await self._alive(process, 0.0)  # somebody else may be answering at its port
        self.status.enter("ready")
        log.info("server ready", server=self.name, url=self.url, starts=self.status.starts)

    async def _stays_up(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession) -> None:
        missed = 0
        self._restart.clear()
        while missed < MISSED:
            await self._alive(process, PULSE)
            if self._restart.is_set():
                raise _Fallen("did not do its work")
            missed = 0 if await self._healthy(http) else missed + 1
        raise _Fallen(f"did not answer {MISSED} times in a row")

    async def _alive(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        """Wait so long, or raise as soon as it has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()
        if process.returncode is not None:
            raise _Fallen(f"ended with {exit_words(process.returncode)}")

    async def _healthy(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self.url + self._health) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def _now() -> float:
    return asyncio.get_running_loop().time()
