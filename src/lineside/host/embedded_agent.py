"""The host agent beside the gateway: `lineside serve --with NAME` starts it, and the services that were named.

On one machine that is all there is to do; where the gateway lives in a container, the host agent is started by hand.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from lineside.errors import ConfigError
from lineside.host.client import HostAgentClient, HostAgentError
from lineside.processes.supervisor import Supervisor
from lineside.settings import Settings

AGENT_READY_SECONDS = 20.0  # seconds; it loads no model
SHUTDOWN_SECONDS = 15.0  # seconds to end its services in
AGENT_ALONE = "host"  # in place of a service: the host agent, with nothing started


@asynccontextmanager
async def host_agent(settings: Settings, services: Sequence[str]) -> AsyncGenerator[Settings, None]:
    """The settings with the host agent's address, while it runs. Each of `services` is NAME or NAME=MODEL.

    Without any nothing is started. Raises `ConfigError` when one does not come up, with its last lines.
    """
    if not services:
        yield settings
        return
    if settings.host_agent_url:
        raise ConfigError(
            f"--with starts a host agent, and HOST_AGENT_URL={settings.host_agent_url} names one already: "
            "leave one of the two out."
        )
    # Whoever can reach it can start programs here: it asks for a token, of this run where the operator has set none.
    token = settings.host_agent_token or secrets.token_urlsafe(32)
    agent = Supervisor(
        "the host agent",
        lambda port: [sys.executable, "-m", "lineside", "host"],
        ready_within=AGENT_READY_SECONDS,
        grace=SHUTDOWN_SECONDS,
        env={"HOST_AGENT_TOKEN": token},
        hands_socket=True,  # nobody else may answer at its port while it is down: it is told the token
        passes_on=lambda line: print(line, file=sys.stderr, flush=True),
    )
    async with agent.running(), aiohttp.ClientSession() as http:
        asked = HostAgentClient(agent.url, token, http)
        wishes = [wish.partition("=") for wish in services if wish != AGENT_ALONE]
        try:
            await asyncio.gather(*(asked.start(name, model) for name, _, model in wishes))
        except HostAgentError as no:
            raise ConfigError(f"--with: {no}") from None
        yield settings.model_copy(update={"host_agent_url": agent.url, "host_agent_token": token})
