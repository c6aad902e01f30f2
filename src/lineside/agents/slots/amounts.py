"""Quantities and sums of money as callers say them: "a hundred and twenty", "35 dollars fifty", "99 cents". Pure."""

import re

from msgspec import Struct

from lineside.agents.slots.numbers import TEENS, TENS, UNITS, words_of
from lineside.agents.slots.repair import after_last_marker

_MONEY = {"dollar", "dollars", "bucks", "pound", "pounds", "euro", "euros", "$", "£", "€"}
_CENTS = {"cent", "cents", "pence", "penny", "p", "c"}
_POINT = {"point", "."}


class Quantity(Struct, frozen=True):
    """A quantity; `sure` is False where it can be another one: "two fifty" is 250 or 2.50."""

    value: float
    sure: bool = True


def find_quantity(text: str) -> Quantity | None:
    """The one quantity that a text says; after a correction the last one. None: it says none."""
    words = words_of(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))
    said = [word.text for word in words]
    corrected = after_last_marker(words)
    return (_first(said[corrected:]) if corrected else None) or _first(said)


def _first(words: list[str]) -> Quantity | None:
    """The first quantity among these words, with the cents behind it."""
    for at in range(len(words)):
        number, end, sure = _number(words, at)
        if number is None:
            continue
        rest = words[end:]
        if rest and rest[0] in _CENTS:
            return Quantity(number / 100, sure)
        if not rest or rest[0] not in _MONEY:
            return Quantity(number, sure)
        begin = 2 if rest[1:2] == ["and"] else 1
        cents, after, _ = _number(rest, begin)
        if cents is None or not 0 < cents < 100 or (begin == 2 and rest[after : after + 1] not in _CENT_WORDS):
            return Quantity(number, sure)
        return Quantity(number + cents / 100, sure)
    return None


_CENT_WORDS = [[], *([word] for word in _CENTS)]


def _number(words: list[str], at: int) -> tuple[float | None, int, bool]:
    """The number that begins here, where it ends, and whether it can be no other; None: none begins here."""
    total, part, begun, sure, last = 0.0, 0.0, False, True, 0.0
    begin = at
    while at < len(words):
        word = words[at]
        if word == "a" and words[at + 1 : at + 2] in (["hundred"], ["thousand"]):
            part, begun = part + 1, True
        elif (value := _value(word)) is not None:
            if begun and not _goes_on(part, last, value):
                if last >= 100 or not 10 <= value < 100 or part >= 100 or word.isdecimal():
                    break
                part, sure = part * 100, False  # "two fifty", "nineteen ninety nine"
            part, last, begun = part + value, value, True
        elif word == "hundred" and begun:
            part, last = part * 100, 100.0
        elif word == "thousand" and begun:
            total, part, last = total + part * 1000, 0.0, 1000.0
        elif not (word == "and" and last in (100.0, 1000.0) and at > begin and _value(_at(words, at + 1)) is not None):
            if word == "-" and last in TENS.values() and _value(_at(words, at + 1)) is not None:
                at += 1
                continue
            break
        at += 1
    if not begun:
        return None, begin, True
    decimals, at = _decimals(words, at)
    return total + part + decimals, at, sure


def _goes_on(part: float, last: float, value: float) -> bool:
    """Whether "twenty" goes on with "five", or "two hundred" with "fifty"."""
    if last in (100.0, 1000.0) or not part:
        return value < last or not part
    return last in TENS.values() and 0 < value < 10


def _decimals(words: list[str], at: int) -> tuple[float, int]:
    """What stands behind a point: "point five", ".50"."""
    signs = ""
    if _at(words, at) not in _POINT:
        return 0.0, at
    end = at + 1
    while end < len(words) and (words[end].isdecimal() or words[end] in UNITS):
        signs += words[end] if words[end].isdecimal() else str(UNITS[words[end]])
        end += 1
    return (float(f"0.{signs}"), end) if signs else (0.0, at)


def _value(word: str) -> float | None:
    if word.isdecimal():
        return float(word)
    for names in (UNITS, TEENS, TENS):
        if word in names:
            return float(names[word])
    return None


def _at(words: list[str], at: int) -> str:
    return words[at] if at < len(words) else ""
