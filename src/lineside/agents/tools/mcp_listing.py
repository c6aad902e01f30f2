"""What the MCP servers offer that an agent's file names: for whoever writes the file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from lineside.agents.declared import Tool
from lineside.agents.tools.environment import NotSet
from lineside.agents.tools.process_tools import ProcessTools
from lineside.agents.tools.tool_processes import ToolProcessError
from lineside.errors import UNREADABLE, ConfigError


class OfferedTool(Struct, frozen=True):
    """A tool of a server's."""

    name: str
    schema: str  # what to write down of it
    takes: tuple[str, ...]
    about: str  # in the server's own words, which nobody else is ever shown


async def list_servers(text: str, folder: Path, environment: Mapping[str, str]) -> dict[str, list[OfferedTool]]:
    """Each server that an agent's file names, by its address or command, with its tools. Raises `ConfigError`.

    Args:
        text: of the file; it need not be whole.
        folder: in which the file lies.
        environment: where its secrets come from.
    """
    try:
        declared = tomllib.loads(text).get("tools", {})
        tools = [msgspec.convert(each, Tool) for each in declared.values() if each.get("mcp")]
    except (AttributeError, *UNREADABLE) as cause:
        raise ConfigError(f"{cause}; try: lineside check") from None
    running, found = ProcessTools(folder, environment), {}
    try:
        for tool in tools:
            name = tool.mcp if isinstance(tool.mcp, str) else " ".join(tool.mcp)
            if name not in found:
                processes = running.processes(tool)
                await processes.prepare()
                found[name] = [
                    OfferedTool(remote, str(each["pin"]), tuple(each["takes"]), str(each["about"]))
                    for remote, each in sorted(processes.tools.items())
                ]
    except (ToolProcessError, OSError, NotSet) as broken:
        raise ConfigError(str(broken)) from None
    finally:
        await running.close()
    return found
