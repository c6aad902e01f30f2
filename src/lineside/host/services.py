"""The services of this machine while the host agent runs: started, watched and ended on request.

A service runs at most once at a time: a task keeps its process alive. Starting joins the run there is.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import psutil
import structlog
from msgspec import Struct

from lineside.errors import ConfigError, LinesideError
from lineside.host.service_config import ServiceConfig
from lineside.processes.backoff import MOST_SECONDS
from lineside.processes.server_status import State
from lineside.processes.supervisor import Supervisor

log = structlog.get_logger()

KEPT_LINES = 500  # of each service's output; older ones are forgotten

Code = Literal[
    "unknown_service", "unknown_model", "not_fetched", "other_model", "not_installed", "not_ready", "stopped"
]


class ServiceRefused(LinesideError):
    """A service was not started; `code` is the short name that a program can act on."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Service(Struct, frozen=True):
    """A service as it stands."""

    name: str
    state: State
    url: str
    model: str  # that it runs with or was last started with; empty if it takes none
    models: tuple[str, ...]  # the choices
    pid: int | None
    starts: int  # of its process since it was last started: more than one means that it fell
    seconds: float  # in this state
    memory_bytes: int | None  # of it and its children
    why: str  # it is not ready, or could not be


class _Run(Struct, frozen=True):
    """From one start to its end."""

    server: Supervisor
    model: str
    task: asyncio.Task[str]  # its result: why it could not be started, with the last lines that it printed


class _ServiceRunner:
    """State of one declared service, and the process that runs it."""

    def __init__(self, declared: ServiceConfig, models_dir: Path, tasks: asyncio.TaskGroup) -> None:
        self.declared, self._models_dir, self._tasks = declared, models_dir, tasks
        self._run: _Run | None = None
        self.closing = False

    async def start(self, model: str) -> None:
        """Ready, or `ServiceRefused`."""
        while self._run and self._run.task.cancelling() and not self._run.task.done():
            await asyncio.wait({self._run.task})  # it is being stopped: bounded by its grace
        if self._run is None or self._run.task.done():
            self._run = self._begin(model)  # nothing is awaited since the look: two starts at once give one process
        elif model and model != self._run.model:
            raise ServiceRefused(
                "other_model",
                f"{self.declared.name} already runs with another model, {self._run.model}: stop it first",
            )
        await self._until_ready(self._run)

    async def stop(self) -> None:
        """Stopped, and nothing left of it."""
        if self._run is None:
            return
        self._run.task.cancel()
        await asyncio.wait({self._run.task})
        self._run.server.status.forget_failure()

    def lines(self, count: int) -> list[str]:
        """The last lines that it printed, this time or the last."""
        return list(self._run.server.last_lines)[-count:] if self._run else []

    def restart(self, pid: int) -> None:
        """A new process in place of this one; nothing happens where it is another already."""
        if self._run and self._run.server.status.pid == pid:
            log.warning("restarting a service that does not do its work", service=self.declared.name)
            self._run.server.restart()

    def status(self) -> Service:
        """As it stands. Looks at /proc for its memory: some milliseconds, so not in an event loop."""
        declared, run = self.declared, self._run
        server = run.server.status if run else None
        pid = server.pid if server else None
        state: State = server.state if server else "stopped"
        return Service(
            name=declared.name,
            state=state,
            url=f"http://127.0.0.1:{declared.port}",
            model=run.model if run else "",
            models=declared.models,
            pid=pid,
            starts=server.starts if server else 0,
            seconds=round(server.seconds if server else 0.0, 1),
            memory_bytes=_memory(pid) if pid else None,
            why="" if state == "ready" else (server.why if server else "") or declared.missing(),
        )

    def _begin(self, model: str) -> _Run:
        declared = self.declared
        if self.closing:
            raise ServiceRefused("stopped", "the host agent is closing")
        if model and model not in declared.models:
            known = ", ".join(declared.models) or "none: it takes no model"
            raise ServiceRefused("unknown_model", f"{declared.name} has no model {model!r}. Its models are: {known}")
        if missing := declared.missing():
            raise ServiceRefused("not_installed", missing)
        try:
            chosen = model or declared.default_model(self._models_dir)
            argv = declared.argv(self._models_dir, chosen)
        except ConfigError as cause:
            raise ServiceRefused("not_fetched", str(cause)) from None
        server = Supervisor(
            declared.name,
            lambda port: argv,
            ready_within=declared.ready_within,
            grace=declared.grace,
            health=declared.health,
            port=declared.port,
            keeps=KEPT_LINES,
            family=True,
        )
        return _Run(server, chosen, self._tasks.create_task(_run_server(server), name=declared.name))

    async def _until_ready(self, run: _Run) -> None:
        """Wait for whatever comes first: ready, fallen for good, stopped by somebody, or too long."""
        name, limit = self.declared.name, self.declared.ready_within + MOST_SECONDS
        ready = asyncio.create_task(run.server.status.until_ready(), name=f"{name} ready")
        try:
            await asyncio.wait({run.task, ready}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            await asyncio.wait({ready})
        if run.server.status.state == "ready":
            return
        if not run.task.done():
            raise ServiceRefused("not_ready", f"{run.server.status.why or name}; it is still being tried")
        if run.task.cancelled():
            raise ServiceRefused("stopped", f"{name} was stopped while it started")
        raise ServiceRefused("not_ready", run.task.result())


class ServiceManager:
    """All services of the file. Their runs belong to `tasks`; `stop_all` ends them, and none is started after it."""

    def __init__(self, declared: Sequence[ServiceConfig], models_dir: Path, tasks: asyncio.TaskGroup) -> None:
        self._runners = {one.name: _ServiceRunner(one, models_dir, tasks) for one in declared}

    async def all(self) -> list[Service]:
        """Every service as it stands, in the order of the file."""
        return await asyncio.to_thread(lambda: [runner.status() for runner in self._runners.values()])

    async def start(self, name: str, model: str = "") -> Service:
        """The service once it is ready. Raises `ServiceRefused`."""
        runner = self._runner(name)
        await runner.start(model)
        return await asyncio.to_thread(runner.status)

    async def stop(self, name: str) -> Service:
        """The service once it has ended, with every process that it started. Raises `ServiceRefused`."""
        runner = self._runner(name)
        await runner.stop()
        return await asyncio.to_thread(runner.status)

    async def restart(self, name: str, pid: int) -> Service:
        """Start the service's process again, if it is still this one: several may notice that it is deaf.

        Raises `ServiceRefused`.
        """
        runner = self._runner(name)
        runner.restart(pid)
        return await asyncio.to_thread(runner.status)

    async def stop_all(self) -> None:
        """End every service, side by side."""
        for runner in self._runners.values():
            runner.closing = True
        async with asyncio.TaskGroup() as ends:
            for runner in self._runners.values():
                ends.create_task(runner.stop(), name=f"stop {runner.declared.name}")

    def lines(self, name: str, count: int) -> list[str]:
        """The last lines that the service printed, at most `KEPT_LINES`. Raises `ServiceRefused`."""
        return self._runner(name).lines(count)

    def _runner(self, name: str) -> _ServiceRunner:
        if name not in self._runners:
            known = ", ".join(self._runners) or "none; SERVICES_FILE declares them"
            raise ServiceRefused("unknown_service", f"there is no service {name!r}. The services are: {known}")
        return self._runners[name]


async def _run_server(server: Supervisor) -> str:
    try:
        await server.run()
    except ConfigError as cause:
        log.warning("cannot start service", service=server.name, why=server.status.why)
        return str(cause)
    return ""


def _memory(pid: int) -> int | None:
    """Resident bytes of the process and its children; shared pages are counted in each."""
    try:
        process = psutil.Process(pid)
        return sum(int(one.memory_info().rss) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None  # it has just ended
