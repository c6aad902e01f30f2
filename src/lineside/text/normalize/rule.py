"""What a rule is: a pattern that begins where the reader stands, and what to say for what it matched."""

import re
from collections.abc import Callable

# None: not this after all, ask the next rule.
Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]]

_ENDS = re.compile(r"[\"'”’)\]*_]*\s*(?:$|[A-Z\"“‘\n])")


def before(m: re.Match[str], characters: int = 60) -> str:
    """What is written before it."""
    return m.string[max(0, m.start() - characters) : m.start()]


def after(m: re.Match[str], characters: int = 40) -> str:
    """What is written after it."""
    return m.string[m.end() : m.end() + characters]


def stop(m: re.Match[str]) -> str:
    """The full stop of an abbreviation, where it ends the sentence too."""
    return "." if m[0].endswith(".") and _ENDS.match(m.string, m.end()) else ""
