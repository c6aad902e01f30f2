"""Catches an answer that is the greeting again: small models copy what they have just said. Pure."""

import re

from lineside.engines.protocols import Token

AT_LEAST = 4  # words of a greeting that can be recognised; shorter ones ("Hello.") are ordinary answers too


class GreetedAgain(Exception):
    """The model says the greeting instead of an answer. Nothing of it has been passed on."""


class GreetingGuard:
    """Holds tokens back while they could be the greeting, which is decided after a word or two."""

    def __init__(self, greeting: str) -> None:
        words = _words(greeting)
        self._greeting = words if len(words) >= AT_LEAST else []
        self._held: list[Token] = []

    def feed(self, token: Token) -> list[Token]:
        """The tokens that may go on now. Raises `GreetedAgain` when the first words are those of the greeting."""
        if not self._greeting:
            return [token]
        self._held.append(token)
        said = _words("".join(held.text for held in self._held))
        if said[:AT_LEAST] == self._greeting[:AT_LEAST]:
            raise GreetedAgain
        # The last word may still grow.
        known, growing = said[:-1], said[-1] if said else ""
        if known == self._greeting[: len(known)] and self._greeting[len(known)].startswith(growing):
            return []
        self._greeting = []
        return self.end()

    def end(self) -> list[Token]:
        """What is still held: the answer is over."""
        held, self._held = self._held, []
        return held


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.casefold().replace("\u2019", "'"))
