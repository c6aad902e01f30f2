"""Tools in processes that may hang or die without any call noticing: Python functions, and tools of MCP servers.

Python functions lie in files of the folder `tools` beside the agent's file. Only functions written in such a file are
run. An MCP server is reached over HTTP or started as a command; of its tools only those are called that the agent's
file declares, and only while their schemas are what was pinned there. Arguments are those that the file declares; of
what comes back the declared values are used, and of what is raised the kind alone.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from lineside.agents.declared import Tool
from lineside.agents.tools import mcp_process, tool_process
from lineside.agents.tools.deadline import by_deadline
from lineside.agents.tools.environment import NotSet, filled_from
from lineside.agents.tools.outcome import Outcome, Use, broken_off
from lineside.agents.tools.projected import declared_values
from lineside.agents.tools.python_source import file_and_function
from lineside.agents.tools.tool_processes import NotStarted, ToolProcessError, ToolProcesses, environment_for
from lineside.errors import ConfigError

log = structlog.get_logger()


class ProcessTools:
    """Runs tools that are declared with `python` or `mcp`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """`folder`: of the agent's file; `environment`: has the secrets that tools name."""
        self._folder, self._environment = folder, environment
        self._processes: dict[object, ToolProcesses] = {}  # bounded by the files and servers that agents name

    async def prepare(self, tools: Mapping[str, Tool]) -> None:
        """Have a process of every file and server ready, so that no caller waits for it.

        Raises `ConfigError` where one does not start, or where a server's tool is not what was pinned.
        """
        for name, tool in ((name, tool) for name, tool in tools.items() if tool.python or tool.mcp):
            try:
                processes = self.processes(tool)
                await processes.prepare()
            except (ToolProcessError, OSError, NotSet) as broken:
                raise ConfigError(f"tools.{name}: {broken}") from None
            if tool.mcp and (wrong := _not_as_pinned(tool.remote or name, tool, processes.tools)):
                raise ConfigError(f"tools.{name}: {wrong}")

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        return await by_deadline(tool, self._run(use, tool, key))

    async def _run(self, use: Use, tool: Tool, key: str) -> Outcome:
        try:
            function = file_and_function(tool.python)[1] if tool.python else tool.remote or use.tool
            processes = self.processes(tool)
        except ValueError as wrong:
            return Outcome("refused", why=str(wrong))
        call = {"function": function, "arguments": use.arguments, "key": key}
        try:
            said = await processes.call(call | {"gives": list(tool.gives), "pin": tool.schema})
        except NotStarted as why:
            return Outcome("refused", why=str(why))
        except TimeoutError:
            raise  # it is an OSError, too
        except (ToolProcessError, OSError) as fault:
            return broken_off(tool, str(fault))
        return _outcome(said, use, tool)

    def processes(self, tool: Tool) -> ToolProcesses:
        """Those that run it. Raises `NotSet`, and `ValueError` where it cannot be read."""
        program = file_and_function(tool.python)[0] if tool.python else tool.mcp
        of = (program, tuple(sorted(tool.environment)), tuple(sorted(tool.headers.items())), tool.private)
        if of not in self._processes:
            environment = environment_for(tool.environment, self._environment)
            if isinstance(program, str) and tool.python:
                begin: dict[str, object] = {"file": str(self._folder / program)}
                running = ToolProcesses(tool_process.__file__, Path(program).name, begin, environment)
            else:
                running = ToolProcesses(mcp_process.__file__, "the MCP server", self._server(tool), environment)
            self._processes[of] = running
        return self._processes[of]

    def _server(self, tool: Tool) -> dict[str, object]:
        """Where a tool's MCP server is, and how it is spoken to."""
        command = [filled_from(part, self._environment) for part in tool.mcp] if isinstance(tool.mcp, tuple) else []
        return {
            "command": command,
            "url": filled_from(tool.mcp, self._environment) if isinstance(tool.mcp, str) else "",
            "headers": {name: filled_from(value, self._environment) for name, value in tool.headers.items()},
            "private": tool.private,
            "within": tool.within,
            "environment": {name: self._environment[name] for name in tool.environment},
        }

    async def close(self) -> None:
        """End the processes."""
        for processes in self._processes.values():
            with suppress(ProcessLookupError):
                await processes.close()


def _not_as_pinned(name: str, tool: Tool, offered: Mapping[str, Mapping[str, object]]) -> str:
    """What is wrong with a server's tool; empty: nothing."""
    if name not in offered:
        return f"the server has no tool {name}; it has {', '.join(sorted(offered)) or 'none'}"
    pin, takes = offered[name].get("pin"), offered[name].get("takes")
    if pin != tool.schema:
        return f'the schema of {name} is not the one that was looked at; when you have, write schema = "{pin}"'
    lacking = sorted(tool.takes.keys() - set(takes)) if isinstance(takes, list) else []
    return f"{name} does not take {', '.join(lacking)}" if lacking else ""


def _outcome(said: Mapping[str, object], use: Use, tool: Tool) -> Outcome:
    """What of a process's answer counts."""
    if isinstance(refused := said.get("refused"), str):
        return Outcome("refused", why=refused)
    if isinstance(raised := said.get("raised"), list) and raised:
        named = next((tool.fails[str(kind)] for kind in raised if str(kind) in tool.fails), None)
        if named is not None:
            return Outcome("failed", why=named)
        log.warning("a tool raised", tool=use.tool, error=str(raised[0]), at=str(said.get("at")))
        return broken_off(tool, f"{raised[0]} at {said.get('at')}")
    gives = said.get("gives")
    if not isinstance(gives, dict):  # what writes has been done all the same; nothing is known of it
        return Outcome("ok") if tool.writes or not tool.gives else Outcome("failed", why="it returned no values")
    return declared_values(gives, tool)
