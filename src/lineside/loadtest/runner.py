"""One load test: its callers shared out over workers, started together, their reports gathered."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
from msgspec import Struct

from lineside.errors import ConfigError, LinesideError
from lineside.loadtest.plan import Plan, WorkerMessage, WorkerProgress, WorkerReport, decode_message, encode_plan
from lineside.loadtest.results import Goal, LoadTestResults, ServerLoad, figures, misses
from lineside.loadtest.server_under_test import OwnGateway, cores_used
from lineside.observability.trends import LAG, quantile
from lineside.processes.cpu_count import cores
from lineside.processes.process import end_process, start_process

CALLERS_EACH = 100  # callers that one worker holds well, measured (docs/how-to/loadtest.md)
WORKER_READY_SECONDS = 60.0  # seconds for a worker to read its recordings
WORKER_SILENT_SECONDS = 30.0  # seconds without a word from a worker that is calling; then it is taken for dead
REPORT_BYTES = 1 << 28  # of one line from a worker; a longer report ends the test
BEGIN_IN = 0.2  # seconds from the word to the first call: time for every worker to hear it
CUT_SHARE = 0.02  # of the duration, left out at both ends of what is measured of the gateway's process


class WorkerFailed(LinesideError):
    """A worker ended before its callers had."""


class RunProgress(Struct, frozen=True):
    """How the whole test goes."""

    seconds: float
    active: int
    turns: int
    errors: int
    late_ms: float
    first_ms: list[float]  # since the last outlook


async def hold_test(
    plan: Plan,
    goal: Goal,
    *,
    notice: Callable[[RunProgress], None],
    own: OwnGateway | None = None,
    ideal_ms: float | None = None,
) -> tuple[LoadTestResults, list[WorkerReport]]:
    """Run the test to its end. Raises `WorkerFailed`, and `ConfigError` for recordings that cannot be spoken."""
    clock = asyncio.get_running_loop().time
    before, meters = (own.read(clock()), await own.meters()) if own is not None else (None, None)
    async with _workers(plan) as workers:
        began = clock() + BEGIN_IN
        collector = _Collector(notice, began, clock)
        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(collector.listen(number, w)) for number, w in enumerate(workers)]
            for worker in workers:
                await _write(worker, f"{began!r}\n".encode())
        reports = [task.result() for task in listening]
    ended = clock()
    found = figures(plan, reports, ended - began, ideal_ms=ideal_ms)
    load = None
    if own is not None and before is not None and meters is not None:
        margin = CUT_SHARE * plan.duration
        used = cores_used(own.readings, began + plan.ramp + margin, began + plan.duration - margin)
        most = max(reading.rss for reading in own.readings if reading.at >= began)
        percent = None if used is None else round(100 * used / plan.callers, 3)
        lag = quantile((meters, await own.meters()), LAG, 0.99)
        load = ServerLoad(None if used is None else round(used, 3), percent, before.rss, most, lag)
    found = msgspec.structs.replace(found, load=load)
    return msgspec.structs.replace(found, misses=misses(found, goal)), reports


def shares(plan: Plan) -> list[Plan]:
    """The plan of each worker: as few as hold the callers, as many as there are cores."""
    count = max(1, min(cores(), -(-plan.callers // CALLERS_EACH)))
    plans, first = [], 0
    for number in range(count):
        callers = plan.callers // count + (number < plan.callers % count)
        plans.append(msgspec.structs.replace(plan, callers=callers, first=first, total=plan.callers))
        first += callers
    return plans


class _Collector:
    """Where the workers' words come in."""

    def __init__(self, notice: Callable[[RunProgress], None], began: float, clock: Callable[[], float]) -> None:
        self._notice, self._began, self._clock = notice, began, clock
        self._last: dict[int, WorkerProgress] = {}
        self._first_ms: list[float] = []

    async def listen(self, number: int, worker: asyncio.subprocess.Process) -> WorkerReport:
        """To one worker, until its report."""
        while True:
            message = await _message(worker, WORKER_SILENT_SECONDS)
            if message.report is not None:
                return message.report
            if message.progress is not None:
                self._last[number] = message.progress
                self._first_ms += message.progress.first_ms
                if number == min(self._last):
                    self._report()

    def _report(self) -> None:
        all_of_them = list(self._last.values())
        first_ms, self._first_ms = self._first_ms, []
        self._notice(
            RunProgress(
                seconds=self._clock() - self._began,
                active=sum(progress.active for progress in all_of_them),
                turns=sum(progress.turns for progress in all_of_them),
                errors=sum(progress.errors for progress in all_of_them),
                late_ms=max(progress.late_ms for progress in all_of_them),
                first_ms=first_ms,
            )
        )


@asynccontextmanager
async def _workers(plan: Plan) -> AsyncGenerator[Sequence[asyncio.subprocess.Process], None]:
    """The workers, ready to begin; ended with the block."""
    workers: list[asyncio.subprocess.Process] = []
    try:
        for share in shares(plan):
            worker = await start_process(
                [sys.executable, "-m", "lineside.loadtest.worker"],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                line_bytes=REPORT_BYTES,
            )
            workers.append(worker)
            await _write(worker, encode_plan(share) + b"\n")
        for worker in workers:
            await _message(worker, WORKER_READY_SECONDS)
        yield workers
    finally:
        for worker in workers:
            await end_process(worker, grace=0)


async def _write(worker: asyncio.subprocess.Process, line: bytes) -> None:
    assert worker.stdin is not None  # noqa: S101
    with suppress(ConnectionError):  # it is gone: reading from it says why
        worker.stdin.write(line)
        await worker.stdin.drain()


async def _message(worker: asyncio.subprocess.Process, within: float) -> WorkerMessage:
    """The next thing it says."""
    assert worker.stdout is not None  # noqa: S101
    assert worker.stderr is not None  # noqa: S101
    try:
        async with asyncio.timeout(within):
            line = await worker.stdout.readline()
    except TimeoutError:
        raise WorkerFailed(f"a load-test worker was silent for {within:g} s") from None
    if line:
        return decode_message(line)
    why = (await worker.stderr.read()).decode(errors="replace").strip()
    if "Traceback" not in why:
        raise ConfigError(why or "a load-test worker exited without a result")
    raise WorkerFailed(f"a load-test worker failed:\n{why[-2000:]}")
