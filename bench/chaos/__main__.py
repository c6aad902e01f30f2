"""Breaks a small call centre while callers call, and says what they heard.

    .venv/bin/python -m bench.chaos [--calls 40] [--only rolling-restart …] [--html chaos.html] [--seed 0]

Two `lineside serve` behind HAProxy as `examples/proxies/haproxy.cfg` says, with PostgreSQL and an engine server of
fixed times, all of them processes of this machine but the engine server. Each scenario of `scenarios.py` has a centre
of its own. Needs Debian's `haproxy`, `postgresql` and `gcc`, and root for a disk that fills. Ends with 1 when a
call was cut or refused that should not have been, a question was not answered, or a record is missing.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from bench.chaos.centre import Centre, open_centre
from bench.chaos.picture import COLUMNS, picture
from bench.chaos.scenarios import SCENARIOS, SETTLED, Scenario, small_disk
from bench.chaos.score import Allowed, Happening, Kept, Outcome, score
from tests.records.database_servers import PostgreSQL

from lineside.loadtest.plan import Plan
from lineside.loadtest.recordings import recordings_in
from lineside.loadtest.results import Goal
from lineside.loadtest.runner import RunProgress, hold_test
from lineside.loadtest.server_under_test_main import register_mock_engines

CALL_LENGTH, RAMP = 15.0, 5.0  # seconds
WRITTEN_WITHIN = 60.0  # seconds for the records to reach the database, once the last call is over
LOG = 4000  # characters
LATE = 60.0  # seconds after the last call for a scenario to end


class Stage:
    """A scenario while it goes on: when the test began, and what was done since."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self.began = asyncio.Event()
        self._began_at = 0.0
        self.happenings: list[Happening] = []

    def progress(self, how: RunProgress) -> None:
        """The load tester's word, once a second."""
        if not self.began.is_set():
            self._began_at = self._clock() - how.seconds
            self.began.set()

    def mark(self, what: str) -> None:
        """Something is done now."""
        at = round(self._clock() - self._began_at, 1)
        print(f"  {at:6.1f} s  {what}", flush=True)
        self.happenings.append(Happening(at, what))


async def play(scenario: Scenario, server: PostgreSQL, logs: Path, *, calls: int, seed: int) -> Outcome:
    """One scenario, in a centre of its own. Where it has faults, what the programs said is left in `logs`."""
    with tempfile.TemporaryDirectory(prefix="lineside-chaos-") as name:
        folder = Path(name)
        async with AsyncExitStack() as stack:
            if scenario.small_disk:
                stack.enter_context(small_disk(folder / "b" / "data"))
            extra = {"b": scenario.environment(folder)}
            try:
                centre = await stack.enter_async_context(
                    open_centre(folder, server, extra, on_ray=scenario.on_ray, records=scenario.records)
                )
                outcome = await _play(scenario, centre, calls=calls, seed=seed)
                _keep_logs(folder, logs / scenario.name if outcome.faults else None)
                return outcome
            except BaseException:
                _print_logs(folder)
                raise


def _keep_logs(folder: Path, place: Path | None) -> None:
    if place is None:
        return
    place.mkdir(parents=True, exist_ok=True)
    for log, name in ((folder / "output.log", "haproxy.log"), *((folder / one / "log", f"{one}.log") for one in "ab")):
        shutil.copyfile(log, place / name)


def _print_logs(folder: Path) -> None:
    """The end of what the gateways said."""
    for log in folder.glob("*/log"):
        print(f"--- {log.parent.name}\n{log.read_text()[-LOG:]}", file=sys.stderr)


async def _play(scenario: Scenario, centre: Centre, *, calls: int, seed: int) -> Outcome:
    stage = Stage()
    own = recordings_in(None)
    plan = Plan(centre.url, calls, scenario.seconds, recordings=own, ramp=RAMP, call_length=CALL_LENGTH, seed=seed)

    async def breaks() -> Allowed:
        await stage.began.wait()
        await asyncio.sleep(RAMP + SETTLED)
        async with asyncio.timeout(scenario.seconds + LATE):
            return await scenario.breaks(centre, stage.mark)

    async with asyncio.TaskGroup() as tasks:
        breaking = tasks.create_task(breaks(), name=scenario.name)
        _, reports = await hold_test(plan, Goal(first_ms=5000.0), notice=stage.progress)
    held = [call for report in reports for call in report.calls]
    turns = [turn for report in reports for turn in report.turns]
    kept = await _kept(centre, len(held))
    return score(scenario.name, scenario.about, stage.happenings, held, turns, kept, breaking.result())


async def _kept(centre: Centre, calls: int) -> Kept:
    """What the database has once nothing more comes."""
    over = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(WRITTEN_WITHIN):
            while over < calls:
                over = int((await centre.ask("SELECT count(*) FROM calls WHERE reason <> ''"))[0][0])
                await asyncio.sleep(1.0)
    heard = await centre.ask("SELECT heard FROM turns")
    return Kept(over, [row[0] for row in heard], await _recordings_lost(centre, over) if centre.store else 0)


async def _recordings_lost(centre: Centre, calls: int) -> int:
    """Calls whose recording is not in the store, once nothing more comes."""
    assert centre.store is not None
    missing = calls
    with suppress(TimeoutError):
        async with asyncio.timeout(WRITTEN_WITHIN):
            while missing:
                missing = calls - len(await asyncio.to_thread(centre.store.server.names))
                await asyncio.sleep(1.0)
    return missing


@asynccontextmanager
async def _postgresql() -> AsyncGenerator[PostgreSQL, None]:
    server = await asyncio.to_thread(PostgreSQL)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.close)


async def play_all(scenarios: list[Scenario], logs: Path, *, calls: int, seed: int) -> list[Outcome]:
    """One after the other."""
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="lineside-engines-") as engines:
        register_mock_engines(Path(engines))
        async with _postgresql() as server:
            for scenario in scenarios:
                if lacking := scenario.needs():
                    print(f"{scenario.name}: not played: {lacking}")
                    continue
                print(f"{scenario.name}: {scenario.about}", flush=True)
                outcomes.append(await play(scenario, server, logs, calls=calls, seed=seed))
                _print(outcomes[-1])
    return outcomes


def _print(outcome: Outcome) -> None:
    print("  " + ", ".join(f"{name} {getattr(outcome, field):g}" for field, name in COLUMNS.items()))
    for fault in outcome.faults:
        print(f"  FAULT: {fault}")


def main() -> int:
    """Play what is asked for, and draw it."""
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--html", type=Path, default=Path("build/chaos.html"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    wanted = [scenario for scenario in SCENARIOS if scenario.name in given.only]
    outcomes = asyncio.run(play_all(wanted, given.html.parent / "chaos-logs", calls=given.calls, seed=given.seed))
    given.html.parent.mkdir(parents=True, exist_ok=True)
    about = f"{given.calls} callers at once behind HAProxy and two gateways, calls of {CALL_LENGTH:g} s."
    given.html.write_text(picture(outcomes, about), encoding="utf-8")
    print(f"drawn: {given.html}")
    return 1 if any(outcome.faults for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
