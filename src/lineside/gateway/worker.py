"""A process full of calls: `python -m lineside.gateway.worker FD`, FD being its end of the channel.

It has engines' clients, a voice detector and a turn model of its own, on an event loop of its own, and no port: open
sockets come over the channel. It ends with the channel.
"""

import asyncio
import socket
import sys

import msgspec
import structlog
import uvloop
from msgspec import Raw

from lineside.agents.agent import Agent
from lineside.agents.drafts import AgentDrafts
from lineside.call.supervision import OperatorOrder
from lineside.errors import ConfigError
from lineside.gateway.call_handle import CallControl, RegisteredCall
from lineside.gateway.call_runner import HEARTBEAT, LARGEST_MESSAGE, CallRunner, settle
from lineside.gateway.ipc import (
    BEAT,
    AgentSet,
    AssignCall,
    CallAnswered,
    CallEvent,
    CallFinished,
    CallSound,
    EndCall,
    FollowCall,
    Heartbeat,
    IpcMessage,
    KeepDraft,
    ResumeCall,
    SetAgent,
    StartWorker,
    Supervise,
    WorkerChannel,
    WorkerReady,
)
from lineside.gateway.runtime import (
    knowledge_cache,
    learn_answers,
    open_archive,
    open_registry,
    prepare_agent,
    tool_runner,
    turn_model,
    vad_factory,
)
from lineside.logging_setup import log_to_stderr
from lineside.observability.metrics import GatewayMetrics
from lineside.private_files import make_files_private
from lineside.processes.background_work import BackgroundWork
from lineside.protocol import Codec, EndReason, LlmToken, PartialTranscript, ReasoningToken, ServerMessage, encode
from lineside.realtime.opening import realtime_socket
from lineside.records.recorder import RecordedStretch
from lineside.settings import complete_settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.websocket import WebSocket

log = structlog.get_logger()

FAREWELL = 3.0  # seconds for its calls to end when the gateway is gone or closes


class Worker:
    """The calls of this process."""

    def __init__(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[StartWorker] = loop.create_future()
        self._gateway_gone = asyncio.Event()  # the gateway is gone
        self._channel = WorkerChannel(end, self._on_message, self._on_closed)
        self._calls: dict[str, RemoteCall] = {}
        self._empty = asyncio.Event()
        self._agent: Agent
        self._drafts = AgentDrafts()
        self._tasks: asyncio.TaskGroup
        self._runner: CallRunner

    async def run(self) -> None:
        """Hold calls until the channel ends. Raises `ConfigError` when it cannot begin."""
        begin = await self._begun
        settings = complete_settings()(_env_file=None, **msgspec.json.decode(begin.settings))  # type: ignore[call-arg]
        meters = GatewayMetrics()
        work = BackgroundWork(meters.process.work_failed)
        async with (
            open_registry(settings, meters.engines) as self._registry,
            turn_model(settings) as turns,
            open_archive(settings, meters.records, work) as records,
            knowledge_cache(settings, begin.agent) as knowledge,
            tool_runner(settings, begin.agent) as tools,
        ):
            self._agent = begin.agent
            await prepare_agent(self._registry, self._agent)
            await self._registry.answering()  # known to its first calls
            new_vad = vad_factory(settings)
            self._runner = CallRunner(
                settings,
                lambda: self._agent,
                self._registry,
                new_vad,
                meters,
                turns,
                records,
                self._drafts,
                knowledge,
                tools,
            )
            async with asyncio.TaskGroup() as self._tasks:
                watching = [
                    self._tasks.create_task(work.keep("loop lag", meters.process.watch_loop), name="loop lag"),
                    self._tasks.create_task(work.keep("load shedder", self._runner.shedder.watch), name="load shedder"),
                    self._tasks.create_task(
                        work.keep("learn answers", lambda: learn_answers(self._registry, lambda: self._agent)),
                        name="learn answers",
                    ),
                    self._tasks.create_task(work.keep("beat", self._beat), name="beat"),
                ]
                settle()
                self._channel.send(WorkerReady())
                await self._gateway_gone.wait()
                await self._end_calls()
                await self._runner.close()
                for task in watching:
                    task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._channel.send(Heartbeat())

    async def _end_calls(self) -> None:
        for handle in self._calls.values():
            handle.end("server_stopping")
        if self._calls:
            try:
                async with asyncio.timeout(FAREWELL):
                    await self._empty.wait()
            except TimeoutError:
                log.warning("calls disconnected, their worker stops", calls=len(self._calls))
                raise SystemExit(1) from None

    def _on_message(self, message: IpcMessage, sock: int | None) -> None:
        match message:
            case StartWorker() if not self._begun.done():
                self._begun.set_result(message)
            case AssignCall() if sock is not None:
                self._tasks.create_task(
                    self._run_call(message, socket.socket(fileno=sock)), name=f"call {message.call}"
                )
            case ResumeCall() if sock is not None:
                self._tasks.create_task(
                    self._resume_call(message, socket.socket(fileno=sock)), name=f"resume {message.call}"
                )
            case EndCall(call=call, reason=reason) if call in self._calls:
                self._calls[call].end(reason)
            case FollowCall(call=call, follow=follow) if call in self._calls:
                self._calls[call].follow = follow
            case Supervise(call=call, order=order) if call in self._calls:
                self._calls[call].supervise(order)
            case KeepDraft(draft=draft, agent=agent):
                self._drafts.keep(draft, agent)
            case SetAgent(agent=agent):
                self._tasks.create_task(self._set_agent(agent), name="learn")
            case _:
                return

    def _on_closed(self) -> None:
        self._gateway_gone.set()
        if not self._begun.done():
            self._begun.set_exception(ConfigError("the gateway was gone before this worker began"))

    async def _run_call(self, assignment: AssignCall, sock: socket.socket) -> None:
        handle = self._calls[assignment.call] = RemoteCall(assignment.call, self._channel)
        try:
            if (realtime := assignment.realtime) is not None:
                ws = await _taken_over(sock, realtime_socket(lambda gone: None), assignment.key, realtime.subprotocol)
                await self._runner.run_realtime(handle, ws, realtime)
            else:
                await self._runner.run(handle, await _welcome(sock, assignment.key))
        except OSError:
            return  # the caller was gone before the socket came
        finally:
            del self._calls[assignment.call]
            handle.ended()
            self._channel.send(CallFinished(assignment.call))
            if not self._calls:
                self._empty.set()

    async def _resume_call(self, asked: ResumeCall, sock: socket.socket) -> None:
        try:
            await self._runner.resume(asked.call, await _welcome(sock, asked.key))
        except OSError:
            return  # gone before the socket came

    async def _set_agent(self, agent: Agent) -> None:
        try:
            await prepare_agent(self._registry, agent)
        except ConfigError as why:
            self._channel.send(AgentSet(str(why)))
            return
        self._agent = agent
        self._channel.send(AgentSet())


async def _welcome(sock: socket.socket, key: str) -> WebSocket:
    """The caller's end of this socket. Raises `OSError` when they are gone already."""
    return await _taken_over(sock, WebSocket(LARGEST_MESSAGE, HEARTBEAT, lambda gone: None), key)


async def _taken_over(sock: socket.socket, ws: WebSocket, key: str, subprotocol: str = "") -> WebSocket:
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: ws, sock)
    ws.take_over(transport, key, subprotocol)
    return ws


class RemoteCall(RegisteredCall):
    """A call in the registry, which is in another process."""

    def __init__(self, call: str, channel: WorkerChannel) -> None:
        super().__init__(call)
        self._channel = channel
        self._control: CallControl | None = None
        self._ends: EndReason | None = None  # asked for before the call was answered
        self.follow = False  # somebody wants to know every word

    def answered(
        self, control: CallControl, *, facts: CallFacts, codec: Codec, rate: int, engines: dict[str, str]
    ) -> None:
        """See `RegisteredCall`."""
        self._control = control
        self._channel.send(CallAnswered(self.id, facts, codec, rate, engines))
        if self._ends is not None:
            control.end(self._ends)

    def ended(self) -> None:
        """See `RegisteredCall`."""
        self._control = None

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`. Words as they form are for those who follow it; nobody counts by them."""
        if self.follow or not isinstance(event, LlmToken | ReasoningToken | PartialTranscript):
            self._channel.send(CallEvent(self.id, Raw(encode(event))))

    def on_sound(self, stretch: RecordedStretch) -> None:
        """See `RegisteredCall`."""
        self._channel.send(CallSound(self.id, stretch))

    def supervise(self, order: OperatorOrder) -> None:
        """An operator does this in it."""
        if self._control is not None:
            self._control.supervise(order)

    def end(self, reason: EndReason) -> None:
        """End it."""
        self._ends = reason
        if self._control is not None:
            self._control.end(reason)


def main() -> None:
    """Be a worker."""
    make_files_private()
    log_to_stderr()
    end = socket.socket(fileno=int(sys.argv[1]))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(end))
    except ConfigError as fault:
        sys.exit(f"lineside: a worker cannot begin: {fault}")


async def _work(end: socket.socket) -> None:
    await Worker(end).run()


if __name__ == "__main__":
    main()
