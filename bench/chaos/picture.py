"""What callers heard against time, as one HTML file: a row a caller, nothing loaded from elsewhere."""

from collections.abc import Iterator, Sequence
from html import escape

from bench.chaos.score import LONG_GAP, LONG_WAIT, NO_CALL, Outcome

from lineside.loadtest.plan import CallResult
from lineside.loadtest.results import WELL

WIDTH, LEFT, RIGHT, TOP, BOTTOM, ROW = 900, 40, 10, 34, 24, 7
STYLE = """
:root { color-scheme: light dark; --ink: #1a1d21; --page: #fff; --soft: #667; --call: #d5d9e0; --answer: #1f883d;
  --broken: #b59a00; --wait: #b35c00; --cut: #c0264d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --page: #14171a; --soft: #9aa3ad; --call: #343a42;
  --answer: #3fb950; --broken: #e3d24a; --wait: #f0a35e; --cut: #ff7a98; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 960px;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid
  var(--call); } td:first-child, th:first-child { text-align: left; } .fault { color: var(--cut); }
svg { width: 100%; height: auto; } text { fill: var(--soft); font-size: 11px; } .call { fill: var(--call); }
.answer { fill: var(--answer); } .broken { fill: var(--broken); } .wait { fill: var(--wait); }
.cut { fill: var(--cut); }
line { stroke: var(--soft); stroke-dasharray: 3 3; }
"""
COLUMNS = {
    "taken": "calls",
    "cut": "cut",
    "refused": "refused",
    "answered": "answers",
    "unanswered": "not answered",
    "longest_wait": "longest wait (s)",
    "longest_gap": "longest gap (s)",
    "records_lost": "records lost",
    "recordings_lost": "recordings lost",
    "words_lost": "words lost",
}


def picture(outcomes: Sequence[Outcome], about: str) -> str:
    """The page."""
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *COLUMNS.values()))
    rows = "".join(_row(outcome) for outcome in outcomes)
    legend = (
        f"A row is a caller: grey while a call is up, green while an answer sounds, yellow where "
        f"that had a gap of more than {LONG_GAP:g} s, orange where more than "
        f"{LONG_WAIT:g} s passed between the caller's last word and the answer, or none came, red where a call was cut "
        f"or refused."
    )
    parts = [f"<h1>What callers heard</h1><p>{escape(about)}</p><table><tr>{head}</tr>{rows}</table><p>{legend}</p>"]
    parts += [f"<h2>{escape(outcome.about)}</h2>{_faults(outcome)}{drawing(outcome)}" for outcome in outcomes]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>What callers heard</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def drawing(outcome: Outcome) -> str:
    """One scenario, as SVG."""
    callers = sorted({_caller(call.call) for call in outcome.calls})
    seconds = max((call.began + call.seconds for call in outcome.calls), default=1.0)
    height = TOP + ROW * len(callers) + BOTTOM
    up = {caller: TOP + ROW * number for number, caller in enumerate(callers)}

    def across(at: float) -> float:
        return LEFT + at / seconds * (WIDTH - LEFT - RIGHT)

    def box(kind: str, caller: int, begin: float, end: float) -> str:
        wide = max(1.0, across(end) - across(begin))
        return f'<rect class="{kind}" x="{across(begin):.1f}" y="{up[caller]}" width="{wide:.1f}" height="{ROW - 2}"/>'

    drawn = [box("call", _caller(call.call), call.began, call.began + call.seconds) for call in outcome.calls]
    for turn in outcome.turns:
        caller, waited = _caller(turn.call), None if turn.first_ms is None else turn.first_ms / 1000
        if waited is None or waited > LONG_WAIT:
            drawn.append(box("wait", caller, turn.asked, turn.asked + (10.0 if waited is None else waited)))
        if waited is not None:
            gap = turn.worst_gap_ms / 1000
            kind, begins = "broken" if gap > LONG_GAP else "answer", turn.asked + waited
            drawn.append(box(kind, caller, begins, begins + turn.seconds + gap))
    for call in _not_well(outcome.calls):
        ended = call.began + call.seconds
        drawn.append(box("cut", _caller(call.call), ended, ended + seconds / 150))
    for number, happening in enumerate(outcome.happenings):
        x = f"{across(happening.at):.1f}"
        drawn.append(f'<line x1="{x}" x2="{x}" y1="{TOP - 4}" y2="{height - BOTTOM}"/>')
        drawn.append(f'<text x="{x}" y="{10 + 12 * (number % 2)}">{escape(happening.what)}</text>')
    ticks = [seconds * part / 5 for part in range(6)]
    anchors = ["start", *["middle"] * 4, "end"]
    drawn += [
        f'<text x="{across(at):.1f}" y="{height - 8}" text-anchor="{anchor}">{at:.0f} s</text>'
        for at, anchor in zip(ticks, anchors, strict=True)
    ]
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(outcome.about)}">{"".join(drawn)}</svg>'


def _not_well(calls: Sequence[CallResult]) -> Iterator[CallResult]:
    return (call for call in calls if call.reason != WELL or call.reason.startswith(NO_CALL))


def _caller(call: str) -> int:
    return int(call.partition(".")[0])


def _row(outcome: Outcome) -> str:
    cells = "".join(f"<td>{getattr(outcome, field):g}</td>" for field in COLUMNS)
    kind = ' class="fault"' if outcome.faults else ""
    return f"<tr{kind}><td>{escape(outcome.about)}</td>{cells}</tr>"


def _faults(outcome: Outcome) -> str:
    return "".join(f'<p class="fault">{escape(fault)}</p>' for fault in outcome.faults)
