"""The host agent's services, passed on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lineside.api.dependencies import ApiDependencies, HostServices
from lineside.api.errors import ApiError
from lineside.api.schemas import Log, LogQuery, ServicesStatus, StartService
from lineside.host.client import HostAgentError
from lineside.host.services import Service

PASSED_ON = (404, 409, 502, 503)  # what the host agent says no with; all else is a fault between it and us


class ServiceOperations:
    """What the host agent may start and stop. Every method raises `ApiError`."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._host = dependencies.host

    async def now(self) -> ServicesStatus:
        """All of them."""
        async with self._asking() as host:
            return ServicesStatus(tuple(await host.services()))

    async def start(self, name: str, how: StartService) -> Service:
        """Start one; it is healthy when this is back."""
        async with self._asking() as host:
            return await host.start(name, how.model)

    async def stop(self, name: str) -> Service:
        """Stop one."""
        async with self._asking() as host:
            return await host.stop(name)

    async def logs(self, name: str, many: LogQuery) -> Log:
        """What one printed last."""
        async with self._asking() as host:
            return Log(tuple(await host.logs(name, many.lines)))

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[HostServices, None]:
        try:
            yield self._host
        except HostAgentError as why:
            if why.code == "host_agent_silent":
                raise ApiError(503, "no_host_agent", f"{why}; check the output of `lineside host` there") from why
            status = why.status if why.status in PASSED_ON else 502
            raise ApiError(status, why.code, str(why)) from why
