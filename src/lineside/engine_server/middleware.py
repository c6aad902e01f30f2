"""Around every request: browsers are kept out, what goes wrong is said in one shape, all is counted."""

import asyncio
import base64
import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from lineside.engine_server.launch import SECRET
from lineside.engine_server.metrics import EngineServerMetrics
from lineside.engine_server.openai_schema import RequestRefused, refusal
from lineside.errors import EngineBusy, EngineError
from lineside.settings import LOOPBACK

log = structlog.get_logger()


def counted(metrics: EngineServerMetrics) -> Middleware:
    """Count each request, and how long it took."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, status = time.monotonic(), 499  # as nginx has it for a client that left
        try:
            answer = await handler(request)
            status = answer.status
            return answer
        finally:
            resource = request.match_info.route.resource
            metrics.add(resource.canonical if resource else "other", status, time.monotonic() - began)

    return count


class Access:
    """Who may ask: programs that know the secret, and no page of a browser; `/health` is open to programs without.

    Without a secret every program that reaches the server may.
    """

    def __init__(self, secret: str) -> None:
        basic = base64.b64encode(f"lineside:{secret}".encode()).decode()
        self._open, self._known = not secret, (f"Basic {basic}".encode(), f"Bearer {secret}".encode())

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """By the head of a request; its body need not have been read. Raises `RequestRefused`."""
        if "Origin" in headers:
            raise RequestRefused(403, "requests with an Origin header are refused; use the gateway's API")
        given = headers.get("Authorization", "").encode(errors="surrogateescape")
        matches = [hmac.compare_digest(given, one) for one in self._known]
        if not (self._open or path == "/health" or any(matches)):
            raise RequestRefused(
                401, f"the secret is missing or wrong: it is what {SECRET} was when the server started"
            )


def allowed(secret: str, *, only_this_machine: bool) -> Middleware:
    """Let in whom `Access` lets in; `only_this_machine`: under no other name than localhost."""
    access = Access(secret)

    @web.middleware
    async def allow(request: web.Request, handler: Handler) -> web.StreamResponse:
        if only_this_machine and _name(request.host) not in LOOPBACK:
            return refusal(403, "this engine server answers as localhost only")
        try:
            access.check(request.path, request.headers)
        except RequestRefused as no:
            return refusal(no.status, no.message)
        return await handler(request)

    return allow


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is said in one shape."""
    try:
        return await handler(request)
    except RequestRefused as no:
        return refusal(no.status, no.message, no.param, no.code)
    except EngineError as no:
        return refusal(503 if isinstance(no, EngineBusy) else 500, str(no))
    except web.HTTPException as no:
        return refusal(no.status, no.text or no.reason)
    except RecursionError:
        return refusal(400, "the body is nested too deeply")
    except (ConnectionError, asyncio.CancelledError):
        raise  # the client left
    except Exception as fault:  # a fault of ours: its kind and place are logged, its message may quote a caller
        place = fault.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        log.error("request failed", path=request.path, kind=type(fault).__name__, where=where)
        return refusal(500, f"the engine server failed ({type(fault).__name__}); its log says where")
