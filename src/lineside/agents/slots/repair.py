"""Callers who correct themselves within a turn: "one two three, no, one two four". Pure."""

import re

from lineside.agents.slots.numbers import Word

# Words after which what was said before is replaced. "No" alone only where something of the same kind surrounds it.
_MARKERS = (
    ("scratch", "that"),
    ("make", "that"),
    ("make", "it"),
    ("i", "mean"),
    ("i", "meant"),
    ("let", "me", "correct"),
    ("no", "wait"),
    ("or", "rather"),
    ("correction",),
    ("sorry",),
    ("wait",),
    ("actually",),
    ("rather",),
    ("no",),
    ("but",),
)


def marker_in(words: tuple[Word, ...], begin: int, end: int) -> bool:
    """Whether these words say that what stood before was wrong."""
    said = [word.text for word in words[begin:end]]
    return any(_holds(said, marker) for marker in _MARKERS)


def _holds(said: list[str], marker: tuple[str, ...]) -> bool:
    size = len(marker)
    return any(tuple(said[at : at + size]) == marker for at in range(len(said) - size + 1))


def after_last_marker(words: tuple[Word, ...]) -> int:
    """Where the words behind the last marker begin; 0: there is none."""
    for at in range(len(words), 0, -1):
        for marker in _MARKERS:
            begin = at - len(marker)
            if begin >= 0 and tuple(word.text for word in words[begin:at]) == marker:
                return at
    return 0


def replaced(before: str, after: str, wanted: int | None) -> tuple[str, bool]:
    """Digits that were corrected: all of them, or the last ones. The second is whether that can be doubted."""
    if len(after) >= len(before) or (wanted is not None and len(after) == wanted):
        return after, False
    tail = before[: len(before) - len(after)] + after
    if wanted is not None and len(tail) != wanted and len(before) + len(after) == wanted:
        return before + after, True
    return tail, True


# Where a caller paused, as recognisers write it: the end of a sentence, a comma, figures that go on without dashes.
_PAUSES = (re.compile(r"[.?!\u2026]+\s+"), re.compile(r"[,;:]+\s+"), re.compile(r"(?<=\w-\w)\s+(?=\w)"))
FEW = 2  # pauses of one kind in a turn; where there are more, each sign of one value stands alone


def said_apart(text: str) -> list[str]:
    """What was said after each pause, then what was said before each: one of them may be the value, said anew."""
    places = []
    for pause in _PAUSES:
        found = [match.end() for match in pause.finditer(text) if match.end() < len(text)]
        places += found if len(found) <= FEW else []
    return [text[place:] for place in places] + [text[:place] for place in places]
