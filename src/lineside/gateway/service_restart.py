"""A service that the host agent runs, started again where an engine says that it is well and does not do its work."""

import structlog

from lineside.host.client import HostAgentClient, HostAgentError

log = structlog.get_logger()


class ServiceRestart:
    """Restarts the service that has an engine's name. Called by whichever process notices; the first restarts it."""

    def __init__(self, host: HostAgentClient) -> None:
        self._host = host

    async def __call__(self, role: str, engine: str) -> None:
        """Restart it, if it is one of the host agent's and runs."""
        try:
            found = [one for one in await self._host.services() if one.name == engine and one.state == "ready"]
            for service in found:
                if service.pid is not None:
                    await self._host.restart(engine, service.pid)
        except HostAgentError as no:
            log.warning("service not restarted", role=role, engine=engine, why=no.code)
