"""Callers who correct themselves within a turn: "one two three, no, one two four". Pure."""

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
