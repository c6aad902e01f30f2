"""placeholder"""

import re

from msgspec import Struct


class Saying(Struct, frozen=True):
    written: str
    said: str


def spoken(text: str, language: str = "en") -> list[Saying]:
    return [Saying(w, w) for w in re.findall(r"\S+\s*|\s+", text)]
