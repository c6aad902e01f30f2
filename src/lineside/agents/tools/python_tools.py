"""Python tools: functions of the operator's own, run in processes that may hang or die without any call noticing.

They lie in files below the folder of the agent's file, in a folder called `tools`. Only functions written in such a
file are run, with the arguments that the agent's file declares, as their annotations want them. Of what they return the
declared values are used; of what they raise, the kind alone.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from lineside.agents.declared import Tool
from lineside.agents.tools.outcome import Outcome, OutcomeKind, Use
from lineside.agents.tools.projected import declared_values
from lineside.agents.tools.python_processes import (
    NotStarted,
    ToolProcessError,
    ToolProcesses,
    environment_for,
)
from lineside.agents.tools.python_source import file_and_function
from lineside.errors import ConfigError

log = structlog.get_logger()


class PythonTools:
    """Runs tools that are declared with `python`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """`folder`: of the agent's file; `environment`: has the secrets that tools name."""
        self._folder, self._environment = folder, environment
        self._processes: dict[tuple[str, tuple[str, ...]], ToolProcesses] = {}  # bounded by the files that agents name

    async def prepare(self, tools: Iterable[Tool]) -> None:
        """Have a process of every file ready, so that no caller waits for it. Raises `ConfigError`."""
        for tool in (tool for tool in tools if tool.python):
            try:
                await self._of(file_and_function(tool.python)[0], tool).prepare()
            except (ToolProcessError, OSError) as broken:
                raise ConfigError(f"{tool.python}: {broken}; try: lineside check") from None

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        began = time.monotonic()
        outcome = await self._run(use, tool, key)
        return msgspec.structs.replace(outcome, ms=round((time.monotonic() - began) * 1000, 1))

    async def _run(self, use: Use, tool: Tool, key: str) -> Outcome:
        broken: OutcomeKind = "unknown" if tool.writes else "failed"
        if missing := sorted(name for name in tool.environment if not self._environment.get(name)):
            return Outcome("refused", why=f"{missing[0]} is not set")
        try:
            file, function = file_and_function(tool.python)
        except ValueError as wrong:
            return Outcome("refused", why=str(wrong))
        try:
            call = {"function": function, "arguments": use.arguments, "key": key, "gives": list(tool.gives)}
            async with asyncio.timeout(tool.within):
                return _outcome(await self._of(file, tool).call(call), use, tool)
        except NotStarted as why:
            return Outcome("refused", why=str(why))
        except TimeoutError:
            return Outcome("timeout", why=f"no answer within {tool.within:g} s")
        except (ToolProcessError, OSError) as fault:
            return Outcome(broken, why=str(fault))

    def _of(self, file: str, tool: Tool) -> ToolProcesses:
        of = (file, tuple(sorted(tool.environment)))
        if of not in self._processes:
            self._processes[of] = ToolProcesses(
                self._folder / file, environment_for(tool.environment, self._environment)
            )
        return self._processes[of]

    async def close(self) -> None:
        """End the processes."""
        for processes in self._processes.values():
            with suppress(ProcessLookupError):
                await processes.close()


def _outcome(said: Mapping[str, object], use: Use, tool: Tool) -> Outcome:
    """What of a process's answer counts."""
    if isinstance(refused := said.get("refused"), str):
        return Outcome("refused", why=refused)
    if isinstance(raised := said.get("raised"), list) and raised:
        named = next((tool.fails[str(kind)] for kind in raised if str(kind) in tool.fails), None)
        if named is not None:
            return Outcome("failed", why=named)
        log.warning("a tool raised", tool=use.tool, error=str(raised[0]), at=str(said.get("at")))
        return Outcome("unknown" if tool.writes else "failed", why=f"{raised[0]} at {said.get('at')}")
    gives = said.get("gives")
    if not isinstance(gives, dict):  # what writes has been done all the same; nothing is known of it
        return Outcome("ok") if tool.writes or not tool.gives else Outcome("failed", why="it returned no values")
    return declared_values(gives, tool)
