"""Which words of a question carry what is asked: the others stand in any question. English.

Numbers are compared as figures, so that "twenty-five" finds 25.
"""

import re

from lineside.agents.slots.numbers import TEENS, TENS, UNITS

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?", re.IGNORECASE)
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")

# Words that ask, join and point, and the courtesies of a telephone call.
_STOP_WORDS = """
a about above actually after again all also am an and another any anybody anyone anything are as ask at away be because
been before being but by bye call called calling can cannot come comes coming could did do does doing down each else
every everything excuse find for from get gets getting give given go goes going good goodbye got had has have having he
hear hello help her here hey hi him his hm how however i if in into is it its just kindly know let like look lot make
many may maybe me mean might mine more most much must my myself near need needs never nice no not now of off oh ok okay
on once one ones only or other our ours out over own perhaps please question really right said same say see shall she
should since so some somebody someone something sometimes sorry still such sure take takes tell than thank thanks that
the their them then there these they thing things think this those through to told too try trying uh um until up us use
very want wanted was we well were what when where whether which while who whom whose why will wish with wonder
wondering would yeah yes yet you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

_CONTRACTED = re.compile(r"'(?:s|re|ve|ll|d|m)$|n't$")

SPELLED = {"oh", "o"}  # digits of a number that is spelled; in a question they are something else
NUMBERS = {word: value for word, value in (UNITS | TEENS | TENS).items() if word not in SPELLED}


def content_words(text: str) -> tuple[str, ...]:
    """The words that carry what is asked, lower case, each once, in order; numbers in figures."""
    found = [word for word in _with_figures(all_words(text)) if word not in STOP_WORDS]
    return tuple(dict.fromkeys(found))


def all_words(text: str) -> list[str]:
    """Every word, lower case, without its contraction: "what's" is "what", "don't" is "do"."""
    plain = _GROUPED.sub("", text.replace("’", "'"))
    return [bare for word in _WORD.findall(plain.lower()) if (bare := _CONTRACTED.sub("", word))]


def _with_figures(words: list[str]) -> list[str]:
    """ "two hundred and fifty" is 250. "One" and "two" stay words where nothing else of a number is beside them."""
    out: list[str] = []
    at = 0
    while at < len(words):
        end, value = _number(words, at)
        if end > at:
            out.append(str(value))
            at = end
        else:
            out.append(words[at])
            at += 1
    return out


def _number(words: list[str], at: int) -> tuple[int, int]:
    """Where the number that begins here ends, and its value; the same place where none begins."""
    total, current, end, seen = 0, 0, at, 0
    while end < len(words):
        word = words[end]
        if word in NUMBERS:
            value = NUMBERS[word]
            if seen and not _continues(current, value, after_thousand=total > 0 and current == 0):
                break
            current += value
        elif word == "hundred" and 0 < current < 100:
            current *= 100
        elif word == "thousand" and current:
            total, current = total + current * 1000, 0
        elif word == "and" and seen and words[end - 1] in ("hundred", "thousand") and words[end + 1 : end + 2]:
            if words[end + 1] not in NUMBERS:
                break
            end += 1
            continue
        else:
            break
        seen += 1
        end += 1
    if seen == 1 and words[at] == "one":
        return at, 0  # "which one", "one of you"
    return (end, total + current) if seen else (at, 0)


def _continues(current: int, value: int, *, after_thousand: bool) -> bool:
    """Whether "twenty" goes on with "five", or "two hundred" with "fifty"."""
    if after_thousand:
        return True
    return (current % 100 == 0 and current > 0 and value < 100) or (
        current % 10 == 0 and 0 < value < 10 and current % 100 >= 20
    )
