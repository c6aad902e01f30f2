"""Operations on the host: services, GPUs, the last hour."""

from collections.abc import AsyncGenerator

from lineside.api.api_services import ApiServices
from lineside.api.operation import operation
from lineside.api.schemas import AllUnloaded, Log, LogQuery, ServicesStatus, StartService
from lineside.host.machine.values import Machine
from lineside.host.services import Service
from lineside.observability.standing_alert import StandingAlerts
from lineside.observability.trends import Trends

HOST = "Host"
EXAMPLE = "whisper-server"


@operation("GET", "/api/services", group=HOST, errors=(502,))
async def list_services(api: ApiServices) -> ServicesStatus:
    """List the services that the host agent can start and stop, and their state."""
    return await api.services.now()


@operation(
    "POST",
    "/api/services/{name}/start",
    group=HOST,
    errors=(404, 409, 502),
    named=EXAMPLE,
    example={"model": ""},
)
async def start_service(api: ApiServices, name: str, body: StartService) -> Service:
    """Start a service; answers once the service is healthy."""
    return await api.services.start(name, body)


@operation("POST", "/api/services/{name}/stop", group=HOST, errors=(404, 409, 502), named=EXAMPLE)
async def stop_service(api: ApiServices, name: str) -> Service:
    """Stop a service; answers once its processes are gone."""
    return await api.services.stop(name)


@operation("GET", "/api/services/{name}/logs", group=HOST, errors=(404, 409, 502), named=EXAMPLE)
async def service_logs(api: ApiServices, name: str, query: LogQuery) -> Log:
    """Get the last lines of a service's output."""
    return await api.services.logs(name, query)


@operation("GET", "/api/gpu", group=HOST)
async def machine(api: ApiServices) -> Machine:
    """Get GPUs, CPU and memory, at most two seconds old."""
    return await api.machine.now()


@operation("GET", "/api/gpu/stream", group=HOST, streams="sse", pieces=Machine)
async def machine_stream(api: ApiServices) -> AsyncGenerator[bytes, None]:
    """Stream GPUs, CPU and memory, once a second."""
    return await api.machine.watch()


@operation("GET", "/api/trends", group=HOST)
async def trends(api: ApiServices) -> Trends:
    """Get the gateway's last hour: calls, latencies, errors, load. Prometheus has more, and for longer."""
    return api.dependencies.trends()


@operation("GET", "/api/alerts", group=HOST)
async def alerts(api: ApiServices) -> StandingAlerts:
    """Get what is wrong with the gateway: engines that are stood in for, slow answers, work or records that fail."""
    return api.dependencies.alerts()


@operation("POST", "/api/gpu/unload-all", group=HOST)
async def unload_all(api: ApiServices) -> AllUnloaded:
    """Unload all idle models."""
    return await api.models.unload_all()
