"""Written text becomes what a voice can say: numbers, money, dates, addresses and markdown, stretch by stretch."""

import re

from msgspec import Struct

from lineside.text.normalize.english import in_english
from lineside.text.normalize.marks import unmarked

CODE = "I have some code in the text."  # nobody wants it read out
_FENCED = re.compile(r"(```.*?(?:```|\Z)\s*)", re.DOTALL)
_WORDS = re.compile(r"\S*\s*")


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
    stretches = in_english(plain.text) if language.lower().startswith("en") else _as_written(plain.text)
    sayings: list[SpokenStretch] = []
    here = 0
    for index, (end, words) in enumerate(stretches, 1):
        upto = plain.written_to(end) if index < len(stretches) else len(text)
        sayings.append(SpokenStretch(text[here:upto], words))
        here = upto
    return sayings if sayings or not text else [SpokenStretch(text, "")]


def _as_written(text: str) -> list[tuple[int, str]]:
    return [(word.end(), word[0] if word[0].strip() else "") for word in _WORDS.finditer(text) if word[0]]
