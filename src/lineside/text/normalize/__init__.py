"""Written text becomes what a voice can say: numbers, money, dates, addresses and markdown, stretch by stretch."""

import re
from functools import cache
from unicodedata import category

from msgspec import Struct

from lineside.text.normalize.english import in_english
from lineside.text.normalize.marks import unmarked
from lineside.text.normalize.times import Order
from lineside.text.scripts import foreign_letters

CODE = "I have some code in the text."  # nobody wants it read out
_FENCED = re.compile(r"(```.*?(?:```|\Z)\s*)", re.DOTALL)
_NOT_ENGLISH = re.compile(r"[^A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ\u0300-\u036f.,;:!?'’\"“”‘()«»¿¡\s-]")
_WORDS = re.compile(r"\S*\s*")
# Regions by the order of day and month in their dates; in all others the day comes first.
_MONTH_FIRST = frozenset(["US", "PH", "FM", "PW", "MH", "GU", "PR", "VI"])
_EITHER_ORDER = frozenset(["CA", "KE", "GH"])
_NO_WORDS = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "So"])  # general categories (Unicode, UAX 44, table 12)


class SpokenStretch(Struct, frozen=True):
    """A stretch of the written text, and what the voice says for it: whole words, or nothing for what is silent."""

    written: str
    said: str


def spoken(text: str, language: str = "en") -> list[SpokenStretch]:
    """Say each stretch. Joined, `written` is `text` again; joined, `said` is what the voice gets.

    A stretch is as small as it can be: a word, an amount, a date. No word of what is said runs across two of them.
    Meant for the pieces that `Sentences` cuts: its cost grows with the square of a text without spaces.

    In a language other than English ("de", "fr-CA") marks and pictures are silent and the voice reads numbers its own
    way.
    """
    if "```" not in text:
        return _prose(text, language)
    sayings: list[SpokenStretch] = []
    for index, part in enumerate(_FENCED.split(text)):
        sayings += [SpokenStretch(part, f" {CODE} ")] if index % 2 else _prose(part, language)
    return sayings


def said(text: str, language: str = "en") -> str:
    """What the voice says for this text."""
    return " ".join("".join(saying.said for saying in spoken(text, language)).split())


def _prose(text: str, language: str) -> list[SpokenStretch]:
    plain = unmarked(text)
    if language.lower().startswith("en"):
        stretches = in_english(plain.text, _date_order(language))
    else:
        stretches = _as_written(plain.text)
    unsayable = _unsayable(language)
    if unsayable.search("".join(words for _, words in stretches)):
        stretches = [(end, unsayable.sub("", words)) for end, words in stretches]
    if not plain.text.isascii():
        stretches = [(end, words if words.isascii() else _sayable(words)) for end, words in stretches]
    sayings: list[SpokenStretch] = []
    here = 0
    for index, (end, words) in enumerate(stretches, 1):
        upto = plain.written_to(end) if index < len(stretches) else len(text)
        sayings.append(SpokenStretch(text[here:upto], words))
        here = upto
    return sayings if sayings or not text else [SpokenStretch(text, "")]


def _sayable(words: str) -> str:
    """Without pictures, what is invisible, and what is no character: no voice of any language says them."""
    return "".join(char for char in words if char.isspace() or category(char) not in _NO_WORDS)


@cache
def _unsayable(language: str) -> re.Pattern[str]:
    """What no voice of this language says, and what rules have left: signs that are no punctuation, other scripts."""
    if language.lower().startswith("en"):
        return _NOT_ENGLISH
    return re.compile(f"[{foreign_letters(language)}\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\\\\{{}}|~^`]")


def _date_order(language: str) -> Order:
    """Whether 3/4 begins with its day or its month, where "en-GB" or "en-US" tells."""
    region = language.replace("_", "-").rpartition("-")[2].upper() if len(language) > 3 else ""
    if region in _MONTH_FIRST:
        return "mdy"
    return "dmy" if region and region not in _EITHER_ORDER else ""


def _as_written(text: str) -> list[tuple[int, str]]:
    return [(word.end(), word[0] if word[0].strip() else "") for word in _WORDS.finditer(text) if word[0]]
