"""Operations that take a gateway out of service without losing a call."""

from lineside.api.api_services import ApiServices
from lineside.api.dependencies import Drains
from lineside.api.errors import ApiError
from lineside.api.operation import operation
from lineside.api.schemas import BeginDrain
from lineside.observability.drain_status import DrainStatus

DRAIN = "Drain"


@operation("GET", "/api/drain", group=DRAIN)
async def get_drain(api: ApiServices) -> DrainStatus:
    """Get whether the gateway drains, and how many calls are up."""
    return _drain(api).status()


@operation("POST", "/api/drain", group=DRAIN, example={"within_s": 300})
async def begin_drain(api: ApiServices, body: BeginDrain) -> DrainStatus:
    """Take no more calls: new ones get 503, SIP too, and GET /ready says 503. Those that are up go on."""
    drain = _drain(api)
    drain.begin(body.within_s)
    return drain.status()


@operation("DELETE", "/api/drain", group=DRAIN)
async def undo_drain(api: ApiServices) -> DrainStatus:
    """Take calls again."""
    drain = _drain(api)
    drain.undo()
    return drain.status()


def _drain(api: ApiServices) -> Drains:
    if api.dependencies.drain is None:
        raise ApiError(503, "no_drain", "this gateway cannot drain")
    return api.dependencies.drain
