"""Processes that run tools of an operator's own: started when they are needed, killed when they hang, one call each.

A call has its process to itself, so a tool that hangs, dies or eats its memory costs that call alone. Whatever is said
on their output is counted and thrown away: it may hold a caller's words.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from lineside.agents.tools.environment import value_of
from lineside.processes.backoff import Backoff
from lineside.processes.process import end_process, exit_words, start_process
from lineside.processes.process_tree import kill_tree

log = structlog.get_logger()

PROCESSES = 4  # for one file of tools, or one server; further calls wait for one of them, under the tool's deadline
WAITING = 32  # calls that wait for one; more are refused at once
MEMORY = 1 << 30  # bytes of address space of one process; beyond it a tool gets a MemoryError
LARGEST = 1 << 20  # bytes of one answer
MOST_CALLS = 1000  # of one process; then it is started anew, whatever its tools have let grow
READ_BYTES = 1 << 16
OUTPUT_ENDS = 2.0  # seconds after the process has
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")  # of our environment


class ToolProcessError(Exception):
    """The process cannot be used: it did not start, died, or answered what is no answer."""


class NotStarted(ToolProcessError):
    """No process could be had, so the tool has not been tried."""


class ToolProcess:
    """One process, ready for calls."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self._process, self._channel = process, channel
        self._output = asyncio.create_task(self._read_output(), name="output of a tool process")
        self._printed = self.calls = 0
        self.began = time.monotonic()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def ask(self, call: Mapping[str, object]) -> dict[str, Any]:
        """One call, one answer. Raises `ToolProcessError`. A process whose call was cut off is of no more use."""
        self.calls += 1
        raw = msgspec.json.encode(call)
        try:
            await asyncio.get_running_loop().sock_sendall(self._channel, len(raw).to_bytes(4, "big") + raw)
            return await self.answer()
        except (OSError, msgspec.DecodeError) as broken:
            raise ToolProcessError(f"its process answered nonsense ({type(broken).__name__})") from None

    async def answer(self) -> dict[str, Any]:
        """The next thing that it says."""
        size = int.from_bytes(await self._exactly(4), "big")
        if size > LARGEST:
            raise ToolProcessError("more than a megabyte")
        said = msgspec.json.decode(await self._exactly(size))
        if not isinstance(said, dict):
            raise ToolProcessError("its process answered nonsense")
        return said

    async def _exactly(self, size: int) -> bytes:
        raw = b""
        while len(raw) < size:
            more = await asyncio.get_running_loop().sock_recv(self._channel, size - len(raw))
            if not more:
                raise ToolProcessError(f"its process died ({await self._how()})")
            raw += more
        return raw

    async def _how(self) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                return exit_words(await self._process.wait())
        return "it closed its channel"

    async def _read_output(self) -> None:
        while self._process.stdout and (block := await self._process.stdout.read(READ_BYTES)):
            self._printed += len(block)

    async def end(self) -> None:
        """Kill it, with all that it has started."""
        self._channel.close()
        kill_tree(self._process.pid)
        await end_process(self._process, grace=0)
        await asyncio.wait([self._output], timeout=OUTPUT_ENDS)  # with the last of those that held it
        self._output.cancel()
        if self._printed:
            log.info("a tool process has printed, which is not shown: it may be a caller's words", bytes=self._printed)


class ToolProcesses:
    """The processes of one file of tools, or one server of them, and one set of secrets."""

    def __init__(self, program: str, about: str, begin: Mapping[str, object], environment: Mapping[str, str]) -> None:
        """What a process is.

        Args:
            program: the Python file that it runs.
            about: what operators call its tools, such as a file's name.
            begin: what it is told first.
            environment: what the tools may know, and no more.
        """
        self._program, self._about, self._begin, self._environment = program, about, begin, environment
        self.tools: dict[str, Any] = {}  # what the last one that started offers
        self._free = asyncio.Semaphore(PROCESSES)
        self._waiting = 0
        self._idle: list[ToolProcess] = []
        self._backoff, self._not_before = Backoff(), 0.0
        self._why = ""  # the last one did not start

    async def call(self, call: Mapping[str, object]) -> dict[str, Any]:
        """Have one process do this. Raises `ToolProcessError`; cancelled, the process is killed."""
        if self._waiting >= WAITING:
            raise NotStarted("too many calls wait for it")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        process, whole = None, False
        try:
            process = await self._next_idle() or await self._start()
            answer = await process.ask(call)
            whole = not answer.get("over")
            return answer
        finally:
            self._free.release()
            if process is not None:
                await self._put_back(process, whole=whole)

    async def prepare(self) -> None:
        """Have one process ready before the first call. Raises `ToolProcessError`, `OSError`."""
        if not self._idle:
            self._idle.append(await self._start())

    async def _next_idle(self) -> ToolProcess | None:
        """One that waits for a call; those that have ended meanwhile are put away."""
        while self._idle:
            process = self._idle.pop()
            if process.runs:
                return process
            await asyncio.shield(process.end())
        return None

    async def _put_back(self, process: ToolProcess, *, whole: bool) -> None:
        if whole and process.calls < MOST_CALLS:
            self._idle.append(process)
            return
        if not whole:
            self._wait_after(process.began)
            log.warning("a tool process was killed or died, and is started anew", tools=self._about)
        await asyncio.shield(process.end())

    async def _start(self) -> ToolProcess:
        wait = self._not_before - time.monotonic()
        if wait > 0 and self._why:
            raise NotStarted(self._why)
        await asyncio.sleep(max(0.0, wait))
        began = time.monotonic()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            started = await start_process(
                [sys.executable, "-I", "-B", self._program, str(theirs.fileno())],
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                pass_fds=(theirs.fileno(),),
                whole_family=True,
            )
        process, ready = ToolProcess(started, ours), False
        try:
            said = await process.ask({"memory": MEMORY, **self._begin})
            process.calls, ready = 0, "ready" in said
            self.tools = said["ready"] if isinstance(said.get("ready"), dict) else {}
            self._why = "" if ready else f"{self._about} cannot be used: {said.get('broken', 'it says nothing')}"
        except (ToolProcessError, OSError, msgspec.DecodeError) as broken:
            self._why = f"{self._about} cannot be used: {broken}"
        finally:
            if not ready:
                await asyncio.shield(process.end())
        if not ready:
            self._wait_after(began)
            log.error("tools cannot be used", why=self._why)
            raise NotStarted(self._why)
        return process

    def _wait_after(self, began: float) -> None:
        now = time.monotonic()
        self._not_before = now + self._backoff.after(now - began)

    async def close(self) -> None:
        """End those that do nothing; the others end with their calls."""
        while self._idle:
            await self._idle.pop().end()


def environment_for(names: tuple[str, ...], ours: Mapping[str, str]) -> dict[str, str]:
    """What a process may know of our environment: how to run, and the secrets that its tools name. Raises `NotSet`."""
    known = {name: ours[name] for name in PASSED_ON if ours.get(name)}
    named = {name: value_of(name, ours) for name in names}
    return known | named | {"OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
