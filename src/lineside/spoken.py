"""Written text becomes what a voice can say: numbers, money, dates, addresses and markdown, stretch by stretch."""

import re

from msgspec import Struct


class Saying(Struct, frozen=True):
    """A stretch of the written text, and what the voice says for it; empty where it says nothing."""

    written: str
    said: str


def spoken(text: str, language: str = "en") -> list[Saying]:
    """Say each stretch. Joined, `written` is `text` again; joined, `said` is what the voice gets."""
    return [Saying(word, word) for word in re.findall(r"\S+\s*|\s+", text)]


def said(text: str, language: str = "en") -> str:
    """What the voice says for this text."""
    return " ".join("".join(saying.said for saying in spoken(text, language)).split())
