"""Which task a caller wants, from their words alone; none where that is not plain. Pure."""

import math
import re
from collections.abc import Mapping
from itertools import pairwise

from lineside.agents.declared import Task
from lineside.agents.slots.numbers import plain_words

# Words that say nothing about what is wanted.
_EMPTY_TEXT = """
no not all nothing anything something everything else
a about an and any are as at be been but by can could did do does for from get give go got had has have hello help hey
hi how i i'd i'll i'm i've if in is it it's just let like may me my need of on one or our please so some sorry thank
thanks that that's the their them there they this to today tell uh um us want was we well what when where who will
with would yes yeah you your know see check make able calling call yet now still
"""
_EMPTY = frozenset(_EMPTY_TEXT.split())
# Questions about a thing, which are not a wish to have it: "how much is an engineer visit?"
_ABOUT = re.compile(
    r"\b(?:how (?:much|long|many|does)|what (?:does|do|is the|are the)|cost|costs|price|charge|charges|fee|free"
    r"|what happens|do i (?:have to|need to)|is there a)\b",
    re.IGNORECASE,
)
# Questions about those who come, which are no wish for one: "are your engineers certified?"
_ABOUT_THEM = re.compile(r"^\W*(?:are|is|do|does|did|was|were|have|has) (?:your|the|any|all)\b", re.IGNORECASE)
_THINGS = frozenset({"a", "an", "the", "my", "our", "your"})  # before what one has
_DOERS = frozenset({"i", "we", "you", "they", "to"})  # before what one does
ENOUGH = 0.5  # of a phrase's weight that must be there
AHEAD = 1.2  # times better than the next task
WORD_FOR_WORD = 2.0  # times as much counts a phrase that was said as it stands


def route(text: str, tasks: Mapping[str, Task]) -> str:
    """The task's name; empty: none, or it cannot be told which."""
    said = _content(text)
    if not said or not tasks:
        return ""
    weights = _weights(tasks)
    scores = sorted(((_score(said, text, task, weights), name) for name, task in tasks.items()), reverse=True)
    best = scores[0][0]
    if not best or (len(scores) > 1 and best < AHEAD * scores[1][0]):
        return ""
    return scores[0][1]


def _score(said: set[str], text: str, task: Task, weights: Mapping[str, float]) -> float:
    """How much of the best phrase was said, weighed by how much its words tell; 0: not enough of any."""
    best = 0.0
    asks_about = _ABOUT.search(text)
    plain = f" {' '.join(plain_words(text))} "
    for phrase in task.when:
        wanted = _content(phrase)
        common = wanted & said
        if (asks_about and not _ABOUT.search(phrase)) or not common or (len(common) == 1 and common != wanted):
            continue
        if len(wanted) == 1 and (_is_verb(wanted, phrase, text) or _ABOUT_THEM.search(text)):
            continue
        weight = sum(weights[word] for word in common)
        share = weight / sum(weights[word] for word in wanted)
        if share >= ENOUGH:
            exact = f" {' '.join(plain_words(phrase))} " in plain
            best = max(best, share * weight * (WORD_FOR_WORD if exact else 1.0))
    return best


def _is_verb(wanted: set[str], phrase: str, text: str) -> bool:
    """Whether a thing was said only as what one does: "my order" is not wanted by "I'd like to order a router"."""
    before = _before(wanted, text)
    return bool(_before(wanted, phrase) & _THINGS) and bool(before) and before <= _DOERS


def _before(wanted: set[str], text: str) -> set[str]:
    """The words that stand right before these."""
    words = plain_words(text)
    return {one for one, word in pairwise(words) if _stem(word) in wanted}


def _weights(tasks: Mapping[str, Task]) -> dict[str, float]:
    """Words that few tasks have say more."""
    having: dict[str, set[str]] = {}
    for name, task in tasks.items():
        for phrase in task.when:
            for word in _content(phrase):
                having.setdefault(word, set()).add(name)
    return {word: 1.0 + math.log(len(tasks) / len(names)) for word, names in having.items()}


def _content(text: str) -> set[str]:
    return {_stem(word) for word in plain_words(text) if word not in _EMPTY and not word.isdecimal()}


def _stem(word: str) -> str:
    """Bookings, booking, booked → book."""
    for ending in ("ings", "ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "ls" else stem
    return word
