"""Digits and telephone numbers: runs of them, joined over breaths and turns, corrected within one. Pure."""

import re

from lineside.agents.slots.found import Found
from lineside.agents.slots.numbers import DigitRun, Word, digit_runs, words_of
from lineside.agents.slots.repair import marker_in, replaced

# Words that may stand between two stretches of one number.
_BETWEEN_TEXT = """
and then uh um er erm hm well so ok okay yes yeah it's its is number the my dash space stop next comma that's
"""
_BETWEEN = frozenset(_BETWEEN_TEXT.split())
FEWEST = 2  # digits that count as the beginning of a longer number; one alone is a word like any other
LONGEST_PHONE, SHORTEST_PHONE = 15, 7  # digits: ITU-T E.164 allows 15


def digits_said(text: str, wanted: int | None = None) -> tuple[str, bool]:
    """The digits of one turn after all corrections, and whether they can be doubted. Empty: there were none."""
    words = words_of(text)
    said, doubted, before = "", False, None
    for run in _not_denied(digit_runs(words), words):
        if before is None:
            said = run.digits
        elif marker_in(words, before.end, run.begin):
            said, doubt = replaced(said, run.digits, wanted)
            doubted = doubted or doubt
        elif _joined(words, before, run) or (wanted is not None and len(said) + len(run.digits) <= wanted):
            said += run.digits
        elif wanted is None or len(said) != wanted:
            said, doubted = (run.digits, True) if len(run.digits) > len(said) else (said, True)
        before = run
    return said, doubted


def _not_denied(runs: list[DigitRun], words: tuple[Word, ...]) -> list[DigitRun]:
    """Without "…, not 12346"."""
    kept = [run for run in runs if run.begin == 0 or words[run.begin - 1].text != "not" or _but(words, run)]
    return kept or runs


def _but(words: tuple[Word, ...], run: DigitRun) -> bool:
    return any(word.text == "but" for word in words[run.end : run.end + 2])


def _joined(words: tuple[Word, ...], before: DigitRun, run: DigitRun) -> bool:
    return all(word.text in _BETWEEN or not word.text[0].isalnum() for word in words[before.end : run.begin])


def joined_runs(words: tuple[Word, ...]) -> list[DigitRun]:
    """All stretches of digits, those of one number that little words stand between as one."""
    runs: list[DigitRun] = []
    for run in digit_runs(words):
        if runs and _joined(words, runs[-1], run):
            runs[-1] = DigitRun(runs[-1].digits + run.digits, runs[-1].begin, run.end)
        else:
            runs.append(run)
    return runs


def find_digits(text: str, length: int | None, check: str = "", before: str = "") -> Found | None:
    """Digits of a set length, or of any; `before` are those of earlier turns, to which these may belong."""
    said, doubted = digits_said(text, length)
    if not said:
        return None
    if length is None:
        return Found(said, sure=not doubted and checks(said, check), whole=checks(said, check))
    if before and len(said) < length:
        if marker_in(words_of(text), 0, 4):  # "no, four six": the end of what was said
            said, _ = replaced(before, said, length)
        elif len(before) + len(said) <= length:
            said = before + said
    if len(said) == length:
        return Found(said, sure=not doubted and not _uneven(text), whole=checks(said, check))
    beginning = said if FEWEST <= len(said) < length else ""
    return Found(beginning, sure=False, whole=False)


def _uneven(text: str) -> bool:
    """Whether dashes leave a figure alone beside a longer group, "4446-1": nobody groups so; one was misheard."""
    groups = [[len(group) for group in found[0].replace(" ", "").split("-")] for found in _DASHED.finditer(text)]
    return any(min(sizes) == 1 < max(sizes) for sizes in groups)


_DASHED = re.compile(r"\d+(?:\s?-\s?\d+)+")


def find_phone(text: str, region: str, before: str = "") -> Found | None:
    """A telephone number as E.164 where the region tells its country, else as dialled."""
    said, doubted = digits_said(text)
    if not said:
        return None
    international = text.strip().startswith("+") or "plus" in text.lower().split()[:3]
    known = before.removeprefix("+")
    if known and len(said) < len(known) and denied(text):
        said, _ = replaced(known, said, None)  # "no, 0198": the end of what was said
        international = before.startswith("+")
    elif before and not before.startswith("+") and _goes_on(before, said, region):
        said = before + said
    out = next((prefix for prefix in _ABROAD.get(region, ("00",)) if said.startswith(prefix)), "")
    international = international or bool(out)
    number = said.removeprefix(out)
    if not international:
        number = _dialled(said, region)
    whole = bool(number) and SHORTEST_PHONE <= len(number) <= LONGEST_PHONE
    if not whole and not international and _too_long(said, region):
        return Found("", sure=False, whole=False)
    return Found(f"+{number}" if whole and (international or _known(region)) else said, not doubted, whole)


_ABROAD = {"US": ("011", "00"), "CA": ("011", "00"), "AU": ("0011", "00")}  # before a country code (ITU-T E.164)


def _goes_on(before: str, said: str, region: str) -> bool:
    """Whether these digits are the rest of a number that was begun: alone they are none, together they may be one."""
    if len(before + said) > LONGEST_PHONE:
        return False
    return len(said) < SHORTEST_PHONE or (not _dialled(said, region) and bool(_dialled(before + said, region)))


def denied(text: str) -> bool:
    """Whether it begins by saying that what stood before was wrong."""
    return marker_in(words_of(text), 0, 4)


def _known(region: str) -> bool:
    return region in _COUNTRY


# Country code, lengths of a national number without its trunk prefix, trunk prefix (ITU-T E.164, national plans).
_COUNTRY = {
    "US": ("1", (10,), "1"),
    "CA": ("1", (10,), "1"),
    "GB": ("44", (9, 10), "0"),
    "IE": ("353", (7, 8, 9), "0"),
    "DE": ("49", (6, 7, 8, 9, 10, 11), "0"),
    "FR": ("33", (9,), "0"),
    "AU": ("61", (9,), "0"),
}


def _dialled(said: str, region: str) -> str:
    """The national number with its country code; empty: no number of this region has so many digits."""
    if region not in _COUNTRY:
        return said
    code, lengths, trunk = _COUNTRY[region]
    national = said.removeprefix(trunk)
    if len(national) in lengths:
        return code + national
    if region in {"US", "CA"} and len(said) == 7:
        return ""  # without its area code
    return said if said.startswith(code) and len(said) - len(code) in lengths else ""


def _too_long(said: str, region: str) -> bool:
    """Whether no number of this region begins so: whatever comes behind it is too much."""
    if region not in _COUNTRY:
        return False
    code, lengths, trunk = _COUNTRY[region]
    return len(said) >= max(lengths) + max(len(code) if said.startswith(code) else 0, len(trunk))


def digits_of_a_phone(region: str) -> int:
    """How many digits people say of a telephone number there; 0: now so many, now so many."""
    if region not in _COUNTRY:
        return 0
    _, lengths, trunk = _COUNTRY[region]
    if len(lengths) > 1:
        return 0
    return lengths[0] + (len(trunk) if trunk == "0" else 0)  # North America's 1 is left out


def checks(digits: str, check: str) -> bool:
    """Whether the checksum is right: Luhn (ISO/IEC 7812-1) or mod 97 (ISO 7064)."""
    if check == "luhn":
        doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(digits))]
        return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
    if check == "mod97":
        return int(digits) % 97 == 1
    return True
