"""`lineside check` on the ten broken files of the examples, and on a whole one."""

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from lineside.agents.agent import load_agent
from lineside.cli.main import app

FOLDER = Path(__file__).parents[2] / "examples" / "broken-agents"
FILES = sorted(FOLDER.glob("*.toml"))
NAMED = {
    "failure": "no tool of the task fails with gone",
    "host": "host must not come from a caller",
    "key": "lenght: there is no such key; did you mean length?",
    "kind": "there is no 'digit'; known are amount, choice",
    "pattern": "no regular expression",
    "place": "{state} is no slot of the task",
    "read-back": "must end in a question",
    "slot": "there is no slot numbr; known are number",
    "toml": "this is no TOML",
    "tool": "there is no tool fnd; known are book, find",
}


def test_ten_broken_files_are_each_named_with_the_line_of_the_mistake() -> None:
    """All in one command; the line is the one that the file itself calls broken."""
    told = CliRunner().invoke(app, ["check", "--json", *map(str, FILES)])
    assert told.exit_code == 1
    found = json.loads(told.stdout)["files"]
    assert len(found) == len(FILES) == len(NAMED) == 10
    for file in FILES:
        remarks = found[str(file)]
        marked = [number for number, line in enumerate(file.read_text().splitlines(), 1) if "# broken:" in line]
        assert remarks[0]["line"] == (marked or [7])[0], file.name  # the one that is no TOML cannot say so
        assert NAMED[file.stem] in remarks[0]["what"], file.name


def test_a_mistake_is_shown_as_editors_find_it_and_a_whole_file_is_called_whole() -> None:
    """`file:line: what`."""
    broken = CliRunner().invoke(app, ["check", str(FOLDER / "tool.toml")])
    assert re.search(r"tool\.toml:25:\s+tasks\.status\.does: there\s+is\s+no\s+tool\s+fnd", broken.output)
    whole = CliRunner().invoke(app, ["check", str(FOLDER.parents[1] / "bench" / "desk" / "agent.toml")])
    assert whole.exit_code == 0
    assert "whole" in whole.output


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """And the others are checked all the same."""
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    told = CliRunner().invoke(app, ["check", str(tmp_path / "odd.toml"), str(FILES[0])])
    assert told.exit_code == 1
    assert "cannot be read" in told.output
    assert "gone" in told.output


def test_a_file_with_a_byte_order_mark_and_line_ends_of_windows_is_whole(tmp_path: Path) -> None:
    """As an editor there writes the agent's file and that of its Python tool. A start reads it, too."""
    source = FOLDER.parent / "python-tools"
    (tmp_path / "tools").mkdir()
    for file in ("agent.toml", *(str(each.relative_to(source)) for each in (source / "tools").glob("*.py"))):
        text = (source / file).read_text("utf-8").replace("\n", "\r\n")
        (tmp_path / file).write_bytes(b"\xef\xbb\xbf" + text.encode())
    told = CliRunner().invoke(app, ["check", str(tmp_path / "agent.toml")])
    assert told.exit_code == 0, told.output
    assert load_agent(tmp_path / "agent.toml") == load_agent(source / "agent.toml")
