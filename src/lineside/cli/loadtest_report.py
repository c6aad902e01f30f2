"""What an operator sees of a load test: how it goes while it goes, and the tables at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from lineside.cli.output import Column, print_table
from lineside.loadtest.capacity import Capacity
from lineside.loadtest.report import NAMES, sentences, verdict
from lineside.loadtest.results import LoadTestResults, Percentiles, spread
from lineside.loadtest.runner import RunProgress

LINE_INTERVAL = 5.0  # seconds between two lines where there is no terminal to draw on
RECENT = 200  # turns that the live figures look back on

FIGURES = (
    Column("milliseconds", grows=True),
    Column("count", right=True),
    Column("p50", right=True),
    Column("p95", right=True),
    Column("p99", right=True),
    Column("worst", right=True),
)
STEPS = (
    Column("callers", right=True),
    Column("goal", styles={"met": "green", "missed": "bold red"}),
    Column("first audio p50", right=True),
    Column("p95", right=True),
    Column("p99", right=True, drop=2),
    Column("worst gap", right=True, drop=1),
    Column("errors", right=True),
    Column("% of a core a call", right=True, drop=3),
)


@contextmanager
def live_progress(console: Console, title: str) -> Iterator[Callable[[RunProgress], None]]:
    """Show every outlook: on a terminal in place, otherwise a plain line now and then."""
    recent: list[float] = []
    said = -LINE_INTERVAL

    def line(outlook: RunProgress) -> str:
        recent[:] = [*recent, *outlook.first_ms][-RECENT:]
        over = spread(recent)
        first = f"first audio p50 {over.p50:.0f} ms, p95 {over.p95:.0f} ms" if over else "no answer yet"
        return (
            f"{title}: {outlook.seconds:.0f} s, {outlook.active} calls, {outlook.turns} turns, {first}, "
            f"{outlook.errors} errors, load-generator lag p99 {outlook.late_ms:.1f} ms"
        )

    if console.is_terminal:
        with console.status(f"{title}: beginning") as status:
            yield lambda outlook: status.update(line(outlook))
        return

    def plain(outlook: RunProgress) -> None:
        nonlocal said
        text = line(outlook)
        if outlook.seconds - said >= LINE_INTERVAL:
            said = outlook.seconds
            console.print(text, highlight=False, soft_wrap=True)

    yield plain


def summary(console: Console, found: LoadTestResults) -> None:
    """The figures of one test."""
    console.print(f"{found.callers} callers", highlight=False)
    measured = [(NAMES[name], over) for group in (found.server, found.caller) for name, over in group.items()]
    rows = [(name, str(over.count), *_cells(over)) for name, over in (*measured, ("load-generator lag", found.late))]
    print_table(FIGURES, rows, out=console)
    for sentence in sentences(found):
        console.print(sentence, highlight=False, soft_wrap=True)


def knee(console: Console, capacity: Capacity) -> None:
    """The figures of a search, and what it found."""
    rows = []
    for step in sorted(capacity.steps, key=lambda step: step.callers):
        first, gap = (step.figures.caller.get(name) for name in ("first sound", "worst gap"))
        load = step.figures.load
        rows.append(
            (
                str(step.callers),
                "met" if step.well else "missed",
                *(f"{value:.0f}" for value in ((first.p50, first.p95, first.p99) if first else ())),
                *([] if first else ["–"] * 3),
                f"{gap.worst:.0f}" if gap else "–",
                str(sum(step.figures.errors.values())),
                f"{load.percent_per_call:.2f}" if load and load.percent_per_call is not None else "–",
            )
        )
    print_table(STEPS, rows, out=console)
    console.print(verdict(capacity), highlight=False, soft_wrap=True)


def _cells(over: Percentiles) -> list[str]:
    return [f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in (over.p50, over.p95, over.p99, over.worst)]
