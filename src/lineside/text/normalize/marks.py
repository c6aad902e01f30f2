"""What is written but not said: markdown, HTML tags, emoji. What is left is plain text that knows where it stood.

Not markdown-it-py: a whole sentence takes it 150 us, it does not tell where an inline mark stood, and it needs the
whole document, of which a piece of a reply is a part. Tests compare the two.
"""

import html
import re
from collections.abc import Iterator

from msgspec import Struct

# Pictures; not the arrows and the signs of arithmetic, which are said.
_EMOJI = "\U0001f000-\U0001faff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2b00-\u2bff\u3030\u303d\u3297\u3299©®™ℹ"
_JOINERS = "\u200b-\u200f\u2060\ufe0e\ufe0f\u20e3\ufeff\U000e0020-\U000e007f"  # inside emoji, or of no width

_ANY = re.compile(
    rf"\$[A-Za-z\\({{]|[*_`#\[\]<>|~\\•{_EMOJI}{_JOINERS}]|(?m:^[ \t]*[-+][ \t-])|&#?\w{{2,5}};|[:;]-?[)(DPp]"
)

_LINE_STARTS = re.compile(
    r"""(?mx)
      ^[ \t]*(?P<rule>(?P<sign>[-*_])(?:[ \t]*(?P=sign)){2,}[ \t]*)$
    | ^(?P<columns>[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*:?-*:?[ \t]*)$
    | ^[ \t]*(?P<row>\|.*)$
    | ^[ \t]*(?P<lead>(?:\#{1,6}[ \t]+|>[ \t]+)*(?:[-*+•◦▪●‣][ \t]+)?(?:\[[ xX]\][ \t]+)?)
    """
)
_TAGS = "br|b|i|u|em|strong|s|p|div|span|a|ul|ol|li|h[1-6]|code|pre|table|thead|tbody|tr|td|th|sup|sub|hr|img|small"
_WITHIN_WORDS = re.compile(r"</?(?:b|i|u|em|strong|s|span|a|code|sup|sub|small)\b", re.IGNORECASE)
# The commands of LaTeX that a model uses in an answer, and what to read instead.
_COMMANDS = {
    "times": "×", "cdot": "×", "div": "÷", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠",
    "ne": "≠", "approx": "≈", "infty": "∞", "to": "→", "rightarrow": "→", "Rightarrow": "→", "degree": "°", "circ": "°",
    "sum": "∑", "left": "", "right": "", "quad": " ", "qquad": " ", "displaystyle": "", "in": "∈", "ldots": "…",
    "dots": "…", "pi": "π", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "theta": "θ",
    "lambda": "λ", "mu": "μ", "sigma": "σ", "Sigma": "Σ", "phi": "φ", "omega": "ω", "Omega": "Ω", "epsilon": "ε",
}  # fmt: skip
_COMMAND = "|".join(sorted(_COMMANDS, key=len, reverse=True))
_MATH = re.compile(r"(\$\$?)(?=[A-Za-z\\({])[^$\n]{0,200}[^$\n\s]\1(?![\w$])")
_INLINE = re.compile(
    rf"""(?xi)
      (?P<address>\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+"[^"\n]*")?\))  # [text](address): the text is said
    | <(?P<auto>(?:https?://|[\w.+-]+@)[^<>\s]+)>
    | (?P<url>https?://[^\s<>\]\)*]+)
    | \\[dt]?frac\{{(?P<top>[^{{}}\n]{{1,60}})\}}\{{(?P<bottom>[^{{}}\n]{{1,60}})\}}(?P<frac>)
    | \\sqrt(?P<cube>\[3\])?\{{(?P<root>[^{{}}\n]{{1,60}})\}}
    | \\(?:text|mathrm|mathbf|mathit|textbf|operatorname)\{{(?P<named>[^{{}}\n]{{1,80}})\}}
    | \\(?P<command>(?-i:{_COMMAND}))(?![A-Za-z])\s?
    | (?P<math>\\[()\[\]])
    | (?P<masked>(?:[*•·]{{4}}[ -]?){{1,3}}(?=\d{{4}}))
    | \\(?P<escaped>[\\`*_{{}}\[\]()\#+.!|>~%$&-])
    | (?P<image>!?\[)
    | (?P<tag></?(?:{_TAGS})(?:\s[^<>\n]{{0,200}})?/?>)
    | (?P<entity>&(?:amp|lt|gt|quot|nbsp|apos|\#39);)
    | (?P<strong>\*{{2,}}|~~|(?<!\w)_{{2,}}|_{{2,}}(?!\w)|\]|`+)
    | (?P<smiley>(?<!\S)[:;]-?[)(DP](?!\w))
    | (?P<emoji>[{_EMOJI}]+)
    | (?P<joiner>[{_JOINERS}]+)
    """
)
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])|(?<!\w)_(?=[^\s_])([^_\n]*[^\s_])_(?!\w)")

Edit = tuple[int, int, str]  # from, to, what to read instead


class UnmarkedText(Struct, frozen=True):
    """Text without its marks, and where each of its characters ended in the written text."""

    text: str
    ends: list[int] | None = None  # None: nothing was taken out

    def written_to(self, at: int) -> int:
        """How far into the written text its first `at` characters reach."""
        return at if self.ends is None else self.ends[at - 1]


def unmarked(text: str) -> UnmarkedText:
    """Take the marks out."""
    if not _ANY.search(text):
        return UnmarkedText(text)
    pieces: list[str] = []
    ends: list[int] = []
    here = 0
    for start, end, instead in sorted([*_line_starts(text), *_inline(text), *_emphasis(text), *_math(text)]):
        if start < here:
            continue  # inside another mark
        pieces += text[here:start], instead
        ends += range(here + 1, start + 1)
        ends += [end] * len(instead)
        here = end
    pieces.append(text[here:])
    ends += range(here + 1, len(text) + 1)
    return UnmarkedText("".join(pieces), ends)


def _line_starts(text: str) -> Iterator[Edit]:
    for found in _LINE_STARTS.finditer(text):
        for name in ("rule", "columns", "lead"):
            if found[name]:
                yield *found.span(name), ""
        if found["row"]:
            yield from _row(found.start("row"), found["row"].rstrip())


def _row(start: int, row: str) -> Iterator[Edit]:
    """A row of a table: its cells with a breath between them."""
    last = len(row) - 1
    for bar in re.finditer(r"(?<!\\)\|", row):
        yield start + bar.start(), start + bar.end(), "," if 0 < bar.start() < last else ""


def _inline(text: str) -> Iterator[Edit]:
    for found in _INLINE.finditer(text):
        start, end = found.span()
        match found.lastgroup:
            case "auto":
                yield start, start + 1, ""
                yield end - 1, end, ""
            case "escaped":
                yield start, start + 1, ""
            case "entity":
                yield start, end, html.unescape(found[0])
            case "tag" | "emoji" | "smiley":
                yield start, end, "" if _WITHIN_WORDS.match(found[0]) else " "
            case "image":
                yield start, end, " " if start and text[start - 1].isalnum() else ""
            case "address" | "strong" | "joiner" | "math":
                yield start, end, ""
            case "masked":
                yield start, end, "XXXX "
            case "frac" | "root" | "named" | "command":
                yield start, end, _latex(found)


def _latex(found: re.Match[str]) -> str:
    """What to read for a command of LaTeX."""
    if found["root"]:
        return f"{'∛' if found['cube'] else '√'}{found['root']}"
    if found["named"]:
        return found["named"]
    if found["command"]:
        return f"{_COMMANDS[found['command']]} "
    top, bottom = found["top"], found["bottom"]
    return f"{top}/{bottom}" if top.isdecimal() and bottom.isdecimal() else f"{top} over {bottom}"


def _math(text: str) -> Iterator[Edit]:
    """$x^2$: the signs around it are silent."""
    for found in _MATH.finditer(text):
        size = len(found[1])
        yield found.start(), found.start() + size, ""
        yield found.end() - size, found.end(), ""


def _emphasis(text: str) -> Iterator[Edit]:
    for found in _EMPHASIS.finditer(text):
        yield found.start(), found.start() + 1, ""
        yield found.end() - 1, found.end(), ""
