"""Operations on calls that lineside makes."""

import structlog

from lineside.api.api_services import ApiServices
from lineside.api.dependencies import MakesCalls
from lineside.api.errors import ApiError
from lineside.api.operation import operation
from lineside.api.outbound_schemas import DoNotCall, DoNotCallAdded, OutboundCalls, OutboundQuery, PlaceCall
from lineside.errors import CallBlocked, KeyUsedBefore, LinesideError
from lineside.observability.outbound_call import OutboundCall
from lineside.telephone_numbers import why_refused

OUTBOUND = "Calling out"
log = structlog.get_logger()


@operation(
    "POST",
    "/api/calls",
    group=OUTBOUND,
    errors=(409, 429),
    example={"to": "+15550100", "consent": "form of 2026-11-03", "timezone": "America/New_York"},
)
async def place_call(api: ApiServices, body: PlaceCall) -> OutboundCall:
    """Call somebody. 409 where a gate is shut, 429 where it opens by waiting; the message says which."""
    center = _outbound(api)
    try:
        return await center.place(body)
    except CallBlocked as blocked:
        again = f"; again in {blocked.retry_after:.0f} s" if blocked.retry_after else ""
        raise ApiError(429 if blocked.retry_after else 409, blocked.by, f"{blocked}{again}") from blocked
    except KeyUsedBefore as used:
        raise ApiError(409, "key_used", str(used)) from used
    except LinesideError as wrong:
        raise ApiError(409, "not_made", str(wrong)) from wrong
    except OSError as broken:
        log.exception("a call was not made")
        raise ApiError(503, "not_kept", f"nothing was dialled: {broken.strerror or broken}") from broken


@operation("GET", "/api/calls/outbound", group=OUTBOUND, errors=(409,))
async def outbound_calls(api: ApiServices, query: OutboundQuery) -> OutboundCalls:
    """List the newest calls that lineside made or makes; older ones are in the history."""
    return OutboundCalls(tuple(_outbound(api).list(query.limit)))


@operation("GET", "/api/calls/outbound/{id}", group=OUTBOUND, errors=(404, 409), named="5f0c")
async def outbound_call(api: ApiServices, name: str) -> OutboundCall:
    """Get a call that lineside made. POST /api/calls/{id}/end gives it up, or hangs it up."""
    found = _outbound(api).get(name)
    if found is None:
        raise ApiError(404, "unknown_call", f"no call {name!r} was made since the start; the history may have it")
    return found


@operation("POST", "/api/do-not-call", group=OUTBOUND, errors=(409,), example={"number": "+15550100"})
async def do_not_call(api: ApiServices, body: DoNotCall) -> DoNotCallAdded:
    """Never call this number again. The list is DATA_DIR/do-not-call.txt, one number a line."""
    center = _outbound(api)
    if why := why_refused(body.number):
        raise ApiError(409, "bad_number", why)
    try:
        return DoNotCallAdded(body.number, await center.never_call(body.number))
    except LinesideError as full:
        raise ApiError(409, "full", str(full)) from full
    except OSError as broken:
        raise ApiError(503, "not_kept", f"the list cannot be written: {broken.strerror or broken}") from broken


def _outbound(api: ApiServices) -> MakesCalls:
    if api.dependencies.outbound is None:
        raise ApiError(409, "no_lines", "this gateway makes no calls")
    return api.dependencies.outbound
