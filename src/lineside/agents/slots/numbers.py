"""Numbers as callers say them and as recognisers write them: words, figures, "oh", "double seven". Pure."""

import re

from msgspec import Struct

_UNIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
UNITS = {name: index for index, name in enumerate(_UNIT_NAMES)} | {"oh": 0, "o": 0, "nought": 0, "naught": 0}
UNITS["niner"] = 9  # as pilots say it
_TEEN_NAMES = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TEENS = {name: 10 + index for index, name in enumerate(_TEEN_NAMES)}
_TENS_NAMES = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
TENS = {name: 20 + 10 * index for index, name in enumerate(_TENS_NAMES)} | {"fourty": 40}
REPEATS = {"double": 2, "triple": 3, "treble": 3}
# What recognisers write for digits that stand among other digits.
HOMOPHONES = {"won": "one", "to": "two", "too": "two", "for": "four", "fore": "four", "ate": "eight", "tree": "three"}
HOMOPHONES["free"] = "three"

LONG = 5  # digits that are a number by themselves

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[@.+_#*/£$€%-]", re.IGNORECASE)


class Word(Struct, frozen=True):
    """A word of what was said, in small letters, and where it begins in the text."""

    text: str
    at: int


def words_of(text: str) -> tuple[Word, ...]:
    """The words, figures and signs of a text, in order; dashes inside words separate them."""
    plain = text.replace("\u2019", "'").replace("\u2013", "-").replace("\u2014", "-")
    return tuple([Word(found[0].lower(), found.start()) for found in _WORD.finditer(plain)])


def plain_words(text: str) -> list[str]:
    """The words and figures alone."""
    return [word.text for word in words_of(text) if word.text[0].isalnum()]


class DigitRun(Struct, frozen=True):
    """Digits that were said one after the other; `begin` and `end` are places among the words."""

    digits: str
    begin: int
    end: int


def digit_runs(words: tuple[Word, ...]) -> list[DigitRun]:
    """All stretches of digits: "one two three", "12345", "double seven", "forty two" (42), "nineteen ninety"."""
    runs: list[DigitRun] = []
    at = 0
    while at < len(words):
        digits, after = _number_at(words, at, inside=bool(runs) and runs[-1].end == at)
        if not digits:
            at += 1
            continue
        if runs and _only_signs(words[runs[-1].end : at]) and not _said_anew(words, runs[-1], at):
            runs[-1] = DigitRun(runs[-1].digits + digits, runs[-1].begin, after)
        else:
            runs.append(DigitRun(digits, at, after))
        at = after
    return runs


def without_digits(text: str, value: str) -> str:
    """A text without the digits in it that a value ends with: what else was said beside a number."""
    words = words_of(text)
    for run in digit_runs(words):
        if value.endswith(run.digits):
            behind = words[run.end].at if run.end < len(words) else len(text)
            return text[: words[run.begin].at] + text[behind:]
    return text


def _said_anew(words: tuple[Word, ...], before: DigitRun, at: int) -> bool:
    """Whether two long numbers of one length stand side by side: "12345, 12349" is the number and another one."""
    here, there = words[at].text, words[before.end - 1].text
    return here.isdecimal() and there.isdecimal() and len(here) == len(there) >= LONG


def _only_signs(between: tuple[Word, ...]) -> bool:
    return all(word.text in {"-", ".", "/", "dash", "space", "and", "then", "hyphen"} for word in between)


def _number_at(words: tuple[Word, ...], at: int, *, inside: bool) -> tuple[str, int]:
    """The digits that begin at this word, and the place behind them; none: it is no number."""
    word = words[at].text
    if inside and word in HOMOPHONES:
        word = HOMOPHONES[word]
    if word.isdecimal():
        return word, at + 1
    if word in REPEATS and at + 1 < len(words):
        digits, after = _number_at(words, at + 1, inside=True)
        return (digits[0] * REPEATS[word] + digits[1:], after) if digits else ("", at)
    if word in UNITS and (word != "o" or inside or _digit_follows(words, at)):
        return _hundreds(str(UNITS[word]), words, at + 1)
    if word in TEENS:
        return _hundreds(str(TEENS[word]), words, at + 1)
    if word in TENS:
        return _tens(TENS[word], words, at + 1)
    return "", at


def _digit_follows(words: tuple[Word, ...], at: int) -> bool:
    return at + 1 < len(words) and (words[at + 1].text in UNITS or words[at + 1].text.isdecimal())


def _tens(tens: int, words: tuple[Word, ...], at: int) -> tuple[str, int]:
    """Forty two is 42; forty, zero is 400."""
    if at < len(words) and words[at].text == "-":
        at += 1
    if at < len(words) and UNITS.get(words[at].text, 0) > 0 and words[at].text in _UNIT_NAMES:
        return str(tens + UNITS[words[at].text]), at + 1
    return str(tens), at


def _hundreds(digits: str, words: tuple[Word, ...], at: int) -> tuple[str, int]:
    """Three hundred is 300, two thousand 2000, one hundred twenty three 123."""
    if at == len(words) or words[at].text not in {"hundred", "thousand"}:
        return digits, at
    following = words[at + 1].text if at + 1 < len(words) else ""
    if words[at].text == "hundred" and following in TENS:
        rest, after = _tens(TENS[following], words, at + 1 + 1)
        return digits + rest, after
    if words[at].text == "hundred" and following in TEENS:
        return digits + str(TEENS[following]), at + 2
    return digits + ("00" if words[at].text == "hundred" else "000"), at + 1
