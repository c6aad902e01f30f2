"""The services of this machine while the host agent runs: started, watched and ended on request.

A service has at most one life at a time: a task that keeps its process alive. Starting joins the life there is.
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


class _Life(Struct, frozen=True):
    """From one start to its end."""

    server: Supervisor
    model: str
    task: asyncio.Task[str]  # its result: why it could not be started, with the last lines that it printed


class _Desk:
    """State of one declared service, and the process that runs it."""

    def __init__(self, declared: ServiceConfig, models_dir: Path, tasks: asyncio.TaskGroup) -> None:
        self.declared, self._models_dir, self._tasks = declared, models_dir, tasks
        self._life: _Life | None = None
        self.closing = False

    async def start(self, model: str) -> None:
        """Ready, or `ServiceRefused`."""
        while self._life and self._life.task.cancelling() and not self._life.task.done():
            await asyncio.wait({self._life.task})  # it is being stopped: bounded by its grace
        if self._life is None or self._life.task.done():
            self._life = self._begin(model)  # nothing is awaited since the look: two starts at once give one process
        elif model and model != self._life.model:
            raise ServiceRefused(
                "other_model",
                f"{self.declared.name} already runs with another model, {self._life.model}: stop it first",
            )
        await self._until_ready(self._life)

    async def stop(self) -> None:
        """Stopped, and nothing left of it."""
        if self._life is None:
            return
        self._life.task.cancel()
        await asyncio.wait({self._life.task})
        self._life.server.status.forget_failure()

    def lines(self, count: int) -> list[str]:
        """The last lines that it printed, this time or the last."""
        return list(self._life.server.last_lines)[-count:] if self._life else []

    def status(self) -> Service:
        """As it stands. Looks at /proc for its memory: some milliseconds, so not in an event loop."""
        declared, life = self.declared, self._life
        server = life.server.status if life else None
        pid = server.pid if server else None
        state: State = server.state if server else "stopped"
        return Service(
            name=declared.name,
            state=state,
            url=f"http://127.0.0.1:{declared.port}",
            model=life.model if life else "",
            models=declared.models,
            pid=pid,
            starts=server.starts if server else 0,
            seconds=round(server.seconds if server else 0.0, 1),
            memory_bytes=_memory(pid) if pid else None,
            why="" if state == "ready" else (server.why if server else "") or declared.missing(),
        )

    def _begin(self, model: str) -> _Life:
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
        return _Life(server, chosen, self._tasks.create_task(_live(server), name=declared.name))

    async def _until_ready(self, life: _Life) -> None:
        """Wait for whatever comes first: ready, fallen for good, stopped by somebody, or too long."""
        name, limit = self.declared.name, self.declared.ready_within + MOST_SECONDS
        ready = asyncio.create_task(life.server.status.until_ready(), name=f"{name} ready")
        try:
            await asyncio.wait({life.task, ready}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            await asyncio.wait({ready})
        if life.server.status.state == "ready":
            return
        if not life.task.done():
            raise ServiceRefused("not_ready", f"{life.server.status.why or name}; it is still being tried")
        if life.task.cancelled():
            raise ServiceRefused("stopped", f"{name} was stopped while it started")
        raise ServiceRefused("not_ready", life.task.result())


class ServiceManager:
    """All services of the file. Their lives belong to `tasks`; `stop_all` ends them, and none is started after it."""

    def __init__(self, declared: Sequence[ServiceConfig], models_dir: Path, tasks: asyncio.TaskGroup) -> None:
        self._desks = {one.name: _Desk(one, models_dir, tasks) for one in declared}

    async def all(self) -> list[Service]:
        """Every service as it stands, in the order of the file."""
        return await asyncio.to_thread(lambda: [desk.status() for desk in self._desks.values()])

    async def start(self, name: str, model: str = "") -> Service:
        """The service once it is ready. Raises `ServiceRefused`."""
        desk = self._desk(name)
        await desk.start(model)
        return await asyncio.to_thread(desk.status)

    async def stop(self, name: str) -> Service:
        """The service once it has ended, with every process that it started. Raises `ServiceRefused`."""
        desk = self._desk(name)
        await desk.stop()
        return await asyncio.to_thread(desk.status)

    async def stop_all(self) -> None:
        """End every service, side by side."""
        for desk in self._desks.values():
            desk.closing = True
        async with asyncio.TaskGroup() as ends:
            for desk in self._desks.values():
                ends.create_task(desk.stop(), name=f"stop {desk.declared.name}")

    def lines(self, name: str, count: int) -> list[str]:
        """The last lines that the service printed, at most `KEPT_LINES`. Raises `ServiceRefused`."""
        return self._desk(name).lines(count)

    def _desk(self, name: str) -> _Desk:
        if name not in self._desks:
            known = ", ".join(self._desks) or "none; SERVICES_FILE declares them"
            raise ServiceRefused("unknown_service", f"there is no service {name!r}. The services are: {known}")
        return self._desks[name]


async def _live(server: Supervisor) -> str:
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
