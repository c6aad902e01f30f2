"""The figures of a test, and whether they are good enough. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import ceil

from msgspec import Struct

from lineside.loadtest.lateness import TOO_LATE_MS, late_ms, together
from lineside.loadtest.plan import STAGES, Plan, TurnResult, WorkerReport

BIG_GAP_MS = 40.0  # a caller hears it; a shorter one a player's own buffer rides out
WELL = "caller_hung_up"


class Percentiles(Struct, frozen=True):
    """How a figure is spread. Nearest rank: a value that was really measured."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float


class Goal(Struct, frozen=True):
    """Targets that a load test must meet."""

    first_ms: float  # p95 of the time to first sound
    gap_ms: float = 0.0  # the longest gap in any answer; 0: not asked


class ServerLoad(Struct, frozen=True):
    """What the load was on the gateway's process, where it is ours to look at."""

    cores: float | None  # busy, while all callers were there
    percent_per_call: float | None  # of a core
    rss_before: int  # bytes
    rss_most: int
    lag_p99_ms: float | None = None  # of its event loop, from the first caller to the last


class LoadTestResults(Struct, frozen=True):
    """What came of one test. Milliseconds unless the name says otherwise."""

    callers: int
    seconds: float
    turns: int
    calls: int
    answered: int
    server: dict[str, Percentiles]  # stage → its times, by the server's own metrics events
    caller: dict[str, Percentiles]  # what callers heard
    big_gaps: int  # answers with a gap over BIG_GAP_MS
    clipped: int  # answers that lost their end
    missing: int
    talked_over: int
    barge_ins: int
    errors: dict[str, int]  # what went wrong, how often
    late: Percentiles  # frames of the load tester itself
    stuck: int  # frames that the server would not take
    lost: int  # frames lost by intent
    frames: int
    tester_cores: float  # busy with being callers
    load: ServerLoad | None = None
    word_error_rate: float | None = None  # of what callers heard against what was meant
    misses: tuple[str, ...] = ()  # of the goal; empty: it was met

    @property
    def tester_late(self) -> bool:
        """Whether the load tester itself was the bottleneck, and its figures say little about the server."""
        return self.late.p99 > TOO_LATE_MS


def figures(plan: Plan, reports: Sequence[WorkerReport], seconds: float, *, ideal_ms: float | None) -> LoadTestResults:
    """Add up what the workers saw. `ideal_ms`: what the time to first sound would be with a gateway that took none."""
    turns = [turn for report in reports for turn in report.turns]
    counts = together(report.late for report in reports)
    frames = sum(report.frames for report in reports)
    return LoadTestResults(
        callers=plan.callers,
        seconds=round(seconds, 1),
        turns=len(turns),
        calls=sum(len(report.calls) for report in reports),
        answered=sum(turn.first_ms is not None for turn in turns),
        server=_by_stage(turns),
        caller=_heard(turns, ideal_ms) | _intervals(reports),
        big_gaps=sum(turn.worst_gap_ms > BIG_GAP_MS for turn in turns),
        clipped=sum(turn.clipped_ms > 0 for turn in turns),
        missing=sum(turn.missing for turn in turns),
        talked_over=sum(turn.talked_over for turn in turns),
        barge_ins=sum(turn.barged for turn in turns),
        errors=_errors(turns, reports),
        late=Percentiles(frames, *(round(late_ms(counts, share), 1) for share in (0.5, 0.95, 0.99, 1.0))),
        stuck=sum(report.stuck for report in reports),
        lost=sum(report.lost for report in reports),
        frames=frames,
        tester_cores=round(sum(report.cpu_seconds for report in reports) / seconds, 3),
    )


def misses(found: LoadTestResults, goal: Goal) -> tuple[str, ...]:
    """What was not met, a sentence each."""
    first, gap = found.caller.get("first sound"), found.caller.get("worst gap")
    said: list[str] = []
    if first is None:
        said.append("nobody heard an answer")
    elif first.p95 > goal.first_ms:
        said.append(f"p95 of the time to first sound is {first.p95:.0f} ms, and should be {goal.first_ms:.0f} at most")
    if goal.gap_ms and gap is not None and gap.worst > goal.gap_ms:
        said.append(f"the longest gap in an answer is {gap.worst:.0f} ms, and should be {goal.gap_ms:.0f} at most")
    if found.errors:
        said.append("errors: " + ", ".join(f"{name} {count}" for name, count in sorted(found.errors.items())))
    return tuple(said)


def spread(values: Iterable[float]) -> Percentiles | None:
    """None where there is nothing to spread."""
    ordered = sorted(values)
    if not ordered:
        return None
    ranks = (ordered[max(0, ceil(share * len(ordered)) - 1)] for share in (0.5, 0.95, 0.99, 1.0))
    return Percentiles(len(ordered), *(round(value, 1) for value in ranks))


def _by_stage(turns: Sequence[TurnResult]) -> dict[str, Percentiles]:
    found: dict[str, Percentiles] = {}
    for stage in STAGES:
        times = (getattr(turn.stages, stage) for turn in turns if turn.stages is not None)
        if (over := spread(time for time in times if time is not None)) is not None:
            found[stage] = over
    return found


def _heard(turns: Sequence[TurnResult], ideal_ms: float | None) -> dict[str, Percentiles]:
    first = [turn.first_ms for turn in turns if turn.first_ms is not None]
    whole = [turn for turn in turns if turn.first_ms is not None]
    heard: dict[str, Iterable[float]] = {
        "first sound": first,
        "overhead heard": [ms - ideal_ms for ms in first] if ideal_ms is not None else [],
        "overhead": [ms - ideal_ms for ms in _end_to_end(turns)] if ideal_ms is not None else [],
        "worst gap": [turn.worst_gap_ms for turn in whole],
        "overlap": [turn.overlap_ms for turn in turns if turn.overlap_ms is not None],
        "stale sound": [turn.stale_ms for turn in turns if turn.barged],
        "clipped": [turn.clipped_ms for turn in whole],
    }
    return {name: over for name, values in heard.items() if (over := spread(values)) is not None}


def _intervals(reports: Sequence[WorkerReport]) -> dict[str, Percentiles]:
    """How evenly packets came to telephones."""
    counts = [sum(column) for column in zip(*(report.intervals for report in reports if report.intervals), strict=True)]
    total = sum(counts)
    if not total:
        return {}
    ranks = []
    for share in (0.5, 0.95, 0.99, 1.0):
        left = ceil(share * total)
        ranks.append(float(next(ms for ms, upto in enumerate(accumulate(counts)) if upto >= left)))
    return {"packet interval": Percentiles(total, *ranks)}


def _end_to_end(turns: Sequence[TurnResult]) -> list[float]:
    """By the server, from the last window that its voice detector called speech, 30 to 60 ms later."""
    times = [turn.stages.e2e_ms for turn in turns if turn.stages is not None]
    return [ms for ms in times if ms is not None]


def _errors(turns: Sequence[TurnResult], reports: Sequence[WorkerReport]) -> dict[str, int]:
    found = Counter(code for turn in turns for code in turn.errors)
    found.update(end.reason for report in reports for end in report.calls if end.reason != WELL)
    found["missing answer"] += sum(turn.missing for turn in turns)
    found["clipped answer"] += sum(turn.clipped_ms > 0 for turn in turns)
    return {name: count for name, count in found.items() if count}
