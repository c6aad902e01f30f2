"""Finds the bracket that closes a call or a piece of JSON, in a stream of text. Pure."""


class ClosingBracket:
    """Looks for the end of what one opening bracket began; the bracket itself has been read."""

    def __init__(self, quotes: str = '"') -> None:
        """`quotes`: the marks between which brackets do not count."""
        self._quotes = quotes
        self._depth, self._quote, self._escaped, self._last = 1, "", False, ""

    def end(self, text: str) -> int:
        """Where it ends in the next piece of text, behind the bracket; -1: not in this piece.

        A blank line ends it too: a model that forgot a bracket goes on with its answer there.
        """
        for at, char in enumerate(text):
            last, self._last = self._last, char
            if self._escaped:
                self._escaped = False
            elif self._quote:
                self._escaped = char == "\\"
                self._quote = "" if char == self._quote else self._quote
            elif char in self._quotes:
                self._quote = char
            elif char in "{[(":
                self._depth += 1
            elif char in "}])":
                self._depth -= 1
            if not self._depth:
                return at + 1
            if char == last == "\n" and not self._quote:
                return at
        return -1
