"""A caller's line in other words, and as people say it aloud. Pure."""

import random
import re

FIGURES = 4  # in a line that may be said digit by digit; "12 Harbour Street" is not
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def varied(text: str, dice: random.Random) -> str:
    """The same in other words: hesitation, words for figures."""
    if dice.random() < 0.4:
        text = dice.choice(("Um, ", "Well, ", "Okay, ", "Uh, ")) + text[:1].lower() + text[1:]
    if dice.random() < 0.5 and sum(sign.isdecimal() for sign in text) >= FIGURES:
        text = re.sub(r"\d", lambda digit: f"{_WORDS[int(digit[0])]} ", text)
    return text


def aloud(text: str) -> str:
    """As it is said: numbers of three figures and more digit by digit, in groups of at most four.

    A voice would make a hundred and twenty-three of them.
    """
    text = re.sub(r"(?<![\d.$£€])\d(?: \d\b)+(?!\d|\.\d)", lambda found: found[0].replace(" ", ""), text)
    numbers = r"(?<![\d.$£€])\d{3,}(?: \d{3,})*(?!\d|\.\d)"
    return re.sub(numbers, lambda found: ", ".join(_digits(group) for group in found[0].split()), text)


def slowly(words: str) -> str:
    """As it is said a second time: number words one at a time."""
    number = "|".join(_WORDS)
    return re.sub(rf"\b({number}),? (?=(?:{number})\b)", r"\1, ", words)


def _digits(figures: str) -> str:
    size = 4 if len(figures) % 4 == 0 else 3
    groups = [figures[at : at + size] for at in range(0, len(figures), size)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return ", ".join(" ".join(_WORDS[int(figure)] for figure in group) for group in groups)
