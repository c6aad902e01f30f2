"""A server on this machine that lineside starts, watches, restarts and ends: the engine server, whisper-server, Ollama.

It counts as started when `GET /health` answers 200. Its port is chosen once and kept, so whoever talks to it need not
be told when it is restarted: their requests fail, and succeed again.
"""

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import aiohttp
import structlog

from lineside.errors import ConfigError
from lineside.host import parent_death, process_group
from lineside.host.ports import free_port, somebody_answers

log = structlog.get_logger()

PAUSE_FIRST, PAUSE_MOST = 0.25, 10.0  # seconds before a restart; each failure doubles it up to the most, for ever
WELL_AFTER = 60.0  # seconds of health after which the pause is short again
LOOK_EVERY = 0.1  # seconds between two looks while it starts
PULSE = 5.0  # seconds between two looks while it works, and the longest wait for an answer to one
MISSED = 3  # looks without an answer in a row after which it is taken for hung, and restarted
LAST_LINES, LINE_BYTES = 20, 500  # of its output that are kept; older lines and longer ends are forgotten

State = Literal["stopped", "starting", "ready", "resting", "failed"]


class _Fallen(Exception):
    """The server ended, or never came up, or hangs. The message goes after its name."""


class Supervisor:
    """One server. `argv` is given the port; `passes_on` hears each line the server prints, where it may be shown.

    Leave `passes_on` out for programs that print what callers say. With a `port` of its own it is refused while
    somebody else answers there. `keeps` lines of its output are remembered. With `family`, the processes that it
    started end with it on Linux even when we are killed; without, only it does.
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
    ) -> None:
        self.name = name
        self.state: State = "stopped"
        self.since = time.monotonic()  # when it came into this state
        self.why = ""  # it is not ready: why it fell last
        self.starts = 0
        self.pid: int | None = None
        self.last_lines: deque[str] = deque(maxlen=keeps)
        self._fixed = port
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._argv = list(argv(port))
        self._ready_within, self._grace, self._health = ready_within, grace, health
        self._passes_on, self._family = passes_on, family
        self._ready = asyncio.Event()  # set while it is ready

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Supervisor", None]:
        """The block runs once the server is ready, which is kept alive until the block ends.

        Raises `ConfigError` with the server's last lines if it does not come up the first time.
        """
        life = asyncio.create_task(self.run(), name=self.name)
        ready = asyncio.create_task(self._ready.wait(), name=f"{self.name} ready")
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
            self._enter("failed")
            raise
        finally:
            if self.state != "failed":
                self._enter("stopped")

    @property
    def seconds(self) -> float:
        """How long it has been in this state."""
        return time.monotonic() - self.since

    async def until_ready(self) -> None:
        """Wait until it is ready, for the first time or again."""
        await self._ready.wait()

    def _enter(self, state: State) -> None:
        self.state, self.since = state, time.monotonic()
        if state == "ready":
            self.why = ""
            self._ready.set()
        else:
            self._ready.clear()

    async def _keep_alive(self) -> None:
        pause, came_up = PAUSE_FIRST, False
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PULSE)) as http:
            while True:
                well_since: float | None = None
                try:
                    async with self._process() as process:
                        await self._comes_up(process, http)
                        well_since, came_up = _now(), True
                        await self._stays_up(process, http)
                except _Fallen as why:
                    self.why = f"{self.name} {why}"
                    if not came_up:
                        raise ConfigError(f"{self.why}.{self._said()}") from None
                    if well_since is not None and _now() - well_since >= WELL_AFTER:
                        pause = PAUSE_FIRST
                    log.warning("server fell", server=self.name, why=str(why), pause=pause)
                self._enter("resting")
                await asyncio.sleep(pause)
                pause = min(2 * pause, PAUSE_MOST)

    @asynccontextmanager
    async def _process(self) -> AsyncGenerator[asyncio.subprocess.Process, None]:
        """The server's process, its output read; ended when the block ends."""
        self._enter("starting")
        self.starts += 1
        if self._fixed and await somebody_answers(self._fixed):
            raise _Fallen(f"cannot have port {self._fixed}: another program answers there; stop it, or change the port")
        try:
            process = await asyncio.create_subprocess_exec(
                *_leashed(self._argv, self._family),
                stdin=asyncio.subprocess.PIPE,  # ours to hold open: a server that reads it learns when we are gone
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, and we end the server in our own order
            )
        except OSError as cause:
            raise _Fallen(f"cannot be started: {self._argv[0]}: {cause.strerror}") from None
        self.pid = process.pid
        reading = asyncio.create_task(self._listen(process), name=f"{self.name} output")
        try:
            yield process
        finally:
            try:
                await self._put_down(process)
            finally:
                self.pid = None
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
        self._enter("ready")
        log.info("server ready", server=self.name, url=self.url, starts=self.starts)

    async def _stays_up(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession) -> None:
        missed = 0
        while missed < MISSED:
            await self._alive(process, PULSE)
            missed = 0 if await self._healthy(http) else missed + 1
        raise _Fallen(f"did not answer {MISSED} times in a row")

    async def _alive(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        """Wait so long, or raise as soon as it has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()
        if process.returncode is not None:
            raise _Fallen(f"ended with {_how(process.returncode)}")

    async def _healthy(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self.url + self._health) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        output, rest = process.stdout, b""
        while output and (block := await output.read(4096)):
            *lines, rest = (rest + block).split(b"\n")
            rest = rest[:LINE_BYTES]
            for line in lines:
                said = line[:LINE_BYTES].decode(errors="replace").rstrip()
                self.last_lines.append(said)
                if self._passes_on:
                    self._passes_on(said)

    async def _put_down(self, process: asyncio.subprocess.Process) -> None:
        """Ask it to end, then end it."""
        if process.stdin:
            process.stdin.close()
        try:
            if process.returncode is None:
                _signal(process, signal.SIGTERM)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._grace):
                        await process.wait()
        finally:
            _signal(process, signal.SIGKILL)  # whatever is left of it, children too
            await process.wait()

    def _said(self) -> str:
        last = list(self.last_lines)[-LAST_LINES:]
        return " It said:\n  " + "\n  ".join(last) if last else " It said nothing."


def _leashed(argv: Sequence[str], whole_family: bool) -> list[str]:
    """The same program, ended by the kernel when we end, and if wished its family with it."""
    if sys.platform != "linux":
        return list(argv)
    python = [sys.executable, "-I", "-S"]  # without site-packages it is there in half the time
    with_family = [*python, str(Path(process_group.__file__))] if whole_family else []
    return [*python, str(Path(parent_death.__file__)), str(os.getpid()), *with_family, *argv]


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """To the process and its children: it leads a group of its own."""
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _how(returncode: int) -> str:
    return f"signal {signal.Signals(-returncode).name}" if returncode < 0 else f"exit code {returncode}"


def _now() -> float:
    return asyncio.get_running_loop().time()
