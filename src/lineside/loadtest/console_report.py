"""What the operator sees: how it goes while it goes, and the table at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from lineside.audio.frame import FRAME_SECONDS
from lineside.loadtest.capacity import Capacity
from lineside.loadtest.lateness import TOO_LATE_MS
from lineside.loadtest.results import BIG_GAP_MS, LoadTestResults, Percentiles, spread
from lineside.loadtest.runner import RunProgress

LINE_INTERVAL = 5.0  # seconds between two lines where there is no terminal to draw on
RECENT = 200  # turns that the live figures look back on

NAMES = {
    "endpoint_ms": "end of turn",
    "asr_ms": "ASR",
    "llm_first_ms": "first token",
    "llm_ms": "LLM",
    "tts_first_ms": "first sound of the voice",
    "tts_ms": "TTS",
    "e2e_ms": "end to end",
    "first sound": "last word to first sound",
    "overhead heard": "overhead, as callers hear it",
    "overhead": "overhead, from the last window of voice",
    "worst gap": "worst gap in an answer",
    "overlap": "barge-in to silence",
    "stale sound": "sound after the silence",
    "packet interval": "between two RTP packets",
    "clipped": "cut off an answer's end",
}


@contextmanager
def live_progress(console: Console, title: str) -> Iterator[Callable[[RunProgress], None]]:
    """Show every outlook: on a terminal in place, otherwise a plain line now and then."""
    recent: list[float] = []
    said = -LINE_INTERVAL

    def line(outlook: RunProgress) -> str:
        recent[:] = [*recent, *outlook.first_ms][-RECENT:]
        over = spread(recent)
        first = f"first sound p50 {over.p50:.0f} ms, p95 {over.p95:.0f} ms" if over else "no answer yet"
        return (
            f"{title}: {outlook.seconds:.0f} s, {outlook.active} calls, {outlook.turns} turns, {first}, "
            f"{outlook.errors} errors, own lateness p99 {outlook.late_ms:.1f} ms"
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
    table = Table("milliseconds", "count", "p50", "p95", "p99", "worst", title=f"{found.callers} callers")
    for column in table.columns[1:]:
        column.justify = "right"
    for group in (found.server, found.caller):
        for name, over in group.items():
            table.add_row(NAMES[name], str(over.count), *_cells(over))
        table.add_section()
    table.add_row("the load tester's own lateness", str(found.late.count), *_cells(found.late))
    console.print(table)
    for sentence in sentences(found):
        console.print(sentence, highlight=False, soft_wrap=True)


def sentences(found: LoadTestResults) -> list[str]:
    """The rest of it, in words."""
    said = [
        f"{found.calls} calls, {found.turns} turns, {found.answered} answered, {found.missing} without an answer or "
        f"its end, {found.barge_ins} spoken over, {found.big_gaps} answers with a gap over {BIG_GAP_MS:.0f} ms, "
        f"{found.clipped} clipped, {found.talked_over} begun before the caller had finished."
    ]
    if found.word_error_rate is not None:
        said.append(f"Of the words that were meant, {100 * found.word_error_rate:.1f} % were not what a caller heard.")
    if found.load is not None and found.load.percent_per_call is not None:
        load = found.load
        said.append(
            f"Gateway: {100 * (load.cores or 0):.0f} % of a core, {load.percent_per_call:.2f} % a call; memory "
            f"{load.rss_most / 1e6:.0f} MB at most, {(load.rss_most - load.rss_before) / 1e6 / found.callers:.2f} MB a "
            f"call over the {load.rss_before / 1e6:.0f} MB it began with."
        )
        if load.lag_p99_ms is not None:
            said.append(f"Its event loop was up to {load.lag_p99_ms:.1f} ms late (p99).")
    said.append(f"The load tester used {100 * found.tester_cores:.0f} % of a core.")
    if found.lost:
        said.append(f"{found.lost} of {found.lost + found.frames} frames were lost on the way, as asked.")
    if found.stuck:
        said.append(
            f"The server did not take sound for {found.stuck * FRAME_SECONDS:.1f} s of the callers' time in all."
        )
    if found.tester_late:
        said.append(
            f"The load tester, not the server, was late: 1 % of its own frames left more than {found.late.p99:.1f} ms "
            f"late (at most {TOO_LATE_MS:.0f} are good). Give it more cores, or another machine."
        )
    return [*said, *(f"Missed: {miss}." for miss in found.misses)]


def knee(console: Console, capacity: Capacity) -> None:
    """The figures of a search, and what it found."""
    table = Table("callers", "first sound p50", "p95", "p99", "worst gap", "errors", "% of a core per call", "goal")
    for step in sorted(capacity.steps, key=lambda step: step.callers):
        first, gap = (step.figures.caller.get(name) for name in ("first sound", "worst gap"))
        load = step.figures.load
        table.add_row(
            str(step.callers),
            *(f"{value:.0f}" for value in ((first.p50, first.p95, first.p99) if first else ())),
            *([] if first else ["–"] * 3),
            f"{gap.worst:.0f}" if gap else "–",
            str(sum(step.figures.errors.values())),
            f"{load.percent_per_call:.2f}" if load and load.percent_per_call is not None else "–",
            "met" if step.well else "missed",
        )
    console.print(table)
    console.print(verdict(capacity), highlight=False, soft_wrap=True)


def verdict(capacity: Capacity) -> str:
    """Print the number of callers at which the target is missed."""
    if capacity.broke_at is None:
        return f"{capacity.knee} calls at once went well; the goal was never missed, so there is room for more."
    if capacity.tester_was_the_limit:
        return (
            f"{capacity.knee} calls at once went well. At {capacity.broke_at} the load tester itself was late, so the "
            "server may hold more: give the load tester a machine of its own."
        )
    if not capacity.knee:
        return f"Not even {capacity.broke_at} calls at once met the goal."
    return f"The knee: {capacity.knee} calls at once went well, {capacity.broke_at} did not."


def _cells(over: Percentiles) -> list[str]:
    return [f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in (over.p50, over.p95, over.p99, over.worst)]
