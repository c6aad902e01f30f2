"""Around every request: browsers are kept out, what goes wrong is said in one shape, all is counted."""

import asyncio
import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from lineside.engine_server.metrics import EngineServerMetrics
from lineside.engine_server.openai_schema import RequestRefused, refusal
from lineside.errors import EngineBusy, EngineError

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


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is said in one shape."""
    try:
        if "Origin" in request.headers:
            raise RequestRefused(403, "browsers have no business here; let the page ask the gateway")
        return await handler(request)
    except RequestRefused as no:
        return refusal(no.status, no.message, no.param, no.code)
    except EngineError as no:
        return refusal(503 if isinstance(no, EngineBusy) else 500, str(no))
    except web.HTTPException as no:
        return refusal(no.status, no.text or no.reason)
    except (ConnectionError, asyncio.CancelledError):
        raise  # the client left
    except Exception as fault:  # a fault of ours: its kind and place are logged, its message may quote a caller
        place = fault.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        log.error("request failed", path=request.path, kind=type(fault).__name__, where=where)
        return refusal(500, f"the engine server failed ({type(fault).__name__}); its log says where")
