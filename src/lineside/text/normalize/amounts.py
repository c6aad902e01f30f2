"""Numbers with what they count: money, percentages, units, fractions, ordinals, ranges."""

import re
import unicodedata

from lineside.text.normalize.numbers import LARGEST, NUMBER, SPACED, cardinal, decimal, digits, ordinal, plain, year
from lineside.text.normalize.rule import Rule, before
from lineside.text.normalize.units import PER, SCALES, UNIT, UNITS, per

_TO = r"\s?[-–—]\s?"

_SIGNS = {"+": "plus", "±": "plus or minus", "~": "about", "≈": "about", "<": "less than", ">": "more than"}
_SIGNS |= {"-": "minus", "−": "minus", "–": "minus", "≤": "at most", "≥": "at least", "": ""}
_COUNTED = re.compile(r"\b(?:step|page|part|question|item|stage|phase|chapter)\s$", re.IGNORECASE)
_PARTS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_SCREENS = ("480", "720", "1080", "1440", "2160")


def _quantity(m: re.Match[str]) -> str | None:
    """100 Mbps, -5 °C, 99.9%, 10 GB/month."""
    one, more = UNITS[m["unit"]]
    if not _signed(m):
        return None
    unit = one if m["a"] == "1" or m["gap"] == "-" else more
    return f"{_sign(m)}{decimal(m['a'])} {unit}{per(m)}"


def _many(m: re.Match[str]) -> str | None:
    """1.5M users; 4K is no number of anything."""
    if m["a"] in ("2", "4", "8") and m["many"] == "K":
        return None
    return f"{decimal(m['a'])} {SCALES[m['many'].lower()]}"


def _range(m: re.Match[str]) -> str:
    """The 10 of "10-20" and of "10–20 GB"."""
    years = re.fullmatch(r"(?:19|20)\d\d", m["a"]) and re.match(r"(?:(?:19|20)?\d\d)(?!\d|[.,]\d)", m.string[m.end() :])
    return f"{year(int(m['a'])) if years else decimal(m['a'])} to"


def _ordinal(m: re.Match[str]) -> str:
    """3rd."""
    return ordinal(int(m[1].replace(",", "")))


def _fraction(m: re.Match[str]) -> str | None:
    """1/2, 3/4, 2 1/2; 24/7 and 10/10 are none."""
    whole, above, below = m["whole"], int(m["above"]), int(m["below"])
    if (above, below) == (24, 7):
        return "twenty-four seven three sixty-five" if m["all_year"] else "twenty-four seven"
    if not whole and _COUNTED.search(before(m)):
        return f"{cardinal(above)} of {cardinal(below)}"
    if above == below:
        return f"{cardinal(above)} {'' if above == 50 else 'out of '}{cardinal(below)}"
    if not 1 < below <= 20 or not 0 < above < below:
        return None if whole else f"{cardinal(above)} slash {cardinal(below)}"
    return _parts(int(whole) if whole else 0, above, below)


def _sign_fraction(m: re.Match[str]) -> str | None:
    """½, 2½."""
    above, below = unicodedata.normalize("NFKC", m["part"]).split("⁄")
    return _parts(int(m["whole"] or 0), int(above), int(below)) if above and below else None


def _parts(whole: int, above: int, below: int) -> str:
    one, more = _PARTS.get(below, (ordinal(below), f"{ordinal(below)}s"))
    if whole:
        return f"{cardinal(whole)} and {'a' if above == 1 else cardinal(above)} {one if above == 1 else more}"
    return f"{cardinal(above)} {one if above == 1 else more}"


def _by(m: re.Match[str]) -> str:
    """The 3 of "3 x 4" and of "3 x $4"."""
    return f"{decimal(m['a'])} {'times' if m['money'] is not None else 'by'}"


def _times(m: re.Match[str]) -> str | None:
    """2x."""
    return f"{_sign(m)}{decimal(m['a'])} times" if _signed(m) else None


def _ratio(m: re.Match[str]) -> str:
    """16:9."""
    return f"{cardinal(int(m[1]))} to {cardinal(int(m[2]))}"


def _screen(m: re.Match[str]) -> str | None:
    """1080p."""
    lines = m[1]
    return f"{cardinal(int(lines[:-2]))} {cardinal(int(lines[-2:]))} P" if lines in _SCREENS else None


def _compound(m: re.Match[str]) -> str:
    """The 30 of "30-day"."""
    return decimal(m["a"])


def _number(m: re.Match[str]) -> str | None:
    """What is only a number."""
    if not _signed(m):
        return None
    number = plain(m["a"])
    whole = number.split(".")[0]
    if (len(whole) > 1 and whole.startswith("0")) or len(whole) > len(str(LARGEST)):
        return _sign(m) + " point ".join(digits(part) for part in number.split("."))
    return f"{_sign(m)}{decimal(m['a'])}"


def _signed(m: re.Match[str]) -> bool:
    """A sign belongs to the number unless it stands close behind a word."""
    return not m["sign"] or not before(m, 1).strip() or before(m, 1) in "(\"'“‘"


def _sign(m: re.Match[str]) -> str:
    return f"{_SIGNS[m['sign']]} " if m["sign"] else ""


_SIGN = r"(?P<sign>[-−–+±~≈<>≤≥]?)"
AMOUNTS: list[Rule] = [
    (re.compile(r"(\d{3,4})p(?!\w)"), _screen),
    (re.compile(rf"(?P<a>{NUMBER})(?P<many>K|M|bn)(?!\w)"), _many),
    (
        re.compile(rf"{_SIGN}(?P<a>{SPACED}|{NUMBER})(?P<gap>[ \t\u00a0\u202f]|-)?(?P<unit>{UNIT})(?!\w|['’]){PER}"),
        _quantity,
    ),
    (re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH)(?!\w)"), _ordinal),
    (
        re.compile(
            r"(?:(?P<whole>\d+)\s)?(?P<above>\d{1,4})[/⁄](?P<below>\d{1,4})(?P<all_year>(?<=24/7)/365)?(?![\w/⁄])"
        ),
        _fraction,
    ),
    (re.compile(r"(?P<whole>\d*)\s?(?P<part>[¼-¾⅐-⅞])"), _sign_fraction),
    (re.compile(rf"(?P<a>{NUMBER})\s?[x×]\s?(?:(?P<money>)(?=[$£€])|(?=\d))"), _by),
    (re.compile(rf"{_SIGN}(?P<a>{NUMBER})[x×](?!\w)"), _times),
    (re.compile(r"(\d{1,4}):(\d{1,4})(?![\w:])"), _ratio),
    (re.compile(rf"(?P<a>{NUMBER}){_TO}(?=[$£€]?\.?\d)"), _range),
    (re.compile(rf"(?P<a>{NUMBER})-(?=[A-Za-z]{{2}})"), _compound),
]
NUMBERS: list[Rule] = [(re.compile(rf"{_SIGN}(?P<a>{NUMBER})"), _number)]
# Rules about more than digits and a space; see `english`.
NEED_MORE = (_screen, _many, _ordinal, _sign_fraction, _times, _ratio, _compound)
