"""Spelled codes: letters by name, by NATO's alphabet, "B as in boy", with digits among them. Pure."""

import re

from lineside.agents.slots.found import Found
from lineside.agents.slots.numbers import REPEATS, Word, digit_runs, words_of
from lineside.agents.slots.repair import after_last_marker

_NATO = """alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar
papa quebec romeo sierra tango uniform victor whiskey whisky xray yankee zulu"""
NATO = {word: word[0] for word in _NATO.split()}
# Letters by name, as recognisers write them.
_NAMES_TEXT = """
a ay hey; b bee be; c see sea cee; d dee; e ee; f ef eff; g gee jee; h aitch haitch; i eye; j jay; k kay okay; l el
ell; m em; n en; o oh; p pee pea; q queue cue; r are ar; s ess; t tee tea; u you; v vee; w doubleu; x ex; y why; z
zee zed
"""
NAMES = {name: entry.split()[0] for entry in _NAMES_TEXT.split(";") for name in entry.split()[1:]}
_AS_IN = ("as", "for", "like")
_SIGNS = {"dash": "-", "hyphen": "-", "minus": "-", "slash": "/", "-": "-", "/": "/"}
_FILLERS_TEXT = """
it's its is the my code reference number um uh er and then capital letter yes so okay
"""
_FILLERS = frozenset(_FILLERS_TEXT.split())
_ONE_BY_ONE = re.compile(r"\b[a-z0-9](?:-[a-z0-9]\b)+", re.IGNORECASE)  # "A-B-1-2": how recognisers write spelling
# Letters that sound alike on a telephone line (ITU-T P.800 lists such sets for intelligibility tests).
CONFUSED = ("bcdegptvz3", "akj8", "mn", "fsx", "iy5", "qu")


def spelled_signs(words: tuple[Word, ...]) -> str:
    """Letters and digits that these words spell, small; words that spell nothing are passed over."""
    digits = {run.begin: run for run in digit_runs(words)}
    signs, at = "", 0
    while at < len(words):
        word = words[at].text
        following = words[at + 1].text if at + 1 < len(words) else ""
        if len(word) == 1 and word.isalpha() and following in _AS_IN and at + 2 < len(words):
            skip = 4 if following == "as" and words[at + 2].text == "in" else 3
            example = words[at + skip - 1].text if at + skip - 1 < len(words) else word
            signs, at = signs + example[0], at + skip  # the example decides: it is heard better than the letter
        elif word == "double" and following in {"u", "you"}:
            signs, at = signs + "w", at + 2
        elif word in REPEATS and (letter := _letter(following)):
            signs, at = signs + letter * REPEATS[word], at + 2
        elif word == "x" and (ray := _ray(words, at)):
            signs, at = signs + "x", ray
        elif at in digits and not (word == "o" or (word in NAMES and word != "oh")):
            signs, at = signs + digits[at].digits, digits[at].end
        elif word in _SIGNS:
            signs, at = signs + (_SIGNS[word] if signs else ""), at + 1
        else:
            beside = _touches_digits(words, at)
            signs, at = signs + (_letter(word) or _written(word, beside=beside)), at + 1
    return signs


def _ray(words: tuple[Word, ...], at: int) -> int:
    """The place behind "x ray" or "x-ray"; 0: it is the letter alone."""
    behind = [word.text for word in words[at + 1 : at + 3]]
    return at + 2 if behind[:1] == ["ray"] else at + 3 if behind == ["-", "ray"] else 0


def _touches_digits(words: tuple[Word, ...], at: int) -> bool:
    """Whether figures stand right before or behind this word, as in "ab12" or "AB-12"."""
    here = words[at]
    if at + 2 < len(words) and words[at + 1].text in _SIGNS and words[at + 2].text.isdecimal():
        return True
    after = at + 1 < len(words) and words[at + 1].at == here.at + len(here.text) and words[at + 1].text.isdecimal()
    before = at > 0 and words[at - 1].at + len(words[at - 1].text) == here.at and words[at - 1].text.isdecimal()
    return after or before


def _letter(word: str) -> str:
    if len(word) == 1 and word.isalpha():
        return word
    return NATO.get(word) or ("" if word in _FILLERS else NAMES.get(word, ""))


def _written(word: str, *, beside: bool) -> str:
    """Letters that the recogniser wrote as one word: beside figures, as in "ab12", or such as no word has."""
    return word if word.isalpha() and len(word) <= 3 and (beside or not set(word) & set("aeiouy")) else ""


def find_spelled(text: str, length: int | None, before: str = "") -> Found | None:
    """A code of letters and digits, in capitals; dashes are dropped where the length is set."""
    words = words_of(_ONE_BY_ONE.sub(lambda signs: signs[0].replace("-", " "), text))
    signs = spelled_signs(words[after_last_marker(words) :]) or spelled_signs(words)
    if length is not None:
        signs = "".join(sign for sign in signs if sign.isalnum())
        if before and len(before) + len(signs) <= length:
            signs = before.lower() + signs
    signs = signs.strip("-/")
    if not signs:
        return None
    whole = length is None or len(signs) == length
    if length is not None and len(signs) > length:
        return Found("", sure=False, whole=False)
    doubt = next((sign for sign in signs if any(sign in alike for alike in CONFUSED)), "")
    heard_better = any(word.text in NATO or word.text in _AS_IN for word in words)
    return Found(signs.upper(), sure=heard_better or not doubt, whole=whole, doubt=doubt.upper())
