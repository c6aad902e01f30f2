"""The worker processes of a gateway, from the gateway's side: started, given calls, listened to, started again.

The gateway's own process has the port. It admits a call, so there is one count of them, and hands the open socket to
the worker with the fewest calls before the WebSocket is welcomed; the worker answers on it from then on. What happens
in the call comes back as messages over a channel, so the registry knows all calls. A worker that dies takes its calls
with it and no others: their slots are free as soon as the kernel says so (docs/decisions/0006-workers.md).
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import structlog

from lineside.agents.agent import Agent
from lineside.errors import CallRefused, ConfigError
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.ipc import (
    BEAT,
    AgentSet,
    AssignCall,
    CallAnswered,
    CallEvent,
    CallFinished,
    CallSound,
    FollowCall,
    Heartbeat,
    IpcMessage,
    KeepDraft,
    ResumeCall,
    SetAgent,
    StartWorker,
    WorkerChannel,
    WorkerReady,
    pair,
)
from lineside.gateway.readiness import FaultWatch
from lineside.gateway.remote_control import RemoteCallControl
from lineside.observability.metrics import worker_gone
from lineside.processes.background_work import BackgroundWork
from lineside.processes.backoff import Backoff
from lineside.processes.process import end_process, start_process
from lineside.protocol import decode_server
from lineside.realtime.opening import RealtimeOpening
from lineside.settings import Settings

log = structlog.get_logger()

READY_WITHIN = 60.0  # seconds for workers to take calls, at the start and when one is started again
SET_AGENT_SECONDS = 95.0  # seconds for a worker to learn a new agent's lines
GRACE = 5.0  # seconds for a worker to end its calls and itself; then it is killed
MISSED = 8  # beats in a row; a worker that waits for a slow disk comes back sooner, and its end is the end of its calls


class WorkerPool:
    """The worker processes, of which each holds a share of the calls."""

    def __init__(
        self,
        count: int,
        settings: Settings,
        agent: Agent,
        on_lost: Callable[[str], None],
        work: BackgroundWork | None = None,
    ) -> None:
        """`settings` as calls are to have them; `agent` answers at first; `on_lost` hears `ended` or `stuck`.

        `work` goes on with a worker's supervision should that fail.
        """
        self._work = work or BackgroundWork()
        self._count, self._settings, self._agent, self._on_lost = count, settings, agent, on_lost
        self._workers: dict[int, _Worker] = {}
        self.faults = FaultWatch()
        self._fault = ""  # why workers cannot be started

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """They take calls while the block runs. Raises `ConfigError` when they do not come up."""
        supervisors = [
            asyncio.create_task(
                self._work.keep(f"worker {number}", partial(self._supervise, number)), name=f"worker {number}"
            )
            for number in range(self._count)
        ]
        try:
            await self._all_up(supervisors)
            yield
        finally:
            for task in supervisors:
                task.cancel()
            await asyncio.wait(supervisors)

    @property
    def up(self) -> list[int]:
        """The process ids of those that take calls."""
        return [worker.pid for worker in self._workers.values() if worker.up.is_set()]

    async def run_call(
        self, handle: CallHandle, transport: asyncio.Transport, key: str, realtime: RealtimeOpening | None = None
    ) -> None:
        """Have a call held to its end by the one with the fewest. `key`: its `Sec-WebSocket-Key`.

        Raises `CallRefused`, before anything was said to the caller, when no worker is up.
        """
        worker = self._least_busy()
        transport.pause_reading()  # what the caller says from here on is the worker's to read
        ended = worker.assign(AssignCall(handle.id, key, realtime), handle, transport.get_extra_info("socket"))
        transport.abort()  # our copy of the socket; the worker has its own
        await ended

    def resume_call(self, call_id: str, transport: asyncio.Transport, key: str) -> None:
        """Hand this connection to the worker that has the call; where none has, another one refuses it.

        Raises `CallRefused` when no worker is up.
        """
        worker = next((one for one in self._workers.values() if call_id in one.calls), None) or self._least_busy()
        transport.pause_reading()
        worker.channel.send(ResumeCall(call_id, key), transport.get_extra_info("socket").fileno())
        transport.abort()

    def _least_busy(self) -> "_Worker":
        ready = [worker for worker in self._workers.values() if worker.up.is_set()]
        if not ready:
            raise CallRefused("no worker is ready; they are being restarted")
        return min(ready, key=lambda one: len(one.calls))

    async def set_agent(self, agent: Agent) -> None:
        """Let this agent answer from the next call on.

        Raises `ConfigError` when a worker could not learn its lines; then the old agent answers in all of them.
        """
        before, self._agent = self._agent, agent
        if trouble := await self._set_agent_in_all(agent):
            self._agent = before
            if again := await self._set_agent_in_all(before):
                log.error("a worker could not learn the old agent's lines again", why=again)
            raise ConfigError(f"a worker cannot synthesise the agent's phrases: {trouble}")

    def keep_draft(self, draft: str, agent: Agent) -> None:
        """Let calls name this draft, in the workers that are up now."""
        for worker in self._workers.values():
            worker.channel.send(KeepDraft(draft, agent))

    async def _set_agent_in_all(self, agent: Agent) -> str:
        """Let those that are up learn it; what went wrong, if anything did."""
        troubles = await asyncio.gather(
            *(worker.set_agent(agent) for worker in self._workers.values() if worker.up.is_set())
        )
        return next(filter(None, troubles), "")

    async def _all_up(self, supervisors: "list[asyncio.Task[None]]") -> None:
        deadline = time.monotonic() + READY_WITHIN
        while len(self.up) < self._count:
            if self._fault:
                raise ConfigError(self._fault)
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"{len(self.up)} of {self._count} workers were ready after {READY_WITHIN:g} s; see the log"
                )
            await asyncio.wait(supervisors, timeout=0.05)

    async def _supervise(self, number: int) -> None:
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                code = await self._run_worker(number)
            except OSError as cause:
                code = cause.errno or -1
            pause = backoff.after(time.monotonic() - began)
            log.error("worker exited, restarting it", worker=number, code=code, seconds=pause)
            await asyncio.sleep(pause)

    async def _run_worker(self, number: int) -> int:
        """One life of a worker, to its end; answers its exit code."""
        ours, theirs = pair()
        argv = [sys.executable, "-m", "lineside.gateway.worker", str(theirs.fileno())]
        with theirs:
            process = await start_process(argv, pass_fds=[theirs.fileno()])
        worker = self._workers[number] = _Worker(process.pid, number, ours)
        try:
            if not worker.channel.send(
                StartWorker(msgspec.Raw(self._settings.model_dump_json().encode()), self._agent)
            ):
                self._fault = "settings and agent are too long for the message that starts a worker: shorten the agent"
                log.error("a worker cannot be started", worker=number, why=self._fault)
            return await self._watch(worker, process)
        finally:
            worker.channel.close()  # which tells it to end
            await end_process(process, grace=GRACE)
            del self._workers[number]
            if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
                worker_gone(process.pid)

    async def _watch(self, worker: "_Worker", process: asyncio.subprocess.Process) -> int:
        """Until it ends; one that stands still is ended. Answers its exit code.

        Looks are counted, not seconds: when this process or the whole machine stood still, nobody is blamed for it.
        """
        ended = asyncio.ensure_future(process.wait())
        try:
            while not (await asyncio.wait([ended], timeout=BEAT))[0]:
                if worker.missed_one() > (MISSED if worker.up.is_set() else READY_WITHIN / BEAT):
                    log.error("worker unresponsive, killing it", worker=worker.number, calls=len(worker.calls))
                    self._on_lost("stuck")
                    process.kill()
                    return await ended
            self._on_lost("ended")
            return ended.result()
        finally:
            ended.cancel()


class _Worker:
    """One life of one worker."""

    def __init__(self, pid: int, number: int, end: socket.socket) -> None:
        """`end` is our end of the connection to its process."""
        self.pid, self.number = pid, number
        self.up = asyncio.Event()
        self._missed = 0  # beats in a row
        self.calls: dict[str, tuple[CallHandle, asyncio.Future[None]]] = {}
        self.channel = WorkerChannel(end, self.on_message, self.on_closed)
        self._agent_set: asyncio.Future[str] | None = None

    def assign(self, assignment: AssignCall, handle: CallHandle, sock: socket.socket) -> "asyncio.Future[None]":
        """Hand it a call; done when that is over."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.calls[handle.id] = handle, ended
        handle.subscribe_followed(lambda somebody: self._send(FollowCall(handle.id, somebody)))
        if not self.channel.send(assignment, sock.fileno()):
            self._call_ended(handle.id)
        return ended

    async def set_agent(self, agent: Agent) -> str:
        """Have it learn an agent's lines; answers what went wrong."""
        agent_set: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._agent_set = agent_set
        if not self.channel.send(SetAgent(agent)):
            return "the agent is too long, or the worker is gone"
        try:
            async with asyncio.timeout(SET_AGENT_SECONDS):
                return await agent_set
        except TimeoutError:
            return f"not within {SET_AGENT_SECONDS:g} s"

    def on_message(self, message: IpcMessage, sock: int | None) -> None:
        """What it says."""
        match message:
            case WorkerReady():
                self.up.set()
                self._missed = 0
            case Heartbeat():
                self._missed = 0
            case AgentSet(trouble=trouble):
                if self._agent_set is not None and not self._agent_set.done():
                    self._agent_set.set_result(trouble)
            case CallAnswered(call=call) if call in self.calls:
                control = RemoteCallControl(call, self._send)
                self.calls[call][0].answered(
                    control, facts=message.facts, codec=message.codec, rate=message.rate, engines=message.engines
                )
            case CallSound(call=call, stretch=stretch) if call in self.calls:
                self.calls[call][0].on_sound(stretch)
            case CallEvent(call=call) if call in self.calls:
                self.calls[call][0].on_event(decode_server.decode(bytes(message.event)))
            case CallFinished(call=call):
                self._call_ended(call)
            case _:
                return

    def missed_one(self) -> int:
        """A beat is due; answers how many in a row did not come. One that takes no calls yet has none to send."""
        self._missed += 1
        return self._missed

    def on_closed(self) -> None:
        """It is no more, and its calls neither."""
        self.up.clear()
        if self.calls:
            log.error("calls lost with their worker", worker=self.number, calls=len(self.calls))
        for call in tuple(self.calls):
            self._call_ended(call)
        if self._agent_set is not None and not self._agent_set.done():
            self._agent_set.set_result("")  # the next life of it begins with the new agent

    def _call_ended(self, call: str) -> None:
        if call in self.calls:
            _, ended = self.calls.pop(call)
            if not ended.done():
                ended.set_result(None)

    def _send(self, message: IpcMessage) -> None:
        self.channel.send(message)
