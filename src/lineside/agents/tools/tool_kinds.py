"""Runs every kind of tool, each by what its declaration names."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from lineside.agents.declared import Tool
from lineside.agents.tools.http_tools import HttpTools, http_tools
from lineside.agents.tools.outcome import Outcome, Use
from lineside.agents.tools.process_tools import ProcessTools


class ToolKinds:
    """Over HTTP, or in a process of its own."""

    def __init__(self, http: HttpTools, processes: ProcessTools) -> None:
        self._http, self._processes = http, processes

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        return await (self._http if tool.http else self._processes).run(use, tool, key)


@asynccontextmanager
async def all_tools(
    folder: Path, environment: Mapping[str, str], tools: Mapping[str, Tool]
) -> AsyncGenerator[ToolKinds, None]:
    """What runs the tools of agents, while the block runs. Raises `ConfigError` where one of these cannot run.

    Args:
        folder: of the agent's file.
        environment: where the secrets come from that tools name.
        tools: of the agent that answers first; others are made ready when they are first called.
    """
    processes = ProcessTools(folder, environment)
    async with http_tools(environment) as http:
        try:
            await processes.prepare(tools)
            yield ToolKinds(http, processes)
        finally:
            await processes.close()
