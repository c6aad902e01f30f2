"""Yes and no, and one of several options. Pure."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher

from lineside.agents.slots.found import Found
from lineside.agents.slots.numbers import plain_words

_YES_TEXT = """
yes yeah yep yup sure ok okay correct right exactly absolutely definitely please perfect fine good
"""
_YES = frozenset(_YES_TEXT.split())
_NO_TEXT = """
no nope nah not don't dont wrong incorrect never cancel stop negative
"""
_NO = frozenset(_NO_TEXT.split())
_YES_PHRASES = (
    "go ahead",
    "that's right",
    "that is right",
    "that's correct",
    "of course",
    "sounds good",
    "do it",
    "book it",
    "i have",
    "i did",
    "it is",
    "mm hmm",
    "uh huh",
    "please do",
    "i do",
    "no problem",
    "not bad",
    "why not",
    "no that's fine",
    "no that's right",
    "that works",
)
_NO_PHRASES = (
    "not yet",
    "i haven't",
    "i have not",
    "i didn't",
    "i did not",
    "not really",
    "it isn't",
    "it's not",
    "that's not",
    "don't think so",
    "not exactly",
    "not quite",
    "neither",
    "hold on",
    "wait",
)
_DENIED = re.compile(r"\bnot (?:in |on |at )?(?:the |a |an )?$")  # "not in the morning"
_UNSURE = re.compile(r"\b(?:not|isn't|aren't|never) (?:so |quite |really |all that )?(?:sure|certain) ")
_TAKEN_BACK = re.compile(r" (?:sorry|wait|i mean|i meant) (?:oh |um |uh )*(?:yes|yeah|yep|yup) ")
_ALIKE = 0.86  # of a word and an option: "mourning" for "morning"


def yes_or_no(text: str) -> str:
    """ "yes", "no", or nothing where the words say neither; the last word on it counts."""
    said = plain_words(text)
    plain = _UNSURE.sub("", f" {' '.join(said)} ")
    if not plain.strip():
        return ""
    marks = [(plain.rfind(f" {word} "), "yes") for word in _YES if f" {word} " in plain]
    marks = [(at, "no" if _DENIED.search(plain[: at + 1]) else answer) for at, answer in marks]  # "that's not right"
    marks += [(plain.rfind(f" {word} "), "no") for word in _NO if f" {word} " in plain]
    marks += [(plain.rfind(f" {phrase} ") + len(phrase), "yes") for phrase in _YES_PHRASES if f" {phrase} " in plain]
    marks += [(plain.rfind(f" {phrase} ") + len(phrase), "no") for phrase in _NO_PHRASES if f" {phrase} " in plain]
    if not marks:
        return ""
    if max(marks)[1] == "yes" and _TAKEN_BACK.search(plain):
        return "yes"  # "no, I mean yes"
    if said[0] in {"no", "nope", "nah"} and not any(f" {phrase} " in plain for phrase in _YES_PHRASES):
        return "no"  # "no, that's not right", "no please"
    return max(marks)[1]


def clear_yes(text: str) -> bool:
    """A yes with nothing behind it that takes it back or changes something: what a write waits for."""
    said = plain_words(text)
    doubts = {
        "but",
        "except",
        "instead",
        "wait",
        "actually",
        "change",
        "maybe",
        "perhaps",
        "think",
        "if",
        "what",
        "how",
    }
    return yes_or_no(text) == "yes" and not doubts & set(said) and len(said) <= 10


def find_yes_no(text: str) -> Found | None:
    """See `yes_or_no`."""
    said = yes_or_no(text)
    return Found(said) if said else None


def find_choice(text: str, options: Mapping[str, tuple[str, ...]]) -> Found | None:
    """The option that was named; the last one where there were several and one was taken back."""
    said = plain_words(text)
    plain = f" {' '.join(said)} "
    found: list[tuple[int, int, str]] = []
    for option, others in options.items():
        for name in (option, *others):
            words = " ".join(plain_words(name))
            at = plain.rfind(f" {words} ")
            if words and at >= 0 and not _DENIED.search(plain[: at + 1]):
                found.append((at, len(words), option))
    if found:
        named = {option for _, _, option in found}
        return Found(max(found)[2], sure=len(named) == 1)
    return _nearly(said, options)


def _nearly(said: list[str], options: Mapping[str, tuple[str, ...]]) -> Found | None:
    """One word that is nearly an option, where no other is."""
    scores = [
        (max((_ratio(word, name) for word in said if len(word) > 3), default=0.0), option)
        for option, others in options.items()
        for name in (option, *others)
    ]
    best = max(scores, default=(0.0, ""))
    return Found(best[1], sure=False) if best[0] >= _ALIKE else None


def _ratio(word: str, name: str) -> float:
    return SequenceMatcher(None, word, name.lower()).ratio()
