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
    ('kind = "digits"', 'kind = "digit"', 6, "Invalid enum value"),
    ('kind = "digits"', 'kind = "digits', 6, "no TOML"),
    ('asks = "Which number?"', 'ask = "Which number?"', 7, "no such key"),
    ('asks = "Which number?"', "", 5, "asks is missing"),
    ('kind = "digits"', 'kind = "choice"', 5, "at least two options"),
    ('kind = "digits"', 'kind = "digits"\npattern = "("', 7, "no regular expression"),
    ("{number}\"\ntakes", "{order}\"\ntakes", 11, "{order} is nothing that the tool takes"),
    ("https://erp.example/{number}", "https://{number}.example/", 11, "host must not come from a caller"),
    ("GET https", "FETCH https", 11, "cannot be read"),
    ('confirm = "I book {number}. Shall I?"', "", 16, "needs a read-back"),
    ('confirm = "I book {number}. Shall I?"', 'confirm = "I book {number}."', 20, "must end in a question"),
    ('needs = ["number"]', 'needs = ["numbr"]', 24, "there is no slot numbr; known are number"),
    ('does = "find"', 'does = "fnd"', 25, "there is no tool fnd; known are book, find"),
    ("{status}.", "{state}.", 26, "{state} is no slot of the task and nothing that a tool gives"),
    ("if.not_found", "if.gone", 27, "no tool of the task fails with gone"),
    ('again = "number"', 'again = "day"', 27, "there is no slot day"),
    ('name = "Desk"', 'name = "Desk"\nlanguage = "??"', 2, "is no language"),
    ('prompt = "You answer."', "", 0, "prompt is missing"),
    ("[tools.find]", "[tools.find]\nwithin = 99", 10, "<= 30"),
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
