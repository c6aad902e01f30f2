"""The door: routes, admission, who may enter, and closing time."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from lineside.access import TOKEN_SECONDS, Access, key_of
from lineside.call import Call
from lineside.control import Desk, Room, mount
from lineside.control.crew import Crew
from lineside.ear import VoiceDetector
from lineside.engines.registry import Engines, Registry
from lineside.errors import CallRefused, ConfigError, LineError
from lineside.hosts.client import HostAgent
from lineside.hosts.machine import Readings
from lineside.lines.browser import LAST_WORDS, BrowserLine
from lineside.lines.websocket import NORMAL, TEXT, WebSocket, framed, refusal
from lineside.metrics import CONTENT_TYPE, CallMeter, Meters
from lineside.schema import Ended, Error, Hello, Ready, encode, read_hello
from lineside.settings import Settings
from lineside.switchboard import Slot, Switchboard
from lineside.turns import TurnJudge, nobody_knows

log = structlog.get_logger()

FIRST_MESSAGE = 5.0  # seconds; a caller's program that says nothing by then is shown out
HEARTBEAT = 20.0  # seconds between pings; a peer that is gone without a word is noticed within twice that
LARGEST_MESSAGE = 1 << 20  # bytes; beyond it the WebSocket itself is closed with 1009. Sound has a limit of its own
LOOK_EVERY = 15.0  # seconds between two readings of the graphics cards for /metrics
FAREWELL = 3.0  # seconds for calls to end when the house closes
POLICY_VIOLATION, INTERNAL_ERROR = 1008, 1011  # RFC 6455, 7.4.1
IN_HOUSE = ("silero-vad", "smart-turn-v3.2")  # models that this process itself has in memory
WEB = Path(__file__).parent / "web"
FOREVER = "public, max-age=31536000, immutable"  # the page's files have a hash of what is in them in their names
# The page takes nothing from elsewhere, runs nothing that stands in it, and stands in no other page's frame.
POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


async def _kept(request: web.Request, response: web.StreamResponse) -> None:
    """The page's own files are kept for good; only now is it known whether there is such a file."""
    if request.path.startswith("/web/assets/") and response.status < 400:
        response.headers["Cache-Control"] = FOREVER


class Gateway:
    """One process full of calls."""

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        registry: Registry,
        new_voice: Callable[[], VoiceDetector],
        http: aiohttp.ClientSession,
        turns: TurnJudge = nobody_knows,
    ) -> None:
        """`desk` says who answers; by `http` the host agent is asked, if there is one; `turns` is the turn model."""
        self._turns = turns
        self._settings, self._desk, self._registry, self._new_voice = settings, desk, registry, new_voice
        self._readings = Readings()
        self._host = HostAgent(settings.host_agent_url, settings.host_agent_token, http)
        self._access = Access(settings)
        self.switchboard = Switchboard(settings.max_concurrent_calls)
        self._meters = Meters()
        self._meters.limit.set(settings.max_concurrent_calls)
        registry.failed = self._meters.engine_failed
        registry.switched = self._meters.engine_switched

    @property
    def calls(self) -> int:
        """Calls alive now."""
        return self.switchboard.calls

    def app(self) -> web.Application:
        """The routes, ready to be served."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._page)
        app.router.add_static("/web/", WEB)
        app.router.add_get("/health", self._health)
        app.router.add_post("/api/token", self._token)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/ws/call", self._call)
        app.cleanup_ctx.append(self._watched)
        room = Room(
            settings=self._settings,
            registry=self._registry,
            calls=self.switchboard,
            desk=self._desk,
            read=self._readings.latest,
            host=self._host,
            in_house=IN_HOUSE,
        )
        mount(app, room)
        app.on_response_prepare.append(_kept)
        app.on_shutdown.append(self._close)
        return app

    # ── who may enter ──────────────────────────────────────────────────────────────────────────────────────────────

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if refusal := self._access.refuses_origin(request.headers.get("Origin"), request.host):
            return _problem(403, "origin_not_allowed", refusal)
        open_to_all = request.path in ("/", "/health") or request.path.startswith("/web/")
        if not open_to_all and not self._knows(request):
            refused = _problem(401, "key_needed", "give a key of API_KEYS as 'Authorization: Bearer KEY'")
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        response = await handler(request)
        if not response.prepared:
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _knows(self, request: web.Request) -> bool:
        if self._access.has_key(key_of(dict(request.headers))):
            return True
        return request.path == "/ws/call" and self._access.has_token(request.query.get("token"), time.time())

    # ── the small rooms ────────────────────────────────────────────────────────────────────────────────────────────

    async def _page(self, request: web.Request) -> web.StreamResponse:
        response = web.FileResponse(WEB / "index.html")
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def _health(self, request: web.Request) -> web.Response:
        closing = self.switchboard.closing
        status = "closing" if closing else "ok"
        body = {"status": status, "calls": self.calls, "max_calls": self._settings.max_concurrent_calls}
        return web.json_response(body, status=503 if closing else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        text = await asyncio.to_thread(self._meters.text)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    async def _watched(self, app: web.Application) -> AsyncGenerator[None, None]:
        """How late the loop is, and what the machine is doing, while the house is open."""
        crew = Crew()
        await crew.begin()
        crew.start(self._meters.watch_loop(), "loop lag")
        crew.start(self._watch_machine(), "machine")
        yield
        await crew.end()

    async def _watch_machine(self) -> None:
        while True:
            self._meters.machine(await self._readings.latest())
            await asyncio.sleep(LOOK_EVERY)

    async def _token(self, request: web.Request) -> web.Response:
        return web.json_response({"token": self._access.token(time.time()), "seconds": TOKEN_SECONDS})

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, request: web.Request) -> web.StreamResponse:
        try:
            slot = self.switchboard.admit()
        except CallRefused as full:
            self._meters.call_refused("closing" if self.switchboard.closing else "full")
            response = _problem(503, "full", str(full))
            response.headers["Retry-After"] = "5"
            return response
        try:
            if refused := refusal(request.method, request.headers):
                return _problem(400, "no_websocket", refused)
            transport = request.transport
            if transport is None:
                return web.Response()  # gone already
            ws = WebSocket(LARGEST_MESSAGE, HEARTBEAT, request.protocol.connection_lost)
            ws.take_over(transport, request.headers["Sec-WebSocket-Key"])
            try:
                await self._hold(slot, ws)
            finally:
                ws.abort()  # where it is open still, nobody is there to close it
            return web.Response()  # to nobody: the connection was the call's, and is gone
        finally:
            self.switchboard.free(slot)

    async def _hold(self, slot: Slot, ws: WebSocket) -> None:
        """From the first message to the last."""
        try:
            hello = await _first_message(ws)
            engines = self._registry.choose(
                stt=hello.stt_engine,
                llm=hello.llm_engine,
                tts=hello.tts_engine,
                model=hello.llm_model,
                voice=hello.tts_voice,
            )
        except LineError as fault:
            await _show_out(ws, fault)
            return
        await self._registry.prepare(
            {
                "stt": (hello.stt_engine, ""),
                "llm": (hello.llm_engine, hello.llm_model),
                "tts": (hello.tts_engine, hello.tts_voice),
            }
        )
        meter = self._meters.call("browser", engines.names)
        line, began = BrowserLine(ws, hello, meter), time.monotonic()
        try:
            reason, code = await self._answer(slot, line, hello, engines, meter), NORMAL
        except Exception:  # a bug of ours: this call ends, the others do not notice, the log says where
            log.exception("call failed", call=slot.id)
            reason, code = "internal_error", INTERNAL_ERROR
            line.tell(Error(at=0.0, code=reason, message="something broke inside lineside", fatal=True))
            line.tell(Ended(at=0.0, reason=reason))
        finally:
            meter.over(time.monotonic() - began)
        await line.close(POLICY_VIOLATION if reason in _FAULTS else code)

    async def _answer(self, slot: Slot, line: BrowserLine, hello: Hello, engines: Engines, meter: CallMeter) -> str:
        call = Call(
            line,
            hello,
            agent=self._desk.agent(),
            engines=engines,
            settings=self._settings,
            voice=self._new_voice(),
            notice=slot.notice,
            meter=meter,
            turns=self._turns,
        )
        slot.answered(call, line="browser", codec=hello.codec, engines=engines.names)
        line.tell(Ready(call_id=slot.id, codec=hello.codec, sample_rate=hello.rate, engines=engines.names))
        log.info("call began", call=slot.id, codec=hello.codec, rate=hello.rate, calls=self.calls)
        began = time.monotonic()
        reason = await call.hold()
        log.info("call ended", call=slot.id, reason=reason, seconds=round(time.monotonic() - began, 1))
        return reason

    async def _close(self, app: web.Application) -> None:
        await self.switchboard.close(FAREWELL, lambda calls: log.warning("calls cut off at closing time", calls=calls))


_FAULTS = {"too_fast", "too_many_messages", "frame_too_large", "odd_length", "bad_message"}


async def _first_message(ws: WebSocket) -> Hello:
    example = '{"codec":"pcm","sample_rate":16000}'
    try:
        async with asyncio.timeout(FIRST_MESSAGE):
            message = await ws.first()
    except TimeoutError:
        raise LineError("no_first_message", f"first message: none within {FIRST_MESSAGE:g} s; send {example}") from None
    if isinstance(message, str):
        return read_hello(message)
    if isinstance(message, bytes):
        raise LineError("bad_first_message", f"first message: sound came before it; send {example} first")
    raise LineError("line_lost", "the caller was gone before the first message")


async def _show_out(ws: WebSocket, fault: LineError) -> None:
    ws.write(framed(TEXT, encode(Error(at=0.0, code=fault.code, message=str(fault), fatal=True))))
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            await ws.close(POLICY_VIOLATION)


def _problem(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def listening_socket(settings: Settings) -> socket.socket:
    """The port, taken before anything else: finding it in use should not cost the loading of models.

    Raises `ConfigError` when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    door = socket.socket(family, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, settings.port))
    except OSError as cause:
        door.close()
        raise ConfigError(
            f"PORT={settings.port} on {host} cannot be opened ({cause.strerror}); "
            "stop what holds it, or choose another, e.g. PORT=3002 ./run.sh"
        ) from None
    return door
