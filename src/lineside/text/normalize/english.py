"""English text in stretches, with what to say for each: words as they stand, everything else by the first rule."""

import re
from typing import get_args

from lineside.text.normalize import amounts, codes, identifiers, money, science, technical, times, words
from lineside.text.normalize.numbers import cardinal
from lineside.text.normalize.rule import Rule
from lineside.text.scripts import foreign_letters

# Most of a text: a word that no rule is about, its punctuation and one space.
_WORD = re.compile(r"(?![A-Z]\. |[VX]\b)([A-Za-z][a-z]*(?:['’][a-z]*)?)(?:[,;:.!?][\"”]?|[)\"”][,;:.!?]?)?(?: |\Z)")
_SPECIAL = words.SPECIAL | times.SPECIAL

_LETTER = r"[^\W0-9_][\u0300-\u036f]*"
_ANY_WORD = re.compile(
    rf"((?:[\u0590-\u1fff\u3040-\ud7ff\uf900-\ufaff]+|(?:{_LETTER})+)(?:['’\-‑](?:{_LETTER})+)*)(\(s\))?"
)
_FOREIGN = re.compile(f"[{foreign_letters('en')}]")
_TAIL = re.compile(r"[.,;:!?…)}\"”’'»]+")
_SPACE = re.compile(r"\s+")
_ITEM = re.compile(r"(\d{1,3})[.)](?=\s+\S)")
_NUMBER_BEFORE = re.compile(r"\d\s?(?:%|°?[A-Za-z]{1,4})?\s?$")
_OPENERS = "(\"'“‘"
_MARKS = ",.;:!?"
_TRAILING_OFF = re.compile(r"(?<![.…])(?:\.\.|…)[.…]*(?=[!?])")
_ELLIPSIS = re.compile(r"(?:\.\.|…)[.…]*")
_SHOUTS = re.compile(r"[!?]{2,}")
_BREATHS = re.compile(r"([,;:.])[,;:.]+")

_FROM_DIGIT: list[Rule] = [
    *identifiers.NUMBERS_IN_LETTERS,
    *science.FROM_DIGIT,
    *money.MONEY_BEHIND,
    *codes.TELEPHONES,
    *amounts.AMOUNTS,
    *codes.NUMBERED,
    *times.YEARS,
    *codes.CODES,
    *amounts.NUMBERS,
]
_FROM_SIGN: list[Rule] = [
    *science.FROM_SIGN,
    *technical.FROM_SIGN,
    *identifiers.MASKED,
    *money.MONEY_BEHIND,
    *identifiers.NUMBERS_IN_LETTERS,
    *money.MONEY,
    *times.SIGNS,
    *codes.HASHES,
    *codes.TELEPHONES,
    *amounts.AMOUNTS,
    *amounts.NUMBERS,
]
_FROM_LETTER: list[Rule] = [
    *identifiers.IBANS,
    *technical.NAMES,
    *codes.ADDRESSES,
    *technical.FROM_LETTER,
    *science.FROM_LETTER,
    *money.MONEY,
    *words.ABBREVIATIONS,
    *times.NAMES,
    *codes.CODES,
    *words.CAPITALS,
]
# Digits with a space behind them: most numbers. None of these rules can be about them, so none is asked.
_DIGITS_ALONE = re.compile(r"\d{1,6}(?=[.,;:!?]?(?:\s|\Z))")
_NEED_MORE = frozenset([*science.NEED_MORE, *codes.NEED_MORE, *amounts.NEED_MORE, *times.NEED_MORE])
_FROM_DIGITS_ALONE: list[Rule] = [rule for rule in [*times.DATES, *_FROM_DIGIT] if rule[1] not in _NEED_MORE]
_FROM_DIGIT_BY_ORDER = {order: [*codes.EMAILS, *times.dates(order), *_FROM_DIGIT] for order in get_args(times.Order)}
_SIGNS = {"&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "<": "less than", ">": "greater than"}
_SIGNS |= {"×": "times", "÷": "divided by", "≈": "about", "±": "plus or minus", "≤": "at most", "≥": "at least"}
_SIGNS |= {"$": "dollars", "£": "pounds", "€": "euros", "°": "degrees", "§": "section", "\\": "backslash"}
_SIGNS |= {"∞": "infinity", "≠": "not equal to", "∑": "the sum of", "∈": "in", "∝": "proportional to"}
_SIGNS |= {"→": "to", "⇒": "to", "➜": "to", "|": ","}
_DASHES = "-–—‒―−"


def in_english(text: str, order: times.Order = "") -> list[tuple[int, str]]:
    """Where each stretch ends, and what to say for it. The last one ends with the text.

    `order` is the one of day and month that the agent's locale expects.
    """
    reader = _Reader(text, order)
    at, word = 0, _WORD.match
    while at < len(text):
        found = word(text, at)
        if found and found[1].lower() not in _SPECIAL:
            at = found.end()
            reader.say(at, found[0])
        else:
            at = reader.read(at)
    return reader.stretches


class _Reader:
    """Goes through one text, stretch by stretch."""

    def __init__(self, text: str, order: times.Order) -> None:
        self._text = text
        self._from_digit = _FROM_DIGIT_BY_ORDER[order]
        self.stretches: list[tuple[int, str]] = []
        self._opened = ""  # a bracket or a quotation mark before the next word
        self._last = -1  # the stretch that said something last

    def read(self, at: int) -> int:
        """Read what is not an ordinary word; answer where it ends."""
        text = self._text
        if text[at].isspace():
            return self._spaces(at)
        end, said = self._by_rule(at) or self._by_sign(at)
        if not said:
            self.stretches.append((end, ""))
        elif said in _MARKS:
            self.stretches.append((end, ""))
            self._mark(said)
        elif said in _OPENERS:
            self.stretches.append((end, ""))
            self._opened += said
        else:
            tail = _TAIL.match(text, end)
            if tail:
                end = tail.end()
                said += _punctuation(tail[0], text[end:])
            self.say(end, said)
        return end

    def say(self, end: int, said: str) -> None:
        """Say words; none grows together with the one before."""
        if self._opened:
            said, self._opened = self._opened + said, ""
        if self._last >= 0 and not self.stretches[self._last][1].endswith(" "):
            said = f" {said}"
        self._last = len(self.stretches)
        self.stretches.append((end, said))

    def _mark(self, mark: str) -> None:
        """A comma or a full stop where the voice shall breathe, once."""
        if self._last < 0:
            return
        end, said = self.stretches[self._last]
        if said.rstrip()[-1:] not in ",.;:!?":
            said = said.rstrip() + mark + " " * said.endswith(" ")
            self.stretches[self._last] = (end, said)

    def _spaces(self, at: int) -> int:
        """Spaces belong to what stands before them. A line is a sentence."""
        found = _SPACE.match(self._text, at)
        end = found.end() if found else at + 1
        if not self.stretches:
            self.stretches.append((end, ""))
            return end
        if "\n" in self._text[at:end] and end < len(self._text):
            self._mark(".")
        self.stretches[-1] = (end, self.stretches[-1][1])
        if self._last >= 0:
            upto, said = self.stretches[self._last]
            self.stretches[self._last] = (upto, said if said.endswith(" ") else f"{said} ")
        return end

    def _by_rule(self, at: int) -> tuple[int, str] | None:
        text, char = self._text, self._text[at]
        if "0" <= char <= "9":
            item = _ITEM.match(text, at)
            if item and not text[text.rfind("\n", 0, at) + 1 : at].strip():
                return item.end(), f"{cardinal(int(item[1]))},"
            rules = _FROM_DIGITS_ALONE if _DIGITS_ALONE.match(text, at) else self._from_digit
        elif char.isalpha():
            rules = _FROM_LETTER
        else:
            rules = _FROM_SIGN
        for pattern, rule in rules:
            if (found := pattern.match(text, at)) and (said := rule(found)) is not None:
                return found.end(), said
        if found := _ANY_WORD.match(text, at):
            word = _FOREIGN.sub("", found[1])
            return found.end(), f"{word}s" if word and found[2] else word
        return None

    def _by_sign(self, at: int) -> tuple[int, str]:
        """What one sign, or a row of the same, is to be called; a comma for a breath, nothing for silence."""
        text, char = self._text, self._text[at]
        end = at + 1
        while end < len(text) and text[end] == char:
            end += 1
        before, after = text[max(0, at - 12) : at], text[end : end + 12]
        if char in _DASHES:
            return _dash(text, at, end, before, after)
        if char == "." and end - at == 1 and after[:1].isalpha() and not before[-1:].strip():
            return end, "dot"
        if char in "….":
            return end, _punctuation(text[at:end], text[end:]) if end - at > 1 or char == "…" else "."
        if char == "/":
            return end, _slash(before, after)
        if char == "*":
            return end, _star(before, after)
        if char == "#":
            return end, _hash(before, after)
        if char == ">" and before[-1:] == " " and after[:1] == " ":
            return end, "then" if before.strip()[-1:].isalpha() else "greater than"  # Settings > Wi-Fi
        if char in _OPENERS and after[:1].strip():
            return at + 1, char
        if char in _MARKS:
            return end, char
        if char in "%°&@+=<>" and end - at > 1:
            return end, ""  # a line drawn with signs
        return (end, _SIGNS[char]) if char in _SIGNS else (end, text[at:end] if char.isalnum() else "")


def _punctuation(tail: str, following: str) -> str:
    """The same, with repetitions said once. Dots that trail off are a breath: voices run over "..." ."""
    if len(tail) == 1 and tail != "…":
        return tail
    ends = not following.strip() or following.lstrip()[0].isupper()
    tail = _TRAILING_OFF.sub("", tail)
    tail = _ELLIPSIS.sub("." if ends else ",", tail)
    tail = _SHOUTS.sub(lambda m: "?" if "?" in m[0] else "!", tail)
    return _BREATHS.sub(r"\1", tail)


def _dash(text: str, at: int, end: int, before: str, after: str) -> tuple[int, str]:
    """A range, an arrow, a pause, or only a join."""
    if after.startswith(">"):
        return end + 1, "to"
    close = before[-1:].strip() and after[:1].strip()
    if re.match(r"\s?[$£€]?\d", after) and _NUMBER_BEFORE.search(before):
        return end, "to"
    if close and text[at:end] == "–" and before[-1].isalpha() and after[0].isalpha():
        return end, "to"
    if close and text[at:end] in "-‑":
        return end, ""
    return end, "," if before.strip() and after.strip() else ""


def _slash(before: str, after: str) -> str:
    """and/or, TCP/IP, 5/8/2."""
    last, first = before.rstrip()[-1:], after.lstrip()[:1]
    if not (last.isalpha() and first.isalpha()):
        return "slash" if first.isalnum() else ""
    return "" if last.isupper() and first.isupper() else "or"


def _hash(before: str, after: str) -> str:
    """A key of the telephone, or a hashtag."""
    if after[:1].isalpha():
        return "hashtag"
    return "hash" if before[-1:].isalnum() or not after[:1].strip() else ""


def _star(before: str, after: str) -> str:
    """A key of the telephone, a multiplication, or a mark of emphasis that lost its other half."""
    if re.search(r"\d\s?$", before) and re.match(r"\s?\d", after):
        return "times"
    if not before[-1:].strip() and (after[:1].isdecimal() or not after[:1].strip() or after[0] in ".,;?!"):
        return "star"
    return ""
