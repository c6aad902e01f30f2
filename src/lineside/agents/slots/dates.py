"""Dates and times of day as callers say them. A grammar of our own, for English; a past date is none. Pure."""

import re
from datetime import date, timedelta

from lineside.agents.slots.found import Found
from lineside.agents.slots.numbers import TEENS, TENS, UNITS, plain_words, words_of
from lineside.agents.slots.repair import after_last_marker

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SHORT = {name[:3]: index for index, name in enumerate(MONTHS)} | {"sept": 8}
_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""
ORDINALS = {name: index for index, name in enumerate(_ORDINALS.split(), 1)} | {"thirtieth": 30}
_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}
_NUMERIC = re.compile(
    r"(?<![\d/.-])\b(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{2,4}))?\b(?![/.-]\d)"
)  # "1-2-3-4-5" is a number
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
FARTHEST = 400  # days ahead


def find_date(text: str, today: date, *, month_first: bool) -> Found | None:
    """The day that is meant; after a correction the last one. `month_first`: 3/4 is the fourth of March."""
    words = words_of(text)
    corrected = after_last_marker(words)
    rest = text[words[corrected].at :] if 0 < corrected < len(words) else text
    found = _one_date(rest, today, month_first=month_first) or _one_date(text, today, month_first=month_first)
    if found is None or not 0 <= (found[0] - today).days <= FARTHEST:
        return None
    return Found(found[0].isoformat(), sure=found[1])


def _one_date(text: str, today: date, *, month_first: bool) -> tuple[date, bool] | None:
    """A date and whether it can be no other."""
    plain = " ".join(plain_words(re.sub(r"(\d)(st|nd|rd|th)\b", r"\1", text.lower())))
    if iso := _ISO.search(text):
        return _day(int(iso[1]), int(iso[2]), int(iso[3]))
    if numeric := _NUMERIC.search(text):
        first, second = int(numeric[1]), int(numeric[2])
        month, day = (first, second) if (month_first and first <= 12) or second > 12 else (second, first)
        found = _next(today, month, day)
        return (found, first > 12 or second > 12 or first == second) if found else None
    if relative := _relative(plain, today):
        return relative, True
    if named := _with_month(plain, today):
        return named, True
    if weekday := _weekday(plain, today):
        return weekday
    if re.search(rf"\bof (?:{'|'.join(MONTHS)})\b", plain):
        return None  # a day that this month does not have
    bare = re.search(rf"\b(?:the )?({'|'.join(ORDINALS)}|twenty \w+|thirty \w+)\b", plain) or re.search(
        r"\bthe (\d{1,2})\b(?! (?:days?|weeks?|months?|hours?))", plain
    )
    if bare and (number := _day_number(bare[1])):
        found = _this_or_next_month(today, number)
        return (found, True) if found else None
    return None


def _relative(plain: str, today: date) -> date | None:
    if "day after tomorrow" in plain:
        return today + timedelta(days=2)
    if "tomorrow" in plain:
        return today + timedelta(days=1)
    if re.search(r"\b(?<!from )(today|this afternoon|this evening|tonight)\b", plain):
        return today
    if ahead := re.search(r"\bin (\w+) (day|week)s?\b", plain):
        many = int(ahead[1]) if ahead[1].isdecimal() else _COUNTS.get(ahead[1], 0)
        return today + timedelta(days=many * (7 if ahead[2] == "week" else 1)) if 0 < many < 60 else None
    if ahead := re.search(r"\ba week (?:from )?(?:on )?(\w+)\b", plain):
        base = today if ahead[1] in {"today", "now"} else None
        if ahead[1] in WEEKDAYS:
            base = today + timedelta(days=(WEEKDAYS.index(ahead[1]) - today.weekday()) % 7 or 7)
        return base + timedelta(days=7) if base else None
    return None


def _weekday(plain: str, today: date) -> tuple[date, bool] | None:
    """ "Tuesday" is the next one, "next Tuesday" the one of next week: read back, because people differ."""
    named = [(plain.rfind(name), name) for name in WEEKDAYS if re.search(rf"\b{name}s?\b", plain)]
    if not named:
        return None
    at, name = max(named)
    day = WEEKDAYS.index(name)
    if plain[:at].rstrip().endswith("next"):
        monday = today + timedelta(days=7 - today.weekday())
        return monday + timedelta(days=day), False
    ahead = (day - today.weekday()) % 7
    return today + timedelta(days=ahead or 7), bool(ahead)


def _with_month(plain: str, today: date) -> date | None:
    """ "The fourth of March", "March 4", "4 March 2027"."""
    months = "|".join([*MONTHS, *_SHORT])
    names = "|".join([*ORDINALS, r"twenty \w+", "thirty first", "thirty one", *UNITS, *TEENS, "twenty", "thirty"])
    day = rf"(?P<day>\d{{1,2}}|{names})"
    for pattern in (rf"\b{day}(?: of)? (?P<month>{months})\b", rf"\b(?P<month>{months})(?: the)? {day}\b"):
        for found in re.finditer(pattern, plain):
            number = _day_number(found["day"])
            if number:
                month = _SHORT[found["month"][:4] if found["month"][:4] == "sept" else found["month"][:3]] + 1
                return _next(today, month, number)
    return None


def _day_number(said: str) -> int:
    if said.isdecimal():
        return int(said) if 1 <= int(said) <= 31 else 0
    first, _, second = said.partition(" ")
    if second:
        day = TENS.get(first, 0) + (ORDINALS.get(second, 0) or UNITS.get(second, 0))
        return day if day <= 31 else 0
    return ORDINALS.get(said, 0) or UNITS.get(said, 0) or TEENS.get(said, 0) or TENS.get(said, 0)


def _day(year: int, month: int, day: int) -> tuple[date, bool] | None:
    try:
        return date(year, month, day), True
    except ValueError:
        return None


def _next(today: date, month: int, day: int) -> date | None:
    for year in (today.year, today.year + 1):
        found = _day(year, month, day)
        if found and found[0] >= today:
            return found[0]
    return None


def _this_or_next_month(today: date, day: int) -> date | None:
    for ahead in range(3):
        month = today.month + ahead
        found = _day(today.year + (month - 1) // 12, (month - 1) % 12 + 1, day)
        if found and found[0] >= today:
            return found[0]
    return None


_CLOCK = re.compile(r"\b(\d{1,2})(?:[:.](\d\d))?\s*(a\.?m\.?|p\.?m\.?|o'?clock)?", re.IGNORECASE)


def find_time(text: str) -> Found | None:
    """A time of day: "half past two", "2:30 pm", "nine in the morning", "noon"; after a correction the last one."""
    words = words_of(text)
    corrected = after_last_marker(words)
    rest = text[words[corrected].at :] if 0 < corrected < len(words) else ""
    return (_one_time(rest) if rest else None) or _one_time(text)


def _one_time(text: str) -> Found | None:
    plain = " ".join(plain_words(text))
    for name, value in (("noon", "12:00"), ("midday", "12:00"), ("midnight", "00:00")):
        if name in plain.split():
            return Found(value)
    hour, minute = _spoken_time(plain)
    if hour is None:
        written = [m for m in _CLOCK.finditer(text) if int(m[1]) < 24 and (m[2] is None or int(m[2]) < 60)]
        if not written:
            return None
        hour, minute = int(written[-1][1]), int(written[-1][2] or 0)
    after = re.search(r"\b(p\.?\s?m\b|afternoon|evening|tonight)", text.lower())
    before = re.search(r"\b(a\.?\s?m\b|morning)", text.lower())
    if before and hour == 12:
        hour = 0
    if after and hour < 12:
        hour += 12
    sure = bool(after or before) or hour > 12
    if not sure and 1 <= hour <= 7:
        hour += 12  # office hours
    return Found(f"{hour % 24:02}:{minute:02}", sure=sure)


def _spoken_time(plain: str) -> tuple[int | None, int]:
    numbers = {
        **{name: value for name, value in UNITS.items() if value},
        **TEENS,
        "twenty": 20,
        "quarter": 15,
        "half": 30,
    }
    hours = "|".join([*UNITS, "ten", "eleven", "twelve"])
    if found := re.search(rf"\b(quarter|half|five|ten|twenty|twenty five) (past|to) ({hours}|\d{{1,2}})\b", plain):
        minute = 25 if found[1] == "twenty five" else numbers[found[1]]
        hour = int(found[3]) if found[3].isdecimal() else numbers.get(found[3], 0)
        return (hour, minute) if found[2] == "past" else ((hour - 1) or 12, 60 - minute)
    if found := re.search(rf"\b({hours})(?: ({'|'.join(_MINUTES)}))?\b", plain):
        return numbers.get(found[1]), _MINUTES.get(found[2] or "", 0)
    return None, 0


_UNIT = [name for name, value in UNITS.items() if value]
_MINUTES = {
    f"{tens} {unit}": TENS[tens] + UNITS[unit] for tens in ("twenty", "thirty", "forty", "fifty") for unit in _UNIT
}
_MINUTES |= {f"{zero} {unit}": UNITS[unit] for zero in ("oh", "o", "zero") for unit in _UNIT}
_MINUTES |= {tens: TENS[tens] for tens in ("twenty", "thirty", "forty", "fifty")} | TEENS | {"o'clock": 0}
