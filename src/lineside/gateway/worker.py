"""A process full of calls: `python -m lineside.gateway.worker FD`, FD being its end of the bus.

It has engines' clients, a voice detector and a turn model of its own, on an event loop of its own, and no door: open
sockets come over the bus. It ends with the bus.
"""

import asyncio
import socket
import sys

import msgspec
import structlog
import uvloop
from msgspec import Raw

from lineside.agents.agent import Agent
from lineside.errors import ConfigError
from lineside.gateway.call_registry import CallControl, CallPlace
from lineside.gateway.call_runner import HEARTBEAT, LARGEST_MESSAGE, CallRunner, settle
from lineside.gateway.ipc import (
    BEAT,
    AgentSet,
    AssignCall,
    CallAnswered,
    CallEvent,
    CallFinished,
    EndCall,
    FollowCall,
    Heartbeat,
    SetAgent,
    StartWorker,
    Word,
    WorkerChannel,
    WorkerReady,
)
from lineside.gateway.runtime import learn_phrases, open_archive, open_registry, turn_model, vad_factory
from lineside.logging_setup import log_to_stderr
from lineside.observability.metrics import GatewayMetrics
from lineside.private_files import make_files_private
from lineside.processes.background_work import BackgroundWork
from lineside.protocol import EndReason, LlmToken, PartialTranscript, ReasoningToken, ServerMessage, encode
from lineside.settings import complete_settings
from lineside.transports.websocket import WebSocket

log = structlog.get_logger()

FAREWELL = 3.0  # seconds for its calls to end when the gateway is gone or closes


class Worker:
    """The calls of this process."""

    def __init__(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[StartWorker] = loop.create_future()
        self._alone = asyncio.Event()  # the gateway is gone
        self._bus = WorkerChannel(end, self._heard, self._gone)
        self._places: dict[str, RemotePlace] = {}
        self._empty = asyncio.Event()
        self._agent: Agent
        self._tasks: asyncio.TaskGroup
        self._runner: CallRunner

    async def run(self) -> None:
        """Hold calls until the bus ends. Raises `ConfigError` when it cannot begin."""
        begin = await self._begun
        settings = complete_settings()(_env_file=None, **msgspec.json.decode(begin.settings))  # type: ignore[call-arg]
        meters = GatewayMetrics()
        work = BackgroundWork(meters.process.work_failed)
        async with (
            open_registry(settings, meters.engines) as self._registry,
            turn_model(settings) as turns,
            open_archive(settings, meters.records) as records,
        ):
            self._agent = begin.agent
            await learn_phrases(self._registry, self._agent)
            new_vad = vad_factory(settings)
            self._runner = CallRunner(settings, lambda: self._agent, self._registry, new_vad, meters, turns, records)
            async with asyncio.TaskGroup() as self._tasks:
                watching = [
                    self._tasks.create_task(work.keep("loop lag", meters.process.watch_loop), name="loop lag"),
                    self._tasks.create_task(work.keep("load shedder", self._runner.shedder.watch), name="load shedder"),
                    self._tasks.create_task(work.keep("beat", self._beat), name="beat"),
                ]
                settle()
                self._bus.say(WorkerReady())
                await self._alone.wait()
                await self._farewell()
                await self._runner.close()
                for task in watching:
                    task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._bus.say(Heartbeat())

    async def _farewell(self) -> None:
        for place in self._places.values():
            place.end("server_stopping")
        if self._places:
            try:
                async with asyncio.timeout(FAREWELL):
                    await self._empty.wait()
            except TimeoutError:
                log.warning("calls disconnected, their worker stops", calls=len(self._places))
                raise SystemExit(1) from None

    def _heard(self, word: Word, sock: int | None) -> None:
        match word:
            case StartWorker() if not self._begun.done():
                self._begun.set_result(word)
            case AssignCall() if sock is not None:
                self._tasks.create_task(self._hold(word, socket.socket(fileno=sock)), name=f"call {word.call}")
            case EndCall(call=call, reason=reason) if call in self._places:
                self._places[call].end(reason)
            case FollowCall(call=call, follow=follow) if call in self._places:
                self._places[call].follow = follow
            case SetAgent(agent=agent):
                self._tasks.create_task(self._learn(agent), name="learn")
            case _:
                return

    def _gone(self) -> None:
        self._alone.set()
        if not self._begun.done():
            self._begun.set_exception(ConfigError("the gateway was gone before this worker began"))

    async def _hold(self, take: AssignCall, sock: socket.socket) -> None:
        place = self._places[take.call] = RemotePlace(take.call, self._bus)
        try:
            ws = WebSocket(LARGEST_MESSAGE, HEARTBEAT, lambda gone: None)
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: ws, sock)
            ws.take_over(transport, take.key)
            await self._runner.run(place, ws)
        except OSError:
            return  # the caller was gone before the socket came
        finally:
            del self._places[take.call]
            place.over()
            self._bus.say(CallFinished(take.call))
            if not self._places:
                self._empty.set()

    async def _learn(self, agent: Agent) -> None:
        try:
            await learn_phrases(self._registry, agent)
        except ConfigError as why:
            self._bus.say(AgentSet(str(why)))
            return
        self._agent = agent
        self._bus.say(AgentSet())


class RemotePlace(CallPlace):
    """A call's place in the registry, which is in another process."""

    def __init__(self, call: str, bus: WorkerChannel) -> None:
        super().__init__(call)
        self._bus = bus
        self._live: CallControl | None = None
        self._ends: EndReason | None = None  # asked for before the call was answered
        self.follow = False  # somebody wants to know every word

    def answered(self, live: CallControl, *, line: str, codec: str, engines: dict[str, str]) -> None:
        """See `CallPlace`."""
        self._live = live
        self._bus.say(CallAnswered(self.id, line, codec, engines))
        if self._ends is not None:
            live.end(self._ends)

    def over(self) -> None:
        """See `CallPlace`."""
        self._live = None

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`. Words as they form are for those who follow it; nobody counts by them."""
        if self.follow or not isinstance(event, LlmToken | ReasoningToken | PartialTranscript):
            self._bus.say(CallEvent(self.id, Raw(encode(event))))

    def end(self, reason: EndReason) -> None:
        """End it."""
        self._ends = reason
        if self._live is not None:
            self._live.end(reason)


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
