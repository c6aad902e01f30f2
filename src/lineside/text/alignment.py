"""The words of a reply: as they are written, as they are said, and how far the caller has heard them. Pure."""

import re
from collections import deque

from lineside.text.normalize import SpokenStretch

# Characters that a voice is given at once. XTTS cuts English at 250 and loses the end (coqui-ai/TTS, tokenizer.py),
# kokoro-onnx and Kokoro-FastAPI at 510 phonemes, which some 400 characters have.
MOST_SAID = 240


class Alignment:
    """One piece as it is written and as it is said, and how far the voice has come with it."""

    def __init__(self, sayings: list[SpokenStretch]) -> None:
        self._left = deque([(_words(s.said), s.written) for s in sayings])  # words to say for it, and it
        self._owed = 0  # words said of stretches that are not complete yet
        self.said = " ".join("".join(s.said for s in sayings).split())
        self._ends = _ends(sayings) if len(self.said) > MOST_SAID else []

    def portions(self) -> list[str]:
        """What is said, in portions that every voice says to its end: `MOST_SAID` characters at most.

        A number or an amount stays whole, and a mark is the better place to part. Joined, they are `said`.
        """
        portions, begin, mark, before = list[str](), 0, 0, 0
        for end in self._ends:
            while end - begin > MOST_SAID:
                space = self.said.rfind(" ", begin, begin + MOST_SAID)
                cut = mark if mark > begin else before if before > begin else space
                cut = cut if cut > begin else begin + MOST_SAID  # one word without an end
                portions.append(self.said[begin:cut].strip())
                begin = cut
            before = end
            if self.said[end - 1] in ",;:.!?":
                mark = end
        rest = self.said[begin:].strip()
        return [*portions, rest] if rest else portions

    def written(self, says: str) -> str:
        """The written stretches that are complete now that the voice has said these words too."""
        self._owed += _words(says)
        done = ""
        while self._left and (need := self._left[0][0]) <= self._owed and (self._owed or not need):
            self._owed -= need
            done += self._left.popleft()[1]
        return done

    def rest(self) -> str:
        """All that is left."""
        left = "".join([written for _, written in self._left])
        self._left.clear()
        return left


def _ends(sayings: list[SpokenStretch]) -> list[int]:
    """Where in what is said a stretch ends, and another word begins."""
    ends, whole = [], ""
    for one, after in zip(sayings, [*sayings[1:], None], strict=True):
        whole += one.said
        if after is None or one.said[-1:].isspace() or after.said[:1].isspace():
            ends.append(len(" ".join(whole.split())))
    return sorted(set(ends))


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
    return 1 if text.isalnum() else len(_WORD.findall(text))
