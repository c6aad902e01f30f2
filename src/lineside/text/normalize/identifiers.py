"""Numbers that name something: bank accounts, books, cards, short codes, extensions, telephone numbers in letters."""

import re

from lineside.text.normalize.numbers import cardinal, digits, in_groups
from lineside.text.normalize.rule import Rule, before
from lineside.text.normalize.words import letters

_SHORT_CODE = re.compile(
    r"\b(?:text|sms|send|reply|txt)\b[^.!?\n]{0,30}\bto\s(?:the\s)?(?:number\s|short\s?code\s)?$", re.I
)
_COUNTRIES = (
    "AD|AE|AL|AT|AZ|BA|BE|BG|BH|BR|CH|CR|CY|CZ|DE|DK|DO|EE|EG|ES|FI|FO|FR|GB|GE|GI|GL|GR|GT|HR|HU|IE|IL|IQ|IS|IT|JO|KW"
    "|KZ|LB|LI|LT|LU|LV|MC|MD|ME|MK|MR|MT|MU|NL|NO|PK|PL|PS|PT|QA|RO|RS|SA|SE|SI|SK|SM|TN|TR|UA|VG|XK"
)


def _iban(m: re.Match[str]) -> str:
    """DE89 3704 0044 0532 0130 00: in fours, as it is printed."""
    written = re.sub(r"[\s-]", "", m[0])
    groups = [written[at : at + 4] for at in range(0, len(written), 4)]
    return ", ".join(" ".join(_spelled(run) for run in re.findall(r"[A-Z]+|\d+", group)) for group in groups)


def _spelled(run: str) -> str:
    return digits(run) if run.isdecimal() else letters(run)


def _isbn(m: re.Match[str]) -> str:
    """ISBN 978-3-16-148410-0, ISBN: 0-306-40615-X."""
    groups = re.findall(r"\d+|X", m["number"])
    said = [group if group == "X" else in_groups(group) for group in groups]
    return f"I.S.B.N{m['colon'] or ''} {', '.join(said)}"


def _masked(m: re.Match[str]) -> str:
    """**** **** **** 1234, XXXX-1234, •••• 1234."""
    return f"ending in {digits(m[1])}"


def _vanity(m: re.Match[str]) -> str:
    """1-800-FLOWERS, (800) FLOWERS, 0800-REPAIR."""
    country, area = m["country"], m["area"]
    zero = "zero " if area.startswith("0") else ""
    number = area.lstrip("0")
    said = zero + (cardinal(int(number)) if number.endswith("00") else digits(number))
    word = m["word"].replace("-", " ").lower()
    return f"{'one, ' if country else ''}{said}, {word}"


def _short_code(m: re.Match[str]) -> str | None:
    """The 60777 of "Text STOP to 60777"."""
    return digits(m[0]) if _SHORT_CODE.search(before(m)) else None


def _extension(m: re.Match[str]) -> str | None:
    """The x204 of "555-0123 x204"; ext.204."""
    known = m[0][0] in "eE" or re.search(r"\d[\s,]{1,2}$", before(m))
    return f"extension {digits(m[1])}" if known else None


IBANS: list[Rule] = [
    (
        re.compile(rf"(?:{_COUNTRIES})\d{{2}}(?:[ -]?[A-Z0-9]{{4}}){{2,7}}(?:[ -]?[A-Z0-9]{{1,3}})?(?![A-Za-z0-9])"),
        _iban,
    ),
    (re.compile(r"ISBN(?:-1[03])?(?P<colon>:)?\s?(?P<number>(?:\d[ -]?){9,12}[\dX])(?!\w)"), _isbn),
    (re.compile(r"[Xx]{4}[ -](\d{4})(?!\w)"), _masked),
    (re.compile(r"[xX](\d{2,5})(?!\w)"), _extension),
    (re.compile(r"[eE]xt\.(\d{2,5})(?!\w)"), _extension),
]
NUMBERS_IN_LETTERS: list[Rule] = [
    (
        re.compile(
            r"(?:(?P<country>1)[ -])?\(?(?P<area>0?8\d\d|900|0900|1300|1800)\)?[ -]"
            r"(?P<word>[A-Z]{3,}(?:-[A-Z]{2,})*|[A-Z]{2}-[A-Z]{3,})(?!\w)"
        ),
        _vanity,
    ),
    (re.compile(r"\d{3,6}(?!\w|[.,:/-]\d)"), _short_code),
]
MASKED: list[Rule] = [(re.compile(r"(?:[*•·]{4}[ -]?){1,3}(\d{4})(?!\w)"), _masked)]
