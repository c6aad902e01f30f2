"""How lineside starts the demonstration's back end beside itself, where the agent's tools ask for it."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from lineside.agents.agent import Agent
from lineside.private_files import private_folder
from lineside.processes.supervisor import Supervisor

ADDRESS = "DEMO_BACKEND_URL"  # as tools name it: "GET ${DEMO_BACKEND_URL}/orders/{order_number}"


def wants_back_end(agent: Agent) -> bool:
    """Whether a tool of this agent is one of the demonstration's."""
    return any(f"${{{ADDRESS}}}" in tool.http for tool in agent.tools.values())


@asynccontextmanager
async def demo_back_end(agent: Agent, folder: Path) -> AsyncGenerator[None, None]:
    """Have one while the block runs, if a tool of the agent names it and the environment does not say where it is.

    Its address is put into the environment, where tools and the processes that hold calls find it. What callers book
    lies in `folder`. Raises `ConfigError` where it does not come up.
    """
    if os.environ.get(ADDRESS) or not wants_back_end(agent):
        yield
        return
    private_folder(folder)

    def argv(port: int) -> list[str]:
        return [sys.executable, "-m", "lineside.demo", "--port", str(port), "--file", str(folder / "demo.db")]

    server = Supervisor("the demonstration's back end", argv, family=True)
    async with server.running():
        os.environ[ADDRESS] = server.url
        try:
            yield
        finally:
            os.environ.pop(ADDRESS, None)
