"""English phonemes as Kokoro reads them, from those that espeak writes.

Kokoro was trained on phonemes of its authors' own (hexgrad/misaki, EN_PHONES.md): diphthongs and affricates are one
letter each, in capitals or ligatures. The rules are those by which that project turns espeak's into them (misaki,
espeak.py), but for the ties between two letters that belong together: espeak leaves them out here, and in English
nothing else looks like one. The numbers are those published with the model (hexgrad/Kokoro-82M, config.json).
"""

import re
import unicodedata
from collections.abc import Iterable

# In this order; what two letters make comes before what one of them would.
BOTH = (
    ("ʔˌn\u0329", "tn"),
    ("ʔn\u0329", "tn"),
    ("aɪ", "I"),
    ("aʊ", "W"),
    ("eɪ", "A"),
    ("ɔɪ", "Y"),
    ("dʒ", "ʤ"),
    ("tʃ", "ʧ"),
    ("ɚɹ", "əɹ"),
    ("ʲo", "jo"),
    ("ʲə", "jə"),
    ("ʲ", ""),
)
BRITISH = (("eə", "ɛː"), ("iə", "ɪə"), ("əʊ", "Q"))
AMERICAN = (("oʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɾ", "T"))
LAST = (
    ("e", "A"),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("o", "ɔ"),
    ("ʔ", "t"),
    ("\u0303", ""),
)
SYLLABIC = re.compile("(.)\u0329")
DARK_L = re.compile("əl(?![ˈˌjaeiouæɑɐɒɔəɚɛɜɪʊʌᵻ])")  # that of "little", which is a syllable; not that of "hello"

NUMBERS = dict(
    zip(";:,.!?", range(1, 7), strict=True)
) | {
    "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14, "”": 15, " ": 16, "A": 24, "I": 25, "O": 31, "Q": 33,
    "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "d": 46, "e": 47, "f": 48, "h": 50, "i": 51, "j": 52,
    "k": 53, "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "z": 68,
    "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102,
    "ŋ": 112, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʧ": 133, "ʊ": 135, "ʌ": 138, "ʒ": 147, "ʔ": 148, "ˈ": 156,
    "ˌ": 157, "ː": 158, "ᵻ": 177,
}  # fmt: skip


def kokoro(espeak: Iterable[str], british: bool) -> str:
    """Espeak's phonemes of a sentence → Kokoro's, none that it does not know."""
    text = DARK_L.sub("ᵊl", unicodedata.normalize("NFC", "".join(espeak)))
    for old, new in (*BOTH, *(BRITISH if british else AMERICAN), *LAST):
        text = text.replace(old, new)
    text = SYLLABIC.sub(r"ᵊ\1", text)
    return "".join(letter for letter in text if letter in NUMBERS)
