"""Broken agent files: each mistake is found, with its line."""

from pathlib import Path

import pytest

import lineside
from lineside.agents.file_check import check_agent_file

WHOLE = """\
name = "Desk"
prompt = "You answer."
greeting = "This is an automated assistant."

[slots.number]
kind = "digits"
asks = "Which number?"

[tools.find]
about = "Finds it."
http = "GET https://erp.example/{number}"
takes = { number = {} }
gives = { status = "text" }
fails = { 404 = "not_found" }

[tools.book]
about = "Books it."
http = "POST https://erp.example/visits"
takes = { number = {} }
confirm = "I book {number}. Shall I?"

[tasks.status]
when = ["where is it"]
needs = ["number"]
does = "find"
says = "It is {status}."
if.not_found = { says = "There is none.", again = "number" }
"""

BROKEN = [
    ('kind = "digits"', 'kind = "digit"', 6, "there is no 'digit'; known are amount, choice,"),
    ('kind = "digits"', 'kind = "digits', 6, "no TOML"),
    ('asks = "Which number?"', 'ask = "Which number?"', 7, "there is no such key; did you mean asks?"),
    ('asks = "Which number?"', "", 5, "asks is missing"),
    ('kind = "digits"', 'kind = "choice"', 5, "at least two options"),
    ('kind = "digits"', 'kind = "digits"\npattern = "("', 7, "no regular expression"),
    ("{number}\"\ntakes", "{order}\"\ntakes", 11, "{order} is nothing that the tool takes"),
    ("https://erp.example/{number}", "https://{number}.example/", 11, "host must not come from a caller"),
    ("GET https", "FETCH https", 11, "cannot be read"),
    ("GET https://erp.example/", "GET https://erp.example:99999/", 11, "its host cannot be read: Port out of range"),
    ("GET https://erp.example/", "GET https://[::1/", 11, "its host cannot be read: Invalid IPv6"),
    ("GET https://erp.example/", "GET https:///", 11, "names no host"),
    ("404 =", "'\uff14\uff10\uff14' =", 14, "is no status of HTTP; write one such as 404"),
    ("gives = {", "headers = { 'A B' = 'x' }\ngives = {", 13, '"A B" is no name of a header'),
    ("gives = {", 'headers = { A = "x\\r\\nB: y" }\ngives = {', 13, "A has a line break"),
    ('name = "Desk"', f'name = "Desk"\nqqqq = {"1" * 5000}', 0, "cannot be read: Exceeds the limit"),
    ('name = "Desk"', f'name = "Desk"\nqqqq = {"[" * 5000}', 0, "cannot be read: maximum recursion"),
    ('confirm = "I book {number}. Shall I?"', "", 16, "needs a read-back"),
    ('confirm = "I book {number}. Shall I?"', 'confirm = "I book {number}."', 20, "must end in a question"),
    ('needs = ["number"]', 'needs = ["numbr"]', 24, "there is no slot numbr; known are number"),
    ('does = "find"', 'does = "fnd"', 25, "there is no tool fnd; known are book, find"),
    ("{status}.", "{state}.", 26, "{state} is no slot of the task and nothing that a tool gives"),
    ("if.not_found", "if.gone", 27, "no tool of the task fails with gone"),
    ('again = "number"', 'again = "day"', 27, "there is no slot day"),
    ('name = "Desk"', 'name = "Desk"\nlanguage = "??"', 2, "is no language"),
    ('prompt = "You answer."', "", 0, "prompt is missing"),
    ("[tools.find]", "[tools.find]\nwithin = 99", 10, "Expected a number <= 30"),
    ("[tools.find]", "[tools.find]\nheaders = 'x'", 10, "Expected a table, got text"),
    ("takes = { number = {} }\ngives", "takes = { number = { fro = 'said' } }\ngives", 12, "did you mean from?"),
    ('gives = { status = "text" }', "gives = { status = 'txt' }", 13, "there is no 'txt'; known are "),
    ("[tools.find]", "[limits]\nrounds_a_turn = 'x'\n[tools.find]", 10, "Expected a whole number, got text"),
    ('name = "Desk"', 'name = "Desk"\nqqqq = 1', 2, "there is no such key"),
    ("gives = {", 'headers = { A = "${NOT_SET}" }\ngives = {', 13, "NOT_SET is not set"),
    ("an automated assistant", "Harbour", 3, "does not say that a machine answers"),
]  # fmt: skip


def test_a_whole_file_has_no_mistake() -> None:
    """Neither this one nor the demonstration's."""
    assert check_agent_file(WHOLE, {}) == []
    demo = (Path(lineside.__file__).parent / "data" / "broadband.toml").read_text("utf-8")
    assert check_agent_file(demo, {}) == []


@pytest.mark.parametrize(
    ("right", "wrong", "line", "says"), BROKEN, ids=[f"{line}-{says[:20]}" for *_, line, says in BROKEN]
)
def test_each_mistake_is_found_at_its_line(right: str, wrong: str, line: int, says: str) -> None:
    """One change that breaks the file, and what is said of it."""
    assert right in WHOLE
    remarks = check_agent_file(WHOLE.replace(right, wrong, 1), {})
    assert [(each.line, says in each.what) for each in remarks[:1]] == [(line, True)], remarks


PYTHON = """\
name = "Desk"
prompt = "You answer."
greeting = "This is an automated assistant."

[slots.number]
kind = "digits"
asks = "Which number?"

[tools.find]
about = "Finds it."
python = "tools/desk.py:find"
effect = "reads"
takes = { number = {} }
gives = { status = "text" }
"""
SOURCE = "def find(number: int): return {}\n"
BROKEN_PYTHON = [
    ("", "", "def find(number: int:", 11, "tools/desk.py: line 1: invalid syntax"),
    ("", "", "def fnd(number: int): ...", 11, "tools/desk.py: it has no function find; known are fnd"),
    ("", "", "def find(number): ...", 11, "line 1: number: has no annotation"),
    ("", "", "def find(number: list[str]): ...", 11, 'number: "list[str]" is no annotation'),
    ("", "", "def find(number: int, day: str): ...", 11, "find needs day, which the tool does not take"),
    ("", "", "def find(): ...", 11, "find has no parameter number"),
    ("", "", "def find(*number: int): ...", 11, "by their names only"),
    ("tools/desk.py:find", "tools/gone.py:find", SOURCE, 11, "tools/gone.py: No such file"),
    ("tools/desk.py:find", "os:system", SOURCE, 11, "cannot be read; write"),
    ("tools/desk.py:find", "tools/../../x.py:find", SOURCE, 11, "cannot be read; write"),
    ('"tools/desk.py:find"', '"tools/desk.py:find"\nhttp = "GET https://a.example/"', SOURCE, 9, "give one of http"),
    ('python = "tools/desk.py:find"\n', "", SOURCE, 9, "give one of http"),
    ('"tools/desk.py:find"', '"tools/desk.py:find"\nprivate = true', SOURCE, 12, "is not for python"),
    ('effect = "reads"\n', "", SOURCE, 9, "needs a read-back"),
    ('effect = "reads"', 'effect = "reads"\nenvironment = ["A-B"]', SOURCE, 13, "matching regex"),
    ('effect = "reads"', 'effect = "reads"\nenvironment = ["NOT_SET"]', SOURCE, 13, "NOT_SET is not set"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("right", "wrong", "source", "line", "says"), BROKEN_PYTHON, ids=[says[-24:] for *_, says in BROKEN_PYTHON]
)
def test_a_mistake_in_a_python_tool_is_found_without_running_it(
    tmp_path: Path, right: str, wrong: str, source: str, line: int, says: str
) -> None:
    """In the agent's file or in the function's own, with both lines."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "desk.py").write_text(f"{source}\nraise SystemExit('it was run')\n")
    text = PYTHON.replace(right, wrong, 1) if right else PYTHON
    remarks = check_agent_file(text, {}, lambda file: (tmp_path / file).read_text("utf-8"))
    assert [(each.line, says in each.what) for each in remarks[:1]] == [(line, True)], remarks


def test_the_example_with_python_tools_is_whole() -> None:
    """Its agent's file and the functions that it names."""
    folder = Path(__file__).parents[2] / "examples" / "python-tools"
    text = (folder / "agent.toml").read_text("utf-8")
    assert not check_agent_file(text, {"COURIERS_TOKEN": "x"}, lambda file: (folder / file).read_text("utf-8"))
