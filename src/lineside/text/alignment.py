"""The words of a reply: as they are written, as they are said, and how far the caller has heard them. Pure."""

import re

from lineside.text.normalize import SpokenStretch


class Alignment:
    """One piece as it is written and as it is said, and how far the voice has come with it."""

    def __init__(self, sayings: list[SpokenStretch]) -> None:
        self._left = list(sayings)
        self._owed = 0  # words said of stretches that are not complete yet
        self.said = " ".join("".join(s.said for s in sayings).split())

    def written(self, says: str) -> str:
        """The written stretches that are complete now that the voice has said these words too."""
        self._owed += _words(says)
        done = ""
        while self._left and (need := _words(self._left[0].said)) <= self._owed and (self._owed or not need):
            self._owed -= need
            done += self._left.pop(0).written
        return done

    def rest(self) -> str:
        """All that is left."""
        left = "".join(s.written for s in self._left)
        self._left.clear()
        return left


def alike(one: str, other: str) -> bool:
    """Whether both are the same words, whatever their marks and capitals."""
    return re.findall(r"\w+", one.lower()) == re.findall(r"\w+", other.lower())


def rest_after(text: str, heard: str) -> str:
    """What follows in `text` when its beginning has been heard, whatever the spaces."""
    left = sum(not c.isspace() for c in heard)
    for index, char in enumerate(text):
        if left == 0:
            return text[index:].strip()
        left -= not char.isspace()
    return ""


_WORD = re.compile(r"\S*[^\W_]\S*")  # with a letter or a digit in it


def _words(text: str) -> int:
    return len(_WORD.findall(text))
