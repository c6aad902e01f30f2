"""A gateway in a thread of its own: the page's tests drive a browser from the main thread."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from lineside.agents.agent import Agent, Example
from lineside.audio.vad import LoudnessVad
from lineside.engines.registry import EngineRegistry, Role
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.gateway.app import Gateway
from lineside.observability.metrics import GatewayMetrics
from lineside.records.archive import Archive
from lineside.settings import Settings
from tests.call.fixtures import FixedAgentStore, settings

AGENT = Agent(name="Test", prompt="You answer.", greeting="")
OPENS_WITHIN = CLOSES_WITHIN = 60.0  # seconds


@asynccontextmanager
async def served(app: web.Application, port: int) -> AsyncGenerator[web.AppRunner, None]:
    """Serve it on this port of loopback, and show everybody out at the end.

    Chromium connects beforehand and whenever it likes. What asyncio accepts in the step in which its server is closed
    it leaves open, and Python complains of it in the middle of some later test: so nobody is let in for a moment first.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    door = socket.create_server(("127.0.0.1", port))
    await web.SockSite(runner, door).start()
    yield runner
    asyncio.get_running_loop().remove_reader(door)
    await asyncio.sleep(0.1)
    await runner.cleanup()


class ScriptedRegistry(EngineRegistry):
    """Engines with the scripts of one test."""

    def __init__(self, chosen: Settings, http: aiohttp.ClientSession, engines: dict[Role, Any]) -> None:
        super().__init__(chosen, http)
        self._scripted = engines

    def engine(self, role: Role, name: str = "") -> Any:
        """See `EngineRegistry`."""
        return self._scripted[role]


class BrowserGateway:
    """A gateway with scripted engines, open until it is closed."""

    def __init__(
        self,
        *,
        hears: Sequence[str] = ("When are you open?",),
        answers: Sequence[str] = ("We are open. From nine to six.",),
        greeting: str = "",
        asks: Sequence[str] = (),
        thinks: float = 0.05,
        port: int = 0,
        keeps: bool = False,
        **given: Any,
    ) -> None:
        """`keeps`: calls are kept, in `data_dir`; `asks`: questions of the agent's examples."""
        self._keeps = keeps
        self.llm = ScriptedLLM(answers=answers, first=thinks)
        self._engines: dict[Role, Any] = {"stt": ScriptedSTT(hears=hears), "llm": self.llm, "tts": ScriptedTTS()}
        shown = tuple(Example(ask, "From nine.") for ask in asks)
        self._agent = Agent(name="Test", prompt="You answer.", greeting=greeting, examples=shown)
        self._settings = settings(**{f"default_{role}_engine": "scripted" for role in self._engines}, **given)
        self._port = port
        self._opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, web.AppRunner, Gateway]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._keep_open()), name="gateway")
        self._thread.start()
        self._loop, self._closing, self._runner, self.gateway = self._opened.result(timeout=OPENS_WITHIN)
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def hang_up_on_everyone(self) -> None:
        """Break every connection, without a word."""
        server = self._runner.server
        assert server is not None
        for connection in server.connections:
            assert connection.transport is not None
            self._loop.call_soon_threadsafe(connection.transport.abort)

    def close(self) -> None:
        """Close as `lineside serve` does at SIGTERM."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(timeout=CLOSES_WITHIN)
            assert not self._thread.is_alive(), "the gateway did not close"

    async def _keep_open(self) -> None:
        closing = asyncio.Event()
        try:
            async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
                records = Archive(self._settings) if self._keeps else None
                if records is not None:
                    self.records = await stack.enter_async_context(records.opened())
                registry = ScriptedRegistry(self._settings, http, self._engines)
                agent = FixedAgentStore(self._agent)
                gateway = Gateway(self._settings, agent, registry, LoudnessVad, http, GatewayMetrics(), records=records)
                async with served(gateway.app(), self._port) as runner:
                    self._opened.set_result((asyncio.get_running_loop(), closing, runner, gateway))
                    await closing.wait()
        except BaseException as cause:
            if not self._opened.done():
                self._opened.set_exception(cause)
            raise
