"""Runs every kind of tool, each by what its declaration names."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from lineside.agents.declared import Tool
from lineside.agents.tools.http_tools import HttpTools, http_tools
from lineside.agents.tools.outcome import Outcome, Use
from lineside.agents.tools.python_tools import PythonTools


class ToolKinds:
    """Over HTTP, or in a process of the operator's own."""

    def __init__(self, http: HttpTools, python: PythonTools) -> None:
        self._http, self._python = http, python

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        return await (self._python if tool.python else self._http).run(use, tool, key)


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
    python = PythonTools(folder, environment)
    async with http_tools(environment) as http:
        try:
            await python.prepare(tools.values())
            yield ToolKinds(http, python)
        finally:
            await python.close()
