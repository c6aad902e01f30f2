"""`lineside check`: whether an agent's file is whole."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import print_json, say


def check(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Agent files (TOML).")],
    as_json: JsonOption = False,
) -> None:
    """Check agent files: every mistake with its line. Exit code 1 if there is any."""
    from lineside.agents.file_check import Remark, check_agent_file

    found: dict[str, list[Remark]] = {}
    for file in files:
        try:
            found[str(file)] = check_agent_file(file.read_text("utf-8-sig"), os.environ, _beside(file))
        except (OSError, UnicodeDecodeError) as cause:
            found[str(file)] = [Remark(0, f"cannot be read: {cause}")]
    if as_json:
        print_json({"files": found})
    else:
        for name, remarks in found.items():
            for remark in remarks:
                mistake = remark.kind == "mistake"
                where = f"{name}:{remark.line}" if remark.line else name
                say(f"{where}: {remark.what}", "bold red" if mistake else "yellow", error=mistake)
            if not any(remark.kind == "mistake" for remark in remarks):
                say(f"{name}: whole")
    if any(remark.kind == "mistake" for remarks in found.values() for remark in remarks):
        raise typer.Exit(1)


def _beside(file: Path) -> Callable[[str], str]:
    """Reads files by their path from this one's folder."""
    return lambda other: (file.parent / other).read_text("utf-8-sig")
