"""The control API and the page in a thread of their own, with everything behind them scripted.

The tests drive a browser from the main thread, and change what is behind through `do`.
"""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from msgspec.structs import replace as changed

from lineside.api import ApiDependencies, mount
from lineside.call.supervision import OperatorOrder
from lineside.engines.protocols import BackendModel
from lineside.engines.vendors.scripted import ScriptedTTS
from lineside.gateway.auth import Auth, key_of
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.call_registry import CallRegistry
from lineside.host.machine.values import Cpu, Gpu, GpuProcess, Machine, Ram
from lineside.host.services import Service
from lineside.observability.standing_alert import StandingAlert, StandingAlerts
from lineside.protocol import Codec, Ended, EndReason, OperatorActed, ServerMessage
from lineside.records.gateways import KnownGateway
from lineside.transports.call_facts import CallFacts
from tests.api.fixtures import FakeRegistry, Fetcher, Keeper, ScriptedHost, scripted_dependencies
from tests.browser import slow_fetch
from tests.browser.fixtures import served
from tests.call.fixtures import settings

GIB = 1 << 30
OPENS_WITHIN = CLOSES_WITHIN = 30.0  # seconds
POLICY = (  # as the gateway sends it
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:"
)


class ScriptedCall:
    """A call as the registry needs it; `why` is what it was ended for."""

    def __init__(self, calls: CallRegistry, **given: str) -> None:
        self._calls, self.why = calls, ""
        self.slot: CallHandle = calls.admit()
        engines = {"stt": "faster-whisper", "llm": "ollama", "tts": "espeak"}
        self.slot.answered(
            self,
            facts=CallFacts(line=given.get("line", "browser")),
            codec=cast(Codec, given.get("codec", "pcm")),
            rate=16_000,
            engines=engines,
        )
        self.orders: list[OperatorOrder] = []

    def supervise(self, order: OperatorOrder) -> bool:
        self.orders.append(order)
        self.slot.on_event(OperatorActed(at=3.0, what=order.what))
        return True

    def end(self, reason: EndReason) -> None:
        self.why = reason
        self.slot.on_event(Ended(at=9.0, reason=reason))
        self._calls.free(self.slot)


class Services(ScriptedHost):
    """A host with two services; a start waits for `go`."""

    def __init__(self) -> None:
        super().__init__()
        whisper = Service(
            "whisper-server", "stopped", "http://127.0.0.1:8178", "", ("ggml-base",), None, 0, 1, None, ""
        )
        why = "exit code 1: the card has no memory left; unload a model"
        llama = changed(
            whisper, name="llama-server", state="failed", models=("llama-3b", "llama-8b"), why=why, starts=3
        )
        self.all = {one.name: one for one in (whisper, llama)}
        self.started: list[tuple[str, str]] = []
        self.go = asyncio.Event()

    async def services(self) -> tuple[Service, ...]:
        self._fail("whisper-server")
        return tuple(self.all.values())

    async def start(self, name: str, model: str = "") -> Service:
        self._fail("whisper-server")
        self.started.append((name, model))
        self._put(name, state="starting", model=model, why="")
        await self.go.wait()
        self._fail("whisper-server")
        return self._put(name, state="ready", pid=4242, memory_bytes=GIB, starts=1)

    async def stop(self, name: str) -> Service:
        return self._put(name, state="stopped", pid=None, memory_bytes=None)

    async def logs(self, name: str, lines: int = 100) -> list[str]:
        self._fail("whisper-server")
        return [f"{name} listens", "<img src=x onerror=alert(1)>"]

    def _put(self, name: str, **news: Any) -> Service:
        self.all[name] = changed(self.all[name], **news)
        return self.all[name]


class ControlGateway:
    """The API and the page, open until they are closed."""

    def __init__(self, folder: Path, page: Path, *, port: int = 0, key: str = "", models: Path | None = None) -> None:
        """`page` is its HTML; `folder` is for what is downloaded."""
        self._folder, self._page, self._port, self._key = folder, page, port, key
        self._models = models or folder / "models"
        self._models.mkdir(parents=True, exist_ok=True)
        self.let(0)
        self._opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._keep_open()), name="control gateway")
        self._thread.start()
        self._loop, self._closing, self.port = self._opened.result(timeout=OPENS_WITHIN)
        self.url = f"http://127.0.0.1:{self.port}"

    def let(self, far: int | str, *, done: bool = False) -> None:
        """Let downloads come so far, in bytes, or fail with these words."""
        draft = self._folder / "far.draft"
        draft.write_text(str(slow_fetch.TOTAL if done else far))
        draft.replace(self._folder / "far")

    def do(self, action: Callable[[], Any]) -> Any:
        """Do something in the gateway's own thread; its result."""

        async def there() -> Any:
            result = action()
            return await result if isinstance(result, Awaitable) else result

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(timeout=OPENS_WITHIN)

    def tell(self, call: ScriptedCall, *events: ServerMessage) -> None:
        """Let these happen in a call."""
        for event in events:
            self.do(partial(call.slot.on_event, event))

    def close(self) -> None:
        """Close, as the gateway does."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(timeout=CLOSES_WITHIN)
            assert not self._thread.is_alive(), "the control gateway did not close"

    def again(self) -> "ControlGateway":
        """Another one at the same address, as after a restart; only the disk is as it was."""
        return ControlGateway(self._folder, self._page, port=self.port, key=self._key, models=self._models)

    def _room(self) -> ApiDependencies:
        self.calls, self.host = CallRegistry(8), Services()
        self.whisper = Keeper(
            BackendModel("faster-whisper-base", loaded=True, bytes=148_000_000, memory_bytes=210_000_000)
        )
        self.qwen = Keeper(BackendModel("qwen2.5-coder-0.5b", loaded=False, bytes=398_000_000))
        self.ollama = Fetcher(
            BackendModel("llama3.2:3b", loaded=False, bytes=2 * GIB), choices=("llama3.2:3b", "qwen3:4b")
        )
        process = GpuProcess(4711, "ollama", "llama3.2:3b", 3 * GIB)
        self.cards: tuple[Gpu, ...] = (Gpu(0, "amd", "Radeon RX 7900", 16 * GIB, 4 * GIB, 37.0, (process,)),)

        async def read() -> Machine:
            note = "" if self.cards else "no graphics card was found"
            return Machine(2.0, Cpu(8, 21.0), Ram(64 * GIB, 24 * GIB), self.cards, note)

        scripted = scripted_dependencies(
            settings(models_dir=self._models, api_keys=(self._key,) if self._key else ()),
            puller=self._puller(),
        )
        self.voices = {name: ScriptedTTS(takes=0) for name in ("espeak", "piper")}
        engines: Any = {
            "stt": {"faster-whisper": self.whisper},
            "llm": {"embedded": self.qwen, "ollama": self.ollama},
            "tts": self.voices,
        }
        self.agents, self.fallbacks = scripted.agents, scripted.fallbacks
        self.alerts: tuple[StandingAlert, ...] = ()
        self.gateways: tuple[tuple[KnownGateway, ...], float | None] = ((), None)
        return replace(
            scripted,
            registry=FakeRegistry(engines),
            calls=self.calls,
            host=self.host,
            read=read,
            alerts=lambda: StandingAlerts(self.alerts),
            gateways=lambda: self.gateways,
        )

    def _puller(self) -> tuple[str, ...]:
        target = self._models / "faster-whisper-tiny.en" / "small.json"
        return (sys.executable, slow_fetch.__file__, str(target), str(self._folder / "far"))

    def _app(self) -> web.Application:
        there = self._room()
        access = Auth(there.settings)

        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.path.startswith("/api/") and not access.has_key(key_of(dict(request.headers))):
                wrong = {"error": {"code": "key_needed", "message": "give a key"}}
                return web.json_response(wrong, status=401)
            answer: web.StreamResponse = await handler(request)
            return answer

        async def page(request: web.Request) -> web.StreamResponse:
            return web.FileResponse(self._page, headers={"Content-Security-Policy": POLICY})

        app = web.Application(middlewares=[guard])
        app.router.add_get("/", page)
        app.router.add_static("/web/", self._page.parent)
        mount(app, there)
        return app

    async def _keep_open(self) -> None:
        closing = asyncio.Event()
        try:
            async with served(self._app(), self._port) as runner:
                self._opened.set_result((asyncio.get_running_loop(), closing, runner.addresses[0][1]))
                await closing.wait()
        except BaseException as cause:
            if not self._opened.done():
                self._opened.set_exception(cause)
            raise
