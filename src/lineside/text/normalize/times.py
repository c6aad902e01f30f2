"""Times of day, weekdays and dates, as an English-speaking agent says them."""

import re
from collections.abc import Callable
from typing import Literal

from lineside.text.normalize.numbers import cardinal, decade, ordinal, year
from lineside.text.normalize.rule import Rule, after, before, stop
from lineside.text.normalize.units import UNITS

_MONTHS = "January February March April May June July August September October November December"
MONTHS = {name[:3].lower(): name for name in _MONTHS.split()}
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
DAYS = {name[:3].lower(): name for name in _DAYS.split()}

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b"
)
_TO = r"(?P<to>\s?[-–—]\s?)"
_HOUR = r"(?:2[0-4]|[01]?\d)"
_HALF = r"[AaPp](?:\.[Mm]\.?|[Mm])(?!\w)"
_CLOCK = rf"{_HOUR}(?:(?:[:.][0-5]\d)?\s?{_HALF}|:[0-5]\d(?![\d:]))"
_NTH = r"(?:st|nd|rd|th)"

_AFTER_MONTH = re.compile(rf"\b{_MONTH}\.?,?\s+(?:the\s+)?(?:\d{{1,2}}{_NTH}?\s?[-–—]\s?)?$")
_LONG = re.compile(r"\b(?:in|since|until|from|before|after|by|year|to|of|during|[-–—])\s?$")
_IN_MONTH = re.compile(r"\b(?:in|since|until|till|from|every|last|next|early|late|\w{3} to)\s$", re.I)
_ALONE = re.compile(r"\b(?:on|until|till|to|every|by|next|this|last|from|through|before|after)\s$|[-–—/]\s?$", re.I)

# What a locale expects first in 3/4: the month, the day; empty where that is not known.
Order = Literal["", "mdy", "dmy"]
_LENGTHS = {key: UNITS[unit] for key, unit in (("h", "h"), ("m", "min"), ("s", "s"))} | {
    "d": ("day", "days"),
    "w": ("week", "weeks"),
}
_DATE_COMES = re.compile(
    rf"(?:\b(?:on|until|till|by|from|since|before|after|due|dated|date"
    rf"|{'|'.join(_DAYS.split())}|(?:mon|tue|wed|thu|fri|sat|sun)\w*)[\s:,]+)$",
    re.I,
)
_DECADE_COMES = re.compile(r"\b(?:the|his|her|my|your|our|their|in|mid|early|late)[\s-]$|s[-–]$", re.I)

# Words that are not passed by: May is said as it is written.
SPECIAL = frozenset([*MONTHS, "sept", *DAYS, "tues", "thur", "thurs"]) - {"may"}


def _time(m: re.Match[str]) -> str | None:
    """10:30, 9 a.m., 17:00: in twelve hours, with "oh" before single minutes."""
    hour, minute, written = int(m["hour"]), int(m["minute"] or 0), m["half"] or ""
    half = written[:1].upper()
    past = f" oh {cardinal(minute)}" if 0 < minute < 10 else f" {cardinal(minute)}" if minute else ""
    to = " to" if m["to"] else ""
    if not half:
        if hour in (0, 24) and not minute:
            return f"midnight{to}"
        if hour > 12 or m["hour"].startswith("0"):  # written in twenty-four hours
            half = "A" if hour < 12 or hour == 24 else "P"
    said = cardinal(hour % 12 or 12)
    if not half:
        return said + (past or " o'clock") + to
    return f"{said}{past} {half}M{to or (stop(m) if written.endswith('.') else '')}"


def _hour_to(m: re.Match[str]) -> str:
    """The 9 of "9-5pm"."""
    return f"{cardinal(int(m['hour']))} to"


def _seconds(m: re.Match[str]) -> str:
    """1:02:03, a length of time."""
    hours, minutes, seconds = int(m[1]), int(m[2]), int(m[3])
    parts = [
        f"{cardinal(n)} {unit}{'' if n == 1 else 's'}"
        for n, unit in ((hours, "hour"), (minutes, "minute"), (seconds, "second"))
        if n
    ]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts or ["zero seconds"])


def _iso(m: re.Match[str], order: Order) -> str | None:
    """2026-03-04, 2026/03/04, 2026-03-04T09:30:00Z."""
    date = _date(order, day=int(m["day"]), month=int(m["month"]), of=int(m["year"]))
    if not date or m["hour"] is None:
        return date
    hour, minute, zone = int(m["hour"]), int(m["minute"]), m["zone"] or ""
    return f"{date}, {_in_twelve_hours(hour, minute)}{_offset(zone)}"


def _offset(zone: str) -> str:
    """Z, +01:00, -05:30."""
    if not zone or zone == "Z":
        return " U.T.C" if zone else ""
    hours, minutes = int(zone[1:3]), int(zone[3:].strip(":") or 0)
    sign = "plus" if zone[0] == "+" else "minus"
    return f" U.T.C {sign} {cardinal(hours)}{f' {cardinal(minutes)}' if minutes else ''}"


def _in_twelve_hours(hour: int, minute: int) -> str:
    if hour in (0, 24) and not minute:
        return "midnight"
    past = f" oh {cardinal(minute)}" if 0 < minute < 10 else f" {cardinal(minute)}" if minute else ""
    return f"{cardinal(hour % 12 or 12)}{past} {'AM' if hour % 24 < 12 else 'PM'}"


def _slashed(m: re.Match[str], order: Order) -> str | None:
    """25/12/2026, where only one order is possible or usual; else 3/4/2026 is said as written: nothing is guessed."""
    first, second, of = int(m[1]), int(m[3]), _whole_year(m[4])
    parts = ("day", "month") if m[2] == "." else _day_and_month(first, second, order)  # with points the day comes first
    if not parts:
        return f"{cardinal(first)} slash {cardinal(second)} slash {year(of)}"
    given = dict(zip(parts, (first, second), strict=True))
    return _date(order, day=given["day"], month=given["month"], of=of)


def _short_date(m: re.Match[str], order: Order) -> str | None:
    """24/11 where it can only be a date, or is said to be one."""
    first, second = int(m[1]), int(m[2])
    if (first, second) == (24, 7):
        return None
    expected = _DATE_COMES.search(before(m)) or "0" in (m[1][0], m[2][0])
    parts = _day_and_month(first, second, order)
    if not parts or max(first, second) > 31 or min(first, second) < 1:
        return f"{cardinal(first)} slash {cardinal(second)}" if expected and first <= 12 and second <= 12 else None
    given = dict(zip(parts, (first, second), strict=True))
    if given["month"] > 12 or not (expected or (first > 12 and order != "mdy")):
        return None
    return _date(order, day=given["day"], month=given["month"], of=None)


def _day_and_month(first: int, second: int, order: Order) -> tuple[str, str] | None:
    if second > 12 or (first <= 12 and order == "mdy"):
        return ("month", "day")
    return ("day", "month") if first > 12 or first == second or order == "dmy" else None


def _dashed(m: re.Match[str]) -> str | None:
    """24-Nov-2026."""
    day = int(m[1])
    if not 1 <= day <= 31:
        return None
    return f"the {ordinal(day)} of {MONTHS[m[2][:3].lower()]} {year(_whole_year(m[3]))}"


def _duration(m: re.Match[str]) -> str | None:
    """1h 30m, 2h15, 5m 30s, 2d 4h: where two of them stand together, m is a minute."""
    parts = re.findall(r"(\d+)\s?(w|d|h|hrs?|m|mins?|s|secs?)?(?![A-Za-z])", m[0])
    told, ranks = [], []
    for number, unit in parts:
        key = unit[:1] or "m"
        ranks.append("wdhms".index(key))
        one, more = _LENGTHS[key]
        told.append(f"{cardinal(int(number))} {one if number == '1' else more}")
    return " ".join(told) if ranks == sorted(set(ranks)) else None


def _zulu(m: re.Match[str]) -> str:
    """14:30Z."""
    return f"{_in_twelve_hours(int(m[1]), int(m[2]))} U.T.C"


def _clock_duration(m: re.Match[str]) -> str:
    """1:30 hours."""
    hours, minutes = int(m[1]), int(m[2])
    return f"{cardinal(hours)} hour{'' if hours == 1 else 's'}{f' {cardinal(minutes)} minutes' if minutes else ''}"


def _day_of_month(m: re.Match[str]) -> str | None:
    """The 3 of "3 March", "3rd of March", "3-5 March"."""
    number = int(m["day"])
    if not 1 <= number <= 31:
        return None
    the = "" if re.search(r"\bthe\s$", before(m), re.I) else "the "
    of = "" if m["to"] or m["of"] is not None else " of"
    return f"{the}{ordinal(number)}{' to' if m['to'] else of}"


def _day_after_month(m: re.Match[str]) -> str | None:
    """The 3 of "March 3", "Mar 3rd", "March 3-5"."""
    number = int(m["day"])
    if not 1 <= number <= 31 or not _AFTER_MONTH.search(before(m)):
        return None
    return f"{ordinal(number)}{' to' if m['to'] else ''}"


def _year(m: re.Match[str]) -> str | None:
    """2026; 1850 only where a year is to be expected."""
    number = int(m["year"])
    if not (1900 <= number <= 2099 or (1000 <= number <= 2999 and _LONG.search(before(m)))):
        return None
    return f"{year(number)}{' to' if m['to'] else ''}"


def _decade(m: re.Match[str]) -> str | None:
    """1990s, '90s, the 90s; but 90s is a minute and a half."""
    short = len(m["years"]) == 2 and not m["since"] and not _DECADE_COMES.search(before(m))
    return None if short else decade(int(m["years"]))


def _short_year(m: re.Match[str]) -> str:
    """'98."""
    return cardinal(int(m[1])) if m[1][0] != "0" else f"oh {cardinal(int(m[1]))}"


def _month(m: re.Match[str]) -> str | None:
    """Jan, Feb: beside a number. The whole names stand as they are."""
    key = m[1][:3].lower()
    beside = re.match(r"\s?\d", after(m)) or re.search(rf"\d(?:{_NTH})?(?:\sof)?\s$", before(m))
    sure = beside or key not in ("mar", "jan", "dec") or m[0].endswith(".")
    return f"{MONTHS[key]}{stop(m)}" if sure or _IN_MONTH.search(before(m)) else None


def _weekday(m: re.Match[str]) -> str | None:
    """Mon, Tues. "sat" and "sun" are words as well."""
    key = m[1][:3].lower()
    follows = after(m)
    to = " to" if m["to"] else ""
    sure = to or key not in ("mon", "sat", "sun") or m[0].endswith(".")
    if not (sure or re.match(r"\s?[\d,&/]|\s(?:and|to|at|from|morning|afternoon|evening)\b", follows)):
        sure = bool(_ALONE.search(before(m)))
    return f"{DAYS[key]}{to or stop(m)}" if sure else None


def _date(order: Order, *, day: int, month: int, of: int | None) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    name = _MONTHS.split()[month - 1]
    if order == "dmy":
        return f"the {ordinal(day)} of {name}{f' {year(of)}' if of else ''}"
    return f"{name} {ordinal(day)}{f', {year(of)}' if of else ''}"


def _whole_year(written: str) -> int:
    return int(written) if len(written) == 4 else 2000 + int(written) if int(written) < 70 else 1900 + int(written)


_DECADE = (re.compile(r"(?P<since>['’‘]?)(?P<years>\d{1,3}0)s(?!\w)"), _decade)
_OrderedRule = Callable[[re.Match[str], Order], str | None]
_ORDERED: list[tuple[re.Pattern[str], _OrderedRule]] = [
    (
        re.compile(
            r"(?P<year>\d{4})([-/.])(?P<month>\d\d)\2(?P<day>\d\d)(?:(?:[Tt]|\s(?=\d\d:))(?P<hour>[0-2]\d):(?P<minute>[0-5]\d)"
            r"(?::[0-5]\d(?:\.\d+)?)?(?P<zone>Z|[-+]\d\d:?\d\d)?)?(?![\w/:-]|\.\d)"
        ),
        _iso,
    ),
    (re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d\d)(?![\w/-]|\.\d)"), _slashed),
    (re.compile(r"(\d{1,2})/(\d{1,2})(?![\w/%]|[.,]\d)"), _short_date),
]
DATES: list[Rule] = [
    (re.compile(r"(\d{1,2})-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*-(\d{4}|\d\d)(?![\w-])"), _dashed),
    (
        re.compile(
            r"\d+\s?(?:(?:w|d|h|hrs?)\s?\d+\s?(?:d|h|hrs?|m|mins?)?(?:\s?\d+\s?(?:m|mins?|s|secs?))?"
            r"|(?:m|mins?)\s?\d+\s?(?:s|secs?))(?![\w/²³]|[.,]\d)"
        ),
        _duration,
    ),
    (re.compile(r"([0-2]\d):([0-5]\d)Z(?!\w)"), _zulu),
    (re.compile(r"(\d{1,2}):([0-5]\d)\s(?:hours|hrs)(?!\w)"), _clock_duration),
    (re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)(?![\w:])"), _seconds),
    (re.compile(rf"(?P<hour>{_HOUR})(?:(?:[:.](?P<minute>[0-5]\d))?\s?(?P<half>{_HALF}))(?:{_TO}(?=\d))?"), _time),
    (re.compile(rf"(?P<hour>{_HOUR}):(?P<minute>[0-5]\d)(?P<half>)(?![\d:])(?:{_TO}(?=\d))?"), _time),
    (re.compile(rf"(?P<hour>{_HOUR})\s?[-–—]\s?(?={_CLOCK})"), _hour_to),
    (
        re.compile(
            rf"(?P<day>\d{{1,2}}){_NTH}?(?:(?P<of>)(?=\s+of\s+{_MONTH})|(?=\s+{_MONTH}(?!\s+\d{{1,2}}(?!\d)))"
            rf"|{_TO}(?=\d{{1,2}}{_NTH}?(?:\s+of)?\s+{_MONTH}))"
        ),
        _day_of_month,
    ),
    (re.compile(rf"(?P<day>\d{{1,2}}){_NTH}?(?![\w:%/]|[.,]\d)(?:{_TO}(?=\d{{1,2}}(?!\d)))?"), _day_after_month),
    _DECADE,
]


def dates(order: Order) -> list[Rule]:
    """The rules for dates and times of a locale that writes them in this order."""
    return [*((pattern, _in_order(rule, order)) for pattern, rule in _ORDERED), *DATES]


def _in_order(rule: _OrderedRule, order: Order) -> Callable[[re.Match[str]], str | None]:
    return lambda m: rule(m, order)


SIGNS: list[Rule] = [_DECADE, (re.compile(r"['’‘](\d\d)(?![\w'’])"), _short_year)]
YEARS: list[Rule] = [(re.compile(r"(?P<year>\d{4})(?![\w%/]|[.,:]\d)(?:(?P<to>\s?[-–—]\s?)(?=\d))?"), _year)]
NAMES: list[Rule] = [
    (re.compile(r"(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?(?!\w|['’-])"), _month),
    (
        re.compile(
            rf"(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b(?:{_TO}(?=(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))|\.?(?!\w|['’]))"
        ),
        _weekday,
    ),
]
# Rules about more than digits and a space; see `english`.
NEED_MORE = (_dashed, _zulu, _clock_duration, _seconds, _decade)
