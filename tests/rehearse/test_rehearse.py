"""Rehearsals: the desk of thirty callers goes as meant, and what goes wrong has a name."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from lineside.cli.main import app
from lineside.errors import ConfigError
from lineside.rehearse.results import ScenarioResult
from lineside.rehearse.scenario import Effect, Expect, RehearsalDesk, Scenario, Tools, _read, load_desk
from lineside.rehearse.text_level import rehearse_by_text as rehearse

DESK = Path(__file__).parents[2] / "bench" / "desk"
DAY = {"order_number": "12345", "restarted": "Yes", "day": "Friday", "part_of_day": "morning", "phone": "555 010 1234"}


def desk() -> RehearsalDesk:
    return load_desk(DESK)


@pytest.mark.parametrize("part", range(6), ids=str)
def test_the_desk_goes_as_meant(part: int) -> None:
    """Every caller as written: what was done outside, what was heard, how the call ended."""
    whole = desk()
    results = rehearse(replace(whole, scenarios=whole.scenarios[part * 5 : part * 5 + 5]))
    assert {result.scenario.name: result.runs[0].failures for result in results if result.runs[0].failures} == {}


def kinds(scenario: Scenario) -> set[str]:
    (result,) = rehearse(replace(desk(), scenarios=(scenario,)))
    return {failure.kind for failure in result.runs[0].failures}


def visit(expect: Expect, **given: object) -> Scenario:
    return replace(Scenario("a visit", opens="I need an engineer.", knows=DAY, expect=expect), **given)


def test_what_goes_wrong_has_a_name() -> None:
    """A visit that is booked where none was expected, words that were not heard, a slot with another value."""
    expect = Expect(
        no_tools=("book_visit",),
        slots={"day": "2026-12-05"},
        heard=("free of charge",),
        never_said=("booked",),
        turns_most=3,
    )
    assert kinds(visit(expect)) == {"forbidden_tool", "state", "wrong_slot", "not_heard", "forbidden_words", "loop"}


def test_a_tool_that_was_not_used_and_a_call_that_ended_otherwise() -> None:
    """As asked for."""
    scenario = Scenario("bye", caller=("Goodbye.",), expect=Expect(tools=(Tools("book_visit"),), ends="caller_silent"))
    assert kinds(scenario) == {"no_tool", "end"}


def test_a_write_that_answers_late_costs_no_silence() -> None:
    """Seven seconds of a slow back end are covered."""
    slow = {"book_visit": Effect("order_number", adds="visits", gives={"reference": "B47"}, takes=7.0)}
    state = {"visits": {"12345": {"day": "2026-12-04", "part_of_day": "morning", "phone": "+15550101234"}}}
    assert kinds(visit(Expect(tools=(Tools("book_visit"),), state=state), tools=slow)) == set()


def test_the_same_beginning_of_a_number_twice_is_asked_for_in_other_words() -> None:
    """ "Go on, please." for ever helps nobody whose digits are misheard the same way each time."""
    lines = ("Where is my order?", "One two three", "One two three", "12345", "No.")
    heard = ("Go on, please", "I need the five digits", "December 3")
    expect = Expect(tools=(Tools("find_order", {"order_number": "12345"}),), heard=heard)
    assert kinds(Scenario("the same again", caller=lines, expect=expect)) == set()


def test_pass_k_is_the_chance_that_all_go_well() -> None:
    """C(passed, k) / C(runs, k)."""
    (result,) = rehearse(replace(desk(), scenarios=(desk().scenarios[0],)), runs=1)
    good, bad = result.runs[0], replace(result.runs[0], failures=(object(),))
    assert ScenarioResult(result.scenario, (good, good, good, bad)).pass_all(2) == 0.5


def test_a_file_that_is_broken_is_named(tmp_path: Path) -> None:
    """A wrong key, an agent that is not there, a tool that it does not have."""
    agent = (DESK / "agent.toml").read_text("utf-8")
    (tmp_path / "agent.toml").write_text(agent)
    file = tmp_path / "calls.toml"
    for text, says in (
        ('agent = "agent.toml"\n[[scenario]]\nname = "a"\ncalls = 1\n', "calls"),
        ('agent = "none.toml"\n[[scenario]]\nname = "a"\nopens = "b"\n', "none.toml"),
        ('agent = "agent.toml"\n[[scenario]]\nname = "a"\nopens = "b"\nknows = { colour = "red" }\n', "no colour"),
        ('agent = "agent.toml"\n[[scenario]]\nname = "a"\n', "either caller or opens"),
        ("nothing = 1", r"no file with a \[\[scenario\]\]"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=says):
            load_desk(tmp_path)


def test_the_command_writes_its_reports(tmp_path: Path) -> None:
    """JUnit for a build server, a page for people, and an exit code."""
    junit, page = tmp_path / "out.xml", tmp_path / "out.html"
    told = CliRunner().invoke(
        app, ["rehearse", str(DESK), "--only", "two breaths", "--junit", str(junit), "--html", str(page)]
    )
    assert told.exit_code == 0, told.output
    assert "1 of 1 calls went as meant" in told.output
    suite = ElementTree.parse(junit).getroot()  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    assert "four five." in page.read_text("utf-8")


def test_a_rehearsal_of_no_scenario_does_not_pass() -> None:
    """A name that nothing has is named."""
    told = CliRunner().invoke(app, ["rehearse", str(DESK), "--only", "a parrot"])
    assert told.exit_code != 0
    assert "no scenario has this in its name" in str(told.exception or told.output)


def test_scenarios_may_begin_with_a_byte_order_mark_and_lists_without_end_are_named(tmp_path: Path) -> None:
    """By their file, without a traceback."""
    file = tmp_path / "scenarios.toml"
    file.write_bytes(b"\xef\xbb\xbf[[scenario]]\n")
    assert _read(file) == {"scenario": [{}]}
    file.write_text("x = " + "[" * 5000)
    with pytest.raises(ConfigError, match=r"scenarios\.toml: maximum recursion depth"):
        _read(file)
