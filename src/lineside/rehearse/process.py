"""A rehearsal as a process of its own: `python -m lineside.rehearse.process SCENARIOS`.

It is told a `RehearsalOrder` on standard input, and prints a `RehearsedScenario` a line. The gateway starts it for the
page; it computes for as long as it takes, at a lower priority than the calls.
"""

import os
import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace

from lineside.api.rehearsal_values import RehearsalFault, RehearsalOrder, RehearsedLine, RehearsedScenario
from lineside.errors import UNREADABLE, LinesideError
from lineside.rehearse.results import ScenarioResult
from lineside.rehearse.scenario import RehearsalDesk, load_desk, undeclared
from lineside.rehearse.text_level import rehearse_by_text

NICE = 10  # below the calls
LONGEST_ORDER = 1 << 20  # bytes


def main() -> int:
    """Rehearse what the order says; 2: the order or the scenarios cannot be read."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    try:
        order = msgspec.json.decode(sys.stdin.buffer.read(LONGEST_ORDER), type=RehearsalOrder)
        desk = replace(load_desk(Path(sys.argv[1])), agent=order.agent)
    except (*UNREADABLE, LinesideError) as wrong:
        print(wrong)
        return 2
    for scenario in desk.scenarios:
        if scenario.name in order.only:
            told = _rehearsed(replace(desk, scenarios=(scenario,)), order.runs)
            print(msgspec.json.encode(told).decode(), flush=True)
    return 0


def _rehearsed(desk: RehearsalDesk, runs: int) -> RehearsedScenario:
    (scenario,) = desk.scenarios
    if missing := undeclared(desk.agent, scenario):
        fault = RehearsalFault("not_run", f"the agent has no {', '.join(sorted(missing))}")
        return RehearsedScenario(scenario.name, 0, runs, (fault,))
    (result,) = rehearse_by_text(desk, runs)
    return for_the_page(result)


def for_the_page(result: ScenarioResult) -> RehearsedScenario:
    """Of the calls that went wrong the first is told whole."""
    call = next((run for run in result.runs if run.failures), result.runs[0])
    return RehearsedScenario(
        result.scenario.name,
        result.passed,
        len(result.runs),
        tuple(RehearsalFault(fault.kind, fault.what) for fault in call.failures),
        tuple(RehearsedLine("caller" if role == "user" else "agent", text) for role, text in call.conversation),
        call.seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
