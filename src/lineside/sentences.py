"""Tokens of a language model become pieces that can be spoken, as soon as each is whole."""

import re


class Sentences:
    """Cuts one reply. Pure: it is fed tokens and answers with the pieces that are complete."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, token: str) -> list[str]:
        """Take one token; answer the pieces that it completed."""
        self._text += token
        *done, self._text = re.split(r"(?<=[.!?])\s+", self._text)
        return [piece for piece in done if piece]

    def end(self) -> list[str]:
        """The reply is over: answer what is left of it."""
        text, self._text = self._text.strip(), ""
        return [text] if text else []
