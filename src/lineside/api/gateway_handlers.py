"""The operation that tells of all gateways."""

from msgspec import Struct

from lineside.api.api_services import ApiServices
from lineside.api.operation import operation
from lineside.records.gateways import KnownGateway


class GatewaysStatus(Struct, frozen=True):
    """All gateways that share a database."""

    gateways: tuple[KnownGateway, ...]
    heard_seconds_ago: float | None  # from the database; null: this gateway shares none, or has never reached it


@operation("GET", "/api/gateways", group="Gateways")
async def list_gateways(api: ApiServices) -> GatewaysStatus:
    """List the gateways that share RECORDS_URL, a PostgreSQL database, and how they fare."""
    return GatewaysStatus(*api.dependencies.gateways())
