"""The host agent: a small HTTP server beside the graphics card that starts and ends services and reads the machine.

Programs talk to it, never pages: a request that a browser made is refused. Beyond this machine it listens only with a
token. Every error is `{"error": {"code", "message"}}`.
"""

import asyncio
import hmac
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from lineside.errors import UNREADABLE, ConfigError
from lineside.host.machine import MachineReader
from lineside.host.service_config import ServiceConfig, read_services
from lineside.host.services import KEPT_LINES, Code, ServiceManager, ServiceRefused
from lineside.http_front import PROGRAMS, error_response, http_server, raise_file_limit
from lineside.processes.ports import listening_socket
from lineside.settings import LOOPBACK

log = structlog.get_logger()

PORT = 3003
MAX_REQUEST_BYTES = 16_384  # bytes of a request; more is refused with 413
GOODBYE = 2.0  # seconds for open requests when it closes
STATUS: dict[Code, int] = {"unknown_service": 404, "unknown_model": 404, "not_ready": 502}  # the others: 409

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Start(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a start."""

    model: str = ""


class Restart(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a restart."""

    pid: int  # of the process that does not do its work


class HostAgent:
    """The routes and the guard before them."""

    def __init__(
        self, services: ServiceManager, readings: MachineReader, *, token: str = "", only_this_machine: bool = True
    ) -> None:
        self._services, self._readings = services, readings
        self._token, self._only_this_machine = token, only_this_machine

    def app(self) -> web.Application:
        """The application with its routes, ready to be served."""
        app = web.Application(middlewares=[_errors_in_json, self._only_allowed], client_max_size=MAX_REQUEST_BYTES)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/services", self._all)
        app.router.add_post("/v1/services/{name}/start", self._start)
        app.router.add_post("/v1/services/{name}/stop", self._stop)
        app.router.add_post("/v1/services/{name}/restart", self._restart)
        app.router.add_get("/v1/services/{name}/logs", self._logs)
        app.router.add_get("/v1/machine", self._machine)
        app.on_shutdown.append(self._close)
        return app

    @web.middleware
    async def _only_allowed(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        if "Origin" in request.headers:
            return error_response(
                403, "browsers_refused", "pages may not talk to the host agent; ask lineside's own API"
            )
        if self._only_this_machine and _host_of(request) not in LOOPBACK:
            # A page whose name was made to point at this machine asks without an Origin, but not under our name.
            return error_response(403, "wrong_host", "this host agent answers as localhost only; --host opens it")
        if self._token and request.path != "/health" and not self._knows(request):
            refused = error_response(401, "token_needed", "give HOST_AGENT_TOKEN as 'Authorization: Bearer TOKEN'")
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        return await handler(request)

    def _knows(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(errors="replace"), self._token.encode())
        return same and scheme.lower() == "bearer"

    async def _health(self, request: web.Request) -> web.Response:
        return _json_response({"status": "ok"})

    async def _all(self, request: web.Request) -> web.Response:
        return _json_response({"services": await self._services.all()})

    async def _start(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            wish = msgspec.json.decode(raw, type=Start) if raw else Start()
        except UNREADABLE as cause:
            return error_response(400, "bad_request", f'the body must be {{"model": "NAME"}} or nothing: {cause}')
        return _json_response(await self._services.start(request.match_info["name"], wish.model))

    async def _stop(self, request: web.Request) -> web.Response:
        return _json_response(await self._services.stop(request.match_info["name"]))

    async def _restart(self, request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=Restart)
        except msgspec.DecodeError as cause:
            return error_response(400, "bad_request", f'the body must be {{"pid": NUMBER}}: {cause}')
        return _json_response(await self._services.restart(request.match_info["name"], wish.pid))

    async def _logs(self, request: web.Request) -> web.Response:
        wanted = request.query.get("lines", "100")
        if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 10 and 1 <= int(wanted) <= KEPT_LINES):
            return error_response(400, "bad_request", f"lines must be a number from 1 to {KEPT_LINES}")
        return _json_response({"lines": self._services.lines(request.match_info["name"], int(wanted))})

    async def _machine(self, request: web.Request) -> web.Response:
        return _json_response(await self._readings.latest())

    async def _close(self, app: web.Application) -> None:
        await self._services.stop_all()  # whoever waits for a start hears so at once


async def run(
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    token: str = "",
    services_file: Path,
    models_dir: Path,
    listen_fd: int | None = None,
    ready: Callable[[str, Sequence[ServiceConfig]], None] = lambda url, declared: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then end every service. `ready` hears the address and what may be started.

    `listen_fd`: a socket that is bound already, of whoever started us, in place of `host` and `port`.

    Raises `ConfigError`: a wrong services file, a port that is taken, open to others without a token.
    """
    declared = read_services(services_file)
    raise_file_limit()
    check_exposure(host, token)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with _listener(host, port, listen_fd) as listener:
        async with asyncio.TaskGroup() as tasks:
            services = ServiceManager(declared, models_dir, tasks)
            agent = HostAgent(services, MachineReader(), token=token, only_this_machine=host in LOOPBACK)
            url = f"http://{host}:{listener.getsockname()[1]}"
            try:
                async with http_server(agent.app(), listener, grace=GOODBYE, limits=PROGRAMS):
                    ready(url, declared)
                    await stop.wait()
            finally:
                await services.stop_all()


@contextmanager
def _listener(host: str, port: int, listen_fd: int | None) -> Iterator[socket.socket]:
    """The socket to answer on. Raises `ConfigError` for a port that is taken."""
    if listen_fd is not None:
        with socket.socket(fileno=listen_fd) as handed:
            yield handed
        return
    advice = "is a host agent running already? --port takes another"
    with listening_socket(host, port, host_name="--host", port_name="--port", advice=advice) as listener:
        yield listener


def check_exposure(host: str, token: str) -> None:
    """Refuse to let other machines start programs here without a token."""
    if host not in LOOPBACK and not token:
        raise ConfigError(
            f"--host {host} lets other machines start programs here, and HOST_AGENT_TOKEN is empty. "
            "Set HOST_AGENT_TOKEN, here and where lineside runs, or leave --host at 127.0.0.1."
        )


@web.middleware
async def _errors_in_json(request: web.Request, handler: Answer) -> web.StreamResponse:
    try:
        return await handler(request)
    except ServiceRefused as no:
        return error_response(STATUS.get(no.code, 409), no.code, str(no))
    except web.HTTPException as no:
        if no.status < 400:
            raise
        return error_response(
            no.status, no.reason.lower().replace(" ", "_"), f"{request.method} {request.path}: {no.reason}"
        )
    except Exception:
        log.exception("request failed", path=request.path)
        return error_response(500, "internal", "the host agent made a mistake; its log says which")


def _host_of(request: web.Request) -> str:
    try:
        return urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return ""


def _json_response(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
