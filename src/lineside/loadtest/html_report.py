"""A test as one HTML file: tables, and curves as SVG. Nothing is loaded from elsewhere, nothing runs in it."""

from collections.abc import Callable, Sequence
from html import escape
from math import floor, log10

from lineside.loadtest.plan import TurnResult
from lineside.loadtest.report import NAMES, sentences
from lineside.loadtest.results import LoadTestResults, Percentiles

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 860, 340, 64, 44, 16, 16
Points = Sequence[tuple[float, float]]
Place = Callable[[float, float], tuple[str, str]]  # where a value stands in the drawing

STYLE = """
:root { color-scheme: light dark; --ink: #1a1d21; --page: #fff; --soft: #667; --line: #d5d9e0;
  --p50: #1f6feb; --p95: #b35c00; --p99: #c0264d; --dot: #1f6feb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --page: #14171a; --soft: #9aa3ad; --line: #343a42;
  --p50: #6ea8fe; --p95: #f0a35e; --p99: #ff7a98; --dot: #6ea8fe; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 900px;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem .7rem; text-align: right;
  border-bottom: 1px solid var(--line); } td:first-child, th:first-child { text-align: left; }
svg { width: 100%; height: auto; } text { fill: var(--soft); font-size: 12px; } .axis { stroke: var(--line); }
.p50 { stroke: var(--p50); } .p95 { stroke: var(--p95); } .p99 { stroke: var(--p99); }
polyline { fill: none; stroke-width: 2; } circle { fill: var(--dot); fill-opacity: .45; } .goal { stroke: var(--soft);
  stroke-dasharray: 5 4; } .missed { color: var(--p99); }
"""


def picture(
    tests: Sequence[LoadTestResults], turns: Sequence[TurnResult], *, goal_ms: float, about: str, verdict: str = ""
) -> str:
    """The page. `tests` are ordered by callers; `turns` are those of the last one."""
    last = tests[-1]
    parts = [f"<h1>lineside under load</h1><p>{escape(about)}</p>"]
    if verdict:
        parts.append(f"<p><strong>{escape(verdict)}</strong></p>")
    if len(tests) > 1:
        parts += ["<h2>Time to first audio against calls at once</h2>", _against_calls(tests, goal_ms)]
    parts += [f"<h2>{last.callers} callers: time to first audio, turn by turn</h2>", _turn_by_turn(turns, goal_ms)]
    for found in tests:
        parts.append(f"<h2>{found.callers} callers</h2>{_table(found)}")
        parts += [_sentence(sentence) for sentence in sentences(found)]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>lineside under load</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _sentence(sentence: str) -> str:
    kind = ' class="missed"' if sentence.startswith("Missed") else ""
    return f"<p{kind}>{escape(sentence)}</p>"


def _against_calls(tests: Sequence[LoadTestResults], goal_ms: float) -> str:
    known = [(found.callers, over) for found in tests if (over := found.caller.get("first sound")) is not None]
    curves: dict[str, Points] = {
        share: [(callers, getattr(over, share)) for callers, over in known] for share in ("p50", "p95", "p99")
    }
    return _chart(curves, [], goal_ms, "calls at once")


def _turn_by_turn(turns: Sequence[TurnResult], goal_ms: float) -> str:
    dots = [(turn.asked, turn.first_ms) for turn in turns if turn.first_ms is not None]
    return _chart({}, dots, goal_ms, "seconds into the test")


def _chart(curves: dict[str, Points], dots: Points, goal_ms: float, across: str) -> str:
    """Milliseconds upwards, from zero."""
    every = [*dots, *(point for points in curves.values() for point in points)]
    if not every:
        return "<p>Nobody heard an answer.</p>"
    widest = _round_up(max(x for x, _ in every))
    highest = _round_up(max(goal_ms, *(y for _, y in every)))

    def place(x: float, y: float) -> tuple[str, str]:
        right = LEFT + x / widest * (WIDTH - LEFT - RIGHT)
        return f"{right:.1f}", f"{HEIGHT - BOTTOM - y / highest * (HEIGHT - BOTTOM - TOP):.1f}"

    drawn = [_grid(widest, highest, place, across)]
    _, goal = place(0, goal_ms)
    drawn.append(f'<line class="goal" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{goal}" y2="{goal}"/>')
    drawn.append(f'<text x="{WIDTH - RIGHT}" y="{float(goal) - 5:.1f}" text-anchor="end">goal {goal_ms:.0f} ms</text>')
    for number, (name, points) in enumerate(curves.items()):
        line, right = " ".join(",".join(place(*point)) for point in points), LEFT + 12 + 60 * number
        drawn.append(f'<polyline class="{name}" points="{line}"/>')
        drawn.append(f'<polyline class="{name}" points="{right},{TOP} {right + 16},{TOP}"/>')
        drawn.append(f'<text x="{right + 20}" y="{TOP + 4}">{name}</text>')
    drawn += ['<circle cx="{}" cy="{}" r="2.5"/>'.format(*place(*dot)) for dot in dots]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="milliseconds by {across}">{"".join(drawn)}</svg>'
    )


def _round_up(value: float) -> float:
    """The end of an axis of five equal steps that people count in."""
    size = 10.0 ** floor(log10(max(value, 1e-3)))
    return next(size * step for step in (1, 1.5, 2, 2.5, 5, 7.5, 10) if size * step >= value)


def _grid(widest: float, highest: float, place: Place, across: str) -> str:
    drawn = []
    for number in range(6):
        x, y = number / 5 * widest, number / 5 * highest
        (right, _), (_, up) = place(x, 0), place(0, y)
        drawn.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up}" y2="{up}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{up}" text-anchor="end" dominant-baseline="middle">{y:g}</text>')
        drawn.append(f'<text x="{right}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>')
    drawn.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">{across}</text>')
    drawn.append(f'<text x="4" y="{TOP}">ms</text>')
    return "".join(drawn)


def _table(found: LoadTestResults) -> str:
    rows = [_row(NAMES[name], over) for group in (found.server, found.caller) for name, over in group.items()]
    head = "".join(f"<th>{name}</th>" for name in ("milliseconds", "count", "p50", "p95", "p99", "worst"))
    return f"<table><tr>{head}</tr>{''.join(rows)}{_row('load-generator lag', found.late)}</table>"


def _row(name: str, over: Percentiles) -> str:
    cells = (str(over.count), *(f"{value:.1f}" for value in (over.p50, over.p95, over.p99, over.worst)))
    return f"<tr><td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
