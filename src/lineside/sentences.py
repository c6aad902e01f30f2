"""placeholder"""

import re


class Sentences:
    def __init__(self) -> None:
        self._text = ""

    def feed(self, token: str) -> list[str]:
        self._text += token
        *done, self._text = re.split(r"(?<=[.!?])\s+", self._text)
        return done

    def end(self) -> list[str]:
        text, self._text = self._text.strip(), ""
        return [text] if text else []
