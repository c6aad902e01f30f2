"""Cuts a text into the pieces of words that BERT models read: lower case, no accents, longest piece first.

After Devlin et al., "BERT" (2019), and its reference tokenizer; the vocabulary is a text file, a piece a line.
"""

import unicodedata
from collections.abc import Iterator, Sequence

UNKNOWN, BEGIN, END = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100  # characters; a longer word is unknown as a whole

# Characters that are words by themselves: CJK ideographs, as the reference tokenizer lists them.
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPieces:
    """A vocabulary."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """Raises `KeyError` where it lacks one of the three marks."""
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown, self._begin, self._end = (self._numbers[mark] for mark in (UNKNOWN, BEGIN, END))

    def numbers(self, text: str, at_most: int) -> list[int]:
        """The text as numbers of pieces between begin and end, `at_most` of them; what is beyond is left out."""
        pieces: list[int] = []
        for word in _words(text):
            if len(pieces) >= at_most - 2:
                break
            pieces += self._pieces(word)
        return [self._begin, *pieces[: at_most - 2], self._end]

    def _pieces(self, word: str) -> list[int]:
        if len(word) > LONGEST_WORD:
            return [self._unknown]
        found: list[int] = []
        at = 0
        while at < len(word):
            mark = "##" if at else ""
            for end in range(len(word), at, -1):
                number = self._numbers.get(mark + word[at:end])
                if number is not None:
                    found.append(number)
                    at = end
                    break
            else:
                return [self._unknown]
        return found


def _words(text: str) -> Iterator[str]:
    """The text's words, lower case and without accents; marks and CJK characters stand alone."""
    word = ""
    for char in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(char)
        if char.isspace():
            alone = ""
        elif category in ("Mn", "Cc", "Cf", "Co", "Cs"):
            continue
        elif _is_mark(char, category) or any(low <= ord(char) <= high for low, high in _CJK):
            alone = char
        else:
            word += char
            continue
        if word:
            yield word
        if alone:
            yield alone
        word = ""
    if word:
        yield word


def _is_mark(char: str, category: str) -> bool:
    return category.startswith("P") or (char.isascii() and not char.isalnum())
