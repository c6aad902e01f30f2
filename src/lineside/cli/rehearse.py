"""`lineside rehearse`: callers try an agent before people do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import print_json, say

if TYPE_CHECKING:
    from lineside.rehearse.runner import ScenarioResult


def rehearse(
    scenarios: Annotated[Path, typer.Argument(exists=True, help="A file of scenarios, or a folder of them.")],
    runs: Annotated[int, typer.Option(min=1, max=100, help="Calls of each scenario, in slightly other words.")] = 1,
    level: Annotated[str, typer.Option(help="text: typed words and scripted engines, on virtual time.")] = "text",
    only: Annotated[str, typer.Option(help="Scenarios with this in their name or tags.")] = "",
    junit: Annotated[Path | None, typer.Option(help="Write the results as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with the results and conversations.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Try an agent with the callers of these files. Exit code 1: a call went wrong; 2: a file is broken."""
    from msgspec.structs import replace

    from lineside.errors import ConfigError
    from lineside.rehearse.report import write_html, write_junit
    from lineside.rehearse.runner import rehearse as held
    from lineside.rehearse.scenario import load_desk

    if level != "text":
        raise ConfigError(f"--level {level} is not there; text is")
    desk = load_desk(scenarios)
    chosen = tuple(each for each in desk.scenarios if only in each.name or only in each.tags or not only)
    results = held(replace(desk, scenarios=chosen), runs)
    passed, held_calls = sum(result.passed for result in results), sum(len(result.runs) for result in results)
    summary = f"{passed} of {held_calls} calls went as meant (pass^1 {passed / max(1, held_calls):.0%}"
    if runs >= 4:
        summary += f", pass^4 {sum(result.pass_all(4) for result in results) / max(1, len(results)):.0%}"
    summary += f"), {len(results)} scenarios, at text level"
    if as_json:
        print_json({"scenarios": [_told(result) for result in results], "passed": passed, "calls": held_calls})
    else:
        _print(results)
        say(summary)
    if junit is not None:
        write_junit(junit, results)
    if html is not None:
        write_html(html, results, summary)
    if passed < held_calls:
        raise typer.Exit(1)


def _told(result: "ScenarioResult") -> dict[str, object]:
    return {"name": result.scenario.name, "passed": result.passed, "runs": result.runs}


def _print(results: "list[ScenarioResult]") -> None:
    for result in results:
        good = result.passed == len(result.runs)
        say(f"{result.passed}/{len(result.runs)}  {result.scenario.name}", "green" if good else "bold red")
        worst = next((run for run in result.runs if run.failures), None)
        for failure in worst.failures if worst is not None else ():
            say(f"       {failure.kind}: {failure.what}")
