"""Numbers that nobody should keep: payment cards, bank accounts, PINs and security codes, said or typed. Pure.

A caller who reads one out where nobody asked for it has it hidden in all that is shown, sent, kept or given to a
language model. A card is 13 to 19 digits whose check digit is right (ISO/IEC 7812-1), or that are called a card; an
account is an IBAN (ISO 13616) whose check digits are right; a PIN is digits behind its name. A number in two breaths is
hidden from the second on. Of a first breath eight digits may be told, as may be kept of a card (PCI DSS 3.4); twelve
where nothing calls it a card, for then it may be a telephone number. In a recording the whole turn is silence then.
"""

import re

from lineside.agents.slots.digits import checks, joined_runs
from lineside.agents.slots.numbers import DigitRun, Word, digit_runs, words_of
from lineside.agents.slots.spelled import NATO

HIDDEN = "•••"
CARD_DIGITS = range(13, 20)
FIRST_BREATH = 8  # digits of a card that may stay
PIN_DIGITS = range(3, 9)
_CARD = re.compile(r"\b(?:card|visa|master ?card|amex|american express|maestro|debit|credit)\b", re.IGNORECASE)
_PIN = re.compile(
    r"\b(?:pin|pin ?code|pass ?code|pass ?word|security (?:code|number)|cvv2?|cvc2?|card verification|expiry)\b",
    re.IGNORECASE,
)
_LITTLE = re.compile(r"(?:\W|\b(?:is|s|it|its|was|number|code|the|on|of|at|my|back|card|front)\b)*", re.IGNORECASE)
# Lengths of IBANs (ISO 13616, the registry of SWIFT) by country.
_IBAN = {
    "ad": 24, "at": 20, "be": 16, "bg": 22, "ch": 21, "cy": 28, "cz": 24, "de": 22, "dk": 18, "ee": 20, "es": 24,
    "fi": 18, "fr": 27, "gb": 22, "gr": 27, "hr": 21, "hu": 28, "ie": 22, "is": 26, "it": 27, "li": 21, "lt": 20,
    "lu": 20, "lv": 21, "mc": 27, "mt": 31, "nl": 18, "no": 15, "pl": 28, "pt": 25, "ro": 24, "se": 24, "si": 19,
    "sk": 24, "sm": 27, "tr": 26, "ae": 23, "sa": 24, "il": 23,
}  # fmt: skip


def without_sensitive_numbers(text: str, *, before: str = "", asked: str = "", unfinished: bool = False) -> str:
    """The text with such numbers hidden.

    Args:
        text: what the caller said in this turn.
        before: what they said in the turn before, in which the number may have begun.
        asked: what the agent said last: digits that answer a question for a PIN are one.
        unfinished: they still speak: what may become a card is hidden until it is known not to be one.
    """
    words = words_of(text)
    if not any(word.text[0].isalnum() for word in words):
        return text
    runs = joined_runs(words)
    spans = [
        *_ibans(words),
        *_cards(text, words, runs, before, asked, unfinished=unfinished),
        *_pins(text, words, runs, asked),
    ]
    return _hidden(text, words, spans)


Span = tuple[int, int]  # places among the words: the first, and the one behind the last


def _cards(
    text: str, words: tuple[Word, ...], runs: list[DigitRun], before: str, asked: str, *, unfinished: bool
) -> list[Span]:
    begun, goes_on = _open_end(before), before.rstrip(" .,").endswith(HIDDEN)
    called = bool(_CARD.search(text) or _CARD.search(asked) or _CARD.search(before))
    found = []
    for number, run in enumerate(runs):
        first = number == 0 and _leads(words, run)
        size = len(begun if first else "") + len(run.digits)
        right = size in CARD_DIGITS and (called or checks((begun if first else "") + run.digits, "luhn"))
        the_rest = first and goes_on and len(run.digits) > 1
        too_much = (called or (unfinished and run is runs[-1])) and len(
            run.digits
        ) > FIRST_BREATH  # the rest comes with the next breath
        if right or the_rest or too_much:
            found.append((run.begin, run.end))
    return found


def _open_end(before: str) -> str:
    """The digits with which a turn ended, in which a number may have begun."""
    words = words_of(before)
    runs = joined_runs(words)
    if not runs or any(word.text[0].isalnum() for word in words[runs[-1].end :]):
        return ""
    return runs[-1].digits


def _leads(words: tuple[Word, ...], run: DigitRun) -> bool:
    """Whether a turn begins with these digits, but for words such as "and then"."""
    return all(len(word.text) <= 4 for word in words[: run.begin]) and run.begin <= 3


def _pins(text: str, words: tuple[Word, ...], runs: list[DigitRun], asked: str) -> list[Span]:
    wanted = asked.rstrip().endswith("?") and _PIN.search(asked) is not None
    names = [found.end() for found in _PIN.finditer(text)]
    found = []
    for run in runs:
        begin = words[run.begin].at
        named = any(end <= begin and _LITTLE.fullmatch(text[end:begin]) for end in names)
        if (wanted or named) and len(run.digits) in PIN_DIGITS:
            found.append((run.begin, run.end))
    return found


def _ibans(words: tuple[Word, ...]) -> list[Span]:
    signs = [_sign(word.text) for word in words]
    runs = {run.begin: run for run in digit_runs(words)}
    found = []
    for begin in range(len(words)):
        if not signs[begin].isalpha() or len(signs[begin]) not in (1, 2):
            continue
        account, at = "", begin
        while at < len(words) and len(account) < max(_IBAN.values()):
            if at in runs:
                account, at = account + runs[at].digits, runs[at].end
            elif signs[at] or not words[at].text[0].isalnum():
                account, at = account + signs[at], at + 1
            else:
                break
            if _IBAN.get(account[:2]) == len(account) and _mod97(account):
                found.append((begin, at))
                break
    return found


def _sign(word: str) -> str:
    """The letters and digits that a word spells; empty: it is a word like any other."""
    if word in NATO:
        return NATO[word]
    spelled = word.isalnum() and (len(word) <= 2 or any(sign.isdecimal() for sign in word) or len(word) == 4)
    return word if spelled else ""


def _mod97(account: str) -> bool:
    moved = account[4:] + account[:4]
    return account[2:4].isdecimal() and checks("".join(str(int(sign, 36)) for sign in moved), "mod97")


def _hidden(text: str, words: tuple[Word, ...], spans: list[Span]) -> str:
    apart: list[Span] = []
    for begin, end in sorted(spans):
        if apart and begin < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((begin, end))
    for begin, end in reversed(apart):
        first, last = words[begin].at, words[end - 1].at + len(words[end - 1].text)
        text = text[:first] + HIDDEN + text[last:]
    return text
