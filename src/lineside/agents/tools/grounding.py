"""Whether an argument that a language model gives was said by the caller, keyed, or given by a tool. Pure.

A model invents order numbers. An argument counts only if the same rules that fill slots find its value in the caller's
own words, or if it is a slot's value or what an earlier tool gave.
"""

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from lineside.agents.declared import Slot
from lineside.agents.slots.extract import Place, Said, extract
from lineside.agents.slots.numbers import UNITS, plain_words

TURNS_TOGETHER = 3  # of the caller's, in a row, that may hold one value: a number in three breaths
WINDOWS = 200  # stretches of the caller's words that are looked at, the latest first

_CLAUSES = re.compile(r"[.,;:!?]\s+|\band\b|\bor\b|\bbut\b", re.IGNORECASE)
_FIGURES = {name: str(value) for name, value in UNITS.items() if len(name) > 2}  # "oh" may be no zero


class CallerEvidence(Struct, frozen=True):
    """What the arguments of a call may come from."""

    turns: tuple[str, ...]  # what the caller has said in this call, oldest first
    slots: Mapping[str, str] = {}  # what slots were filled with, by words or keys
    given: Mapping[str, str] = {}  # what tools have given, by its name


def canonical(slot: Slot | None, value: str, place: Place) -> str | None:
    """The value as a slot of this kind has it; None: it is none of the kind."""
    if slot is None:
        return " ".join(value.split()) or None
    if slot.kind in {"text", "name"}:
        return " ".join(value.split())[:300] or None
    if slot.kind == "choice" and value in slot.options:
        return value
    if slot.kind in {"amount", "number"}:
        value = value.replace(",", "").lstrip("$£€ ")
        try:
            number = float(value)
        except ValueError:
            return _found(slot, value, place)
        within = (slot.least is None or number >= slot.least) and (slot.most is None or number <= slot.most)
        return (f"{number:.2f}" if slot.kind == "amount" else f"{number:g}") if within else None
    return _found(slot, value, place)


def grounded(name: str, slot: Slot | None, value: str, evidence: CallerEvidence, place: Place) -> bool:
    """Whether a canonical value comes from the caller or a tool."""
    if evidence.slots.get(name) == value or evidence.given.get(name) == value:
        return True
    if slot is None:
        return value in evidence.given.values() or any(_holds(window, value) for window in _windows(evidence.turns))
    if slot.kind in {"text", "name"}:
        return any(_holds(window, value) for window in _windows(evidence.turns))
    return any(canonical(slot, window, place) == value for window in _windows(evidence.turns))


def _found(slot: Slot, text: str, place: Place) -> str | None:
    found = extract(slot, Said(text), place)
    return found.value if found is not None and found.whole else None


def _windows(turns: tuple[str, ...]) -> Iterator[str]:
    """Stretches of the caller's words that may hold a value: turns, their clauses, turns together."""
    left = WINDOWS
    for last in range(len(turns), 0, -1):
        together = [" ".join(turns[first:last]) for first in range(last - 1, max(-1, last - 1 - TURNS_TOGETHER), -1)]
        clauses = _CLAUSES.split(turns[last - 1])
        for window in (*together, *(clauses if len(clauses) > 1 else ())):
            if not left:
                return
            left -= 1
            yield window


def _holds(window: str, value: str) -> bool:
    """Whether all words of a value are among those of a window, figures and words being the same."""
    wanted, there = _figures(value), set(_figures(window))
    return bool(wanted) and all(word in there for word in wanted)


def _figures(text: str) -> list[str]:
    return [_FIGURES.get(word, word) for word in plain_words(text.lower())] or text.lower().split()
