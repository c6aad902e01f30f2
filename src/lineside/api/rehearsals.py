"""Rehearsals from the page: the agent's own scenarios, one rehearsal at a time, in a process that calls do not feel.

The scenarios lie beside AGENT_FILE: `agent.toml` has `agent.scenarios.toml`. No path comes from outside.
"""

import asyncio
import sys
from codecs import BOM_UTF8
from collections import deque
from pathlib import Path
from time import time

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.versions import version_of
from lineside.api.background import BackgroundTasks
from lineside.api.dependencies import ApiDependencies
from lineside.api.errors import ApiError
from lineside.api.rehearsal_values import (
    RehearsalOrder,
    RehearsalStatus,
    RehearsedScenario,
    ScenarioName,
    StartRehearsal,
)
from lineside.errors import UNREADABLE
from lineside.processes.process import end_process, start_process

LONGEST = 600.0  # seconds of a whole rehearsal; then it is ended
LONGEST_LINE = 1 << 20  # bytes of one scenario's result
GRACE = 2.0  # seconds between SIGTERM and SIGKILL
LAST_WORDS, WORDS = 3, 300  # lines of its output that are no result, and characters of each, for the error
MOST_BYTES = 1 << 20  # of the file of scenarios

_result = msgspec.json.Decoder(RehearsedScenario)


class ScenarioList(Struct, frozen=True):
    """The names in a file of scenarios; the rest of it is read by the rehearsal."""

    scenario: tuple[ScenarioName, ...] = ()


class Rehearsals:
    """The rehearsal under way, or the last one."""

    def __init__(self, dependencies: ApiDependencies, tasks: BackgroundTasks) -> None:
        self._dependencies, self._tasks = dependencies, tasks
        self._task: asyncio.Task[None] | None = None
        self._status = RehearsalStatus("idle")

    @property
    def file(self) -> Path:
        """Where the scenarios of the agent lie."""
        return self._dependencies.settings.agent_file.with_suffix(".scenarios.toml")

    async def status(self) -> RehearsalStatus:
        """How it stands, and what can be rehearsed."""
        scenarios, why = await asyncio.to_thread(_scenarios, self.file)
        return replace(self._status, scenarios=scenarios, file=self.file.name, why=self._status.why or why)

    async def start(self, wanted: StartRehearsal) -> RehearsalStatus:
        """Begin one. Raises `ApiError` where one is under way or there is nothing to rehearse."""
        scenarios, why = await asyncio.to_thread(_scenarios, self.file)
        if self._task is not None:
            raise ApiError(409, "under_way", "a rehearsal is under way; wait for it or cancel it")
        if not scenarios:
            raise ApiError(409, "no_scenarios", why)
        names = [one.name for one in scenarios]
        if unknown := [name for name in wanted.only if name not in names]:
            raise ApiError(409, "unknown_scenario", f"there is no scenario {unknown[0]!r} in {self.file.name}")
        chosen = tuple(name for name in names if not wanted.only or name in wanted.only)
        agent = wanted.agent or self._dependencies.agents.agent()
        saved = self._dependencies.agents.agent() == agent
        self._status = RehearsalStatus(
            "running", total=len(chosen), runs=wanted.runs, began=time(), agent=version_of(agent), saved=saved
        )
        order = RehearsalOrder(agent, chosen, wanted.runs)
        self._task = self._tasks.start(self._hold(order), "rehearsal")
        self._task.add_done_callback(self._over)
        return await self.status()

    async def cancel(self) -> RehearsalStatus:
        """End it; what it has found stays. Raises `ApiError` where none is under way."""
        if self._task is None:
            raise ApiError(409, "not_under_way", "no rehearsal is under way")
        self._task.cancel()
        await asyncio.wait({self._task})
        return await self.status()

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if self._status.state == "running":
            cancelled = task.cancelled()
            why = "" if cancelled else "the rehearsal broke off; the log says why"
            self._status = replace(self._status, state="cancelled" if cancelled else "failed", why=why)

    async def _hold(self, order: RehearsalOrder) -> None:
        argv = (sys.executable, "-m", "lineside.rehearse.process", str(self.file))
        words: deque[str] = deque(maxlen=LAST_WORDS)
        process = await start_process(
            argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            line_bytes=LONGEST_LINE,
        )
        try:
            async with asyncio.timeout(LONGEST):
                await self._follow(process, order, words)
                code = await process.wait()
        except TimeoutError:
            self._status = replace(self._status, state="failed", why=f"it took longer than {LONGEST:g} s and was ended")
            return
        finally:
            await end_process(process, grace=GRACE)
        if code == 0 and len(self._status.results) == len(order.only):
            self._status = replace(self._status, state="done")
        else:
            why = " / ".join(words) or f"the rehearsal ended with exit code {code}"
            self._status = replace(self._status, state="failed", why=why)

    async def _follow(self, process: asyncio.subprocess.Process, order: RehearsalOrder, words: deque[str]) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - asked for above
        process.stdin.write(msgspec.json.encode(order))
        process.stdin.close()
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than `LONGEST_LINE`
                words.append("it printed a line without an end")
                return
            if not line:
                return
            try:
                self._status = replace(self._status, results=(*self._status.results, _result.decode(line)))
            except UNREADABLE:
                words.append(line.decode(errors="replace").strip()[:WORDS])


def _scenarios(file: Path) -> tuple[tuple[ScenarioName, ...], str]:
    """The scenarios of this file, or why there are none."""
    try:
        if file.stat().st_size > MOST_BYTES:
            return (), f"{file.name} has more than {MOST_BYTES} bytes"
        found = msgspec.toml.decode(file.read_bytes().removeprefix(BOM_UTF8), type=ScenarioList).scenario
    except FileNotFoundError:
        return (), f"there is no {file.name} beside the agent's file; write one (docs: Check and rehearse)"
    except (OSError, *UNREADABLE) as cause:
        return (), f"{file.name} cannot be read: {cause}"
    return found, "" if found else f"{file.name} has no [[scenario]]"
