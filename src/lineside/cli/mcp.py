"""`lineside mcp`: what the MCP servers of an agent's file offer, and what to write down of it."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import print_json, say
from lineside.errors import ConfigError


def mcp(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An agent file (TOML).")],
    as_json: JsonOption = False,
) -> None:
    """Ask the MCP servers of an agent file for their tools, and print what to pin of each. Exit code 1 if one fails."""
    from lineside.agents.tools.mcp_listing import OfferedTool, list_servers

    try:
        text = file.read_text("utf-8-sig")
        offered: dict[str, list[OfferedTool]] = asyncio.run(list_servers(text, file.parent, os.environ))
    except (OSError, UnicodeDecodeError, ConfigError) as wrong:
        say(f"{file}: {wrong}", "bold red", error=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"servers": offered})
        return
    for server, tools in offered.items():
        say(server, "bold")
        for each in tools:
            say(f'  {each.name}: schema = "{each.schema}", takes {", ".join(each.takes) or "nothing"}')
            if each.about:
                say(f"    {each.about}", "dim")
    if not offered:
        say(f"{file}: no tool of it is one of an MCP server's")
