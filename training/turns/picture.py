"""Draws the curves as an SVG that is readable on light and dark pages."""

from collections.abc import Mapping, Sequence

from training.turns.play import Outcome

WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 720, 440, 64, 24, 24, 56
MOST_CUT, MOST_DELAY = 0.30, 2.2  # the axes' ends: share, seconds
COLOURS = ("#8a8f98", "#c2701c", "#1667c2")


def draw(curves: Mapping[str, Sequence[Outcome]]) -> str:
    """False cut-offs across, mean delay up; each curve the best of its kind at every level."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" font-family="sans-serif" font-size="13">',
        "<title>Mean delay against false cut-offs</title>",
        f'<rect width="{WIDE}" height="{HIGH}" fill="#ffffff"/>',
    ]
    for percent in range(0, 31, 5):
        x = _x(percent / 100)
        lines.append(f'<path d="M{x:.1f} {TOP}V{HIGH - BOTTOM}" stroke="#e4e6ea"/>')
        lines.append(
            f'<text x="{x:.1f}" y="{HIGH - BOTTOM + 20}" text-anchor="middle" fill="#3b4048">{percent} %</text>'
        )
    for tenth in range(0, 23, 4):
        y = _y(tenth / 10)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{WIDE - RIGHT}" stroke="#e4e6ea"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#3b4048">{tenth / 10:.1f} s</text>')
    lines.append(_text(WIDE / 2, HIGH - 14, "pauses inside a turn that were cut off"))
    lines.append(f'<text x="{LEFT + 10}" y="{TOP + 16}" fill="#3b4048">mean delay from the true end</text>')
    for colour, outcomes in zip(COLOURS, curves.values(), strict=True):
        points = _steps(outcomes)
        path = "L".join(f"{_x(cut):.1f} {_y(mean):.1f}" for cut, mean in points)
        lines.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>')
    for index, (colour, name) in enumerate(zip(COLOURS, curves, strict=True)):
        y = TOP + 40 + 22 * index
        lines.append(f'<path d="M{WIDE - 210} {y}h26" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<text x="{WIDE - 176}" y="{y + 4}" fill="#1d2127">{name}</text>')
    x, y = _x(0.05), _y(0.75)
    lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="none" stroke="#1d2127" stroke-width="1.5"/>')
    lines.append(f'<text x="{x - 9:.1f}" y="{y + 18:.1f}" text-anchor="end" fill="#1d2127">aim</text>')
    return "\n".join([*lines, "</svg>", ""])


def _steps(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """The least delay at each share of cut-offs, from few to many."""
    found: list[tuple[float, float]] = []
    for each in sorted(outcomes, key=lambda each: (each.cut, each.mean)):
        if each.cut <= MOST_CUT and each.mean <= MOST_DELAY and (not found or each.mean < found[-1][1]):
            found.append((each.cut, each.mean))
    return found


def _x(share: float) -> float:
    return LEFT + share / MOST_CUT * (WIDE - LEFT - RIGHT)


def _y(seconds: float) -> float:
    return HIGH - BOTTOM - seconds / MOST_DELAY * (HIGH - TOP - BOTTOM)


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" fill="#3b4048">{words}</text>'
