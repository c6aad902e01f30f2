"""`lineside check`: whether an agent's file is whole."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lineside.cli.output import say


def check(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Agent files (TOML).")],
) -> None:
    """Check agent files: every mistake with its line. Exit code 1 if there is any."""
    from lineside.agents.file_check import check_agent_file

    wrong = 0
    for file in files:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as cause:
            say(f"{file}: cannot be read: {cause}", "bold red", error=True)
            wrong += 1
            continue
        remarks = check_agent_file(text, os.environ)
        for remark in remarks:
            mistake = remark.kind == "mistake"
            wrong += mistake
            say(f"{file}:{remark.line}: {remark.what}", "bold red" if mistake else "yellow", error=mistake)
        if not any(remark.kind == "mistake" for remark in remarks):
            say(f"{file}: whole")
    if wrong:
        raise typer.Exit(1)
