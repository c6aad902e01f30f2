"""Numbers with what they count: money, percentages, units, fractions, ordinals, ranges."""

import re
import unicodedata

from lineside.text.normalize.numbers import LARGEST, cardinal, decimal, digits, ordinal, year
from lineside.text.normalize.rule import Rule, before

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_TO = r"\s?[-–—]\s?"
_MANY = r"(?:\s?(?:hundred|thousand|million|billion|trillion)\b|(?:k|K|m|M|bn|b|B|tn)(?!\w))"
_SCALES = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion", "tn": "trillion"}

# one, many, one hundredth, many hundredths
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
_CODES = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥", "INR": "₹", "US$": "$"}

_PER = {
    "mo": "month", "mth": "month", "month": "month", "yr": "year", "year": "year", "wk": "week", "week": "week",
    "day": "day", "night": "night", "hr": "hour", "h": "hour", "hour": "hour", "min": "minute", "minute": "minute",
    "sec": "second", "s": "second", "second": "second", "GB": "gigabyte", "MB": "megabyte", "kWh": "kilowatt hour",
    "kg": "kilogram", "user": "user", "line": "line", "person": "person", "item": "item", "call": "call", "m": "month",
}  # fmt: skip
_PER_PATTERN = r"(?:\s?/\s?(?P<per>" + "|".join(sorted(_PER, key=len, reverse=True)) + r")(?!\w)(?:\.(?=\s+[a-z]))?)?"

# As written: one, many. Those in _CLOSE stand close to their number, or they are words of their own.
_UNITS_TEXT = """
Mbps Mbit/s Mb/s mbps Mbs|megabit per second|megabits per second
Gbps Gbit/s Gb/s gbps|gigabit per second|gigabits per second
kbps Kbps kbit/s kb/s|kilobit per second|kilobits per second
MB/s MBps|megabyte per second|megabytes per second
GB/s|gigabyte per second|gigabytes per second
TB|terabyte|terabytes
GB gb|gigabyte|gigabytes
MB mb|megabyte|megabytes
KB kB|kilobyte|kilobytes
Gb|gigabit|gigabits
km/h kmh kph|kilometer per hour|kilometers per hour
m/s|meter per second|meters per second
mph|mile per hour|miles per hour
km|kilometer|kilometers
m|meter|meters
cm|centimeter|centimeters
mm|millimeter|millimeters
mi|mile|miles
ft|foot|feet
yd yds|yard|yards
kg kgs|kilogram|kilograms
g|gram|grams
mg|milligram|milligrams
lb lbs|pound|pounds
oz|ounce|ounces
L l|liter|liters
ml mL|milliliter|milliliters
°C ºC|degree Celsius|degrees Celsius
°F ºF|degree Fahrenheit|degrees Fahrenheit
° º|degree|degrees
ms|millisecond|milliseconds
s sec secs|second|seconds
min mins|minute|minutes
h hr hrs|hour|hours
wk wks|week|weeks
yr yrs|year|years
kWh|kilowatt hour|kilowatt hours
MW|megawatt|megawatts
kW|kilowatt|kilowatts
W|watt|watts
mAh|milliamp hour|milliamp hours
mA|milliamp|milliamps
V|volt|volts
GHz|gigahertz|gigahertz
MHz|megahertz|megahertz
kHz|kilohertz|kilohertz
Hz|hertz|hertz
dBm dB|decibel|decibels
fps|frame per second|frames per second
rpm|revolution per minute|revolutions per minute
px|pixel|pixels
m²|square meter|square meters
km²|square kilometer|square kilometers
m³|cubic meter|cubic meters
sq\u00a0ft sqft|square foot|square feet
%|percent|percent
‰|per mille|per mille
p|penny|pence
¢|cent|cents
k|thousand|thousand
"""
UNITS: dict[str, tuple[str, str]] = {}
for _line in _UNITS_TEXT.strip().splitlines():
    _names, _one, _more = _line.split("|")
    UNITS |= {_name.replace("\u00a0", " "): (_one, _more) for _name in _names.split(" ")}
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_SIGNS = {"+": "plus", "±": "plus or minus", "~": "about", "≈": "about", "<": "less than", ">": "more than"}
_SIGNS |= {"-": "minus", "−": "minus", "–": "minus", "≤": "at most", "≥": "at least", "": ""}
_COUNTED = re.compile(r"\b(?:step|page|part|question|item|stage|phase|chapter)\s$", re.IGNORECASE)
_PARTS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_SCREENS = ("480", "720", "1080", "1440", "2160")


def _money(m: re.Match[str]) -> str | None:
    """$49.99, £5-10, €1.2m, $30/month."""
    sign, currency = m["sign"] or m["minus"], _CODES.get(m["currency"].strip(), m["currency"])
    first = _sum(m["a"], m["many"], currency)
    if m["b"] is not None:
        whole = m["other"] or "." in m["a"] or m["many"]
        first = f"{first if whole else decimal(m['a'])} to {_sum(m['b'], m['many2'], currency)}"
    minus = "" if not sign else f"{_SIGNS[sign]} "
    return f"{minus}{first}{_per(m)}"


def _money_behind(m: re.Match[str]) -> str:
    """50€, 20 USD."""
    return _sum(m["a"], m["many"], _CODES.get(m["currency"], m["currency"])) + _per(m)


def _sum(amount: str, many: str | None, currency: str) -> str:
    one, more, cent, cents = _CURRENCIES[currency]
    if many:
        return f"{decimal(amount)} {_SCALES.get(many.strip().lower(), many.strip())} {more}"
    whole, _, part = amount.replace(",", "").partition(".")
    hundredths = int(part.ljust(2, "0")) if len(part) <= 2 and cent else 0
    if part and not (len(part) <= 2 and cent):
        return f"{decimal(amount)} {more}"
    said = f"{cardinal(int(whole or 0))} {one if whole == '1' else more}"
    if not hundredths:
        return said
    small = f"{cardinal(hundredths)} {cent if hundredths == 1 else cents}"
    return f"{said} and {small}" if int(whole or 0) else small


def _quantity(m: re.Match[str]) -> str | None:
    """100 Mbps, -5 °C, 99.9%, 10 GB/month."""
    one, more = UNITS[m["unit"]]
    if not _signed(m):
        return None
    unit = one if m["a"] == "1" or m["gap"] == "-" else more
    return f"{_sign(m)}{decimal(m['a'])} {unit}{_per(m)}"


def _many(m: re.Match[str]) -> str | None:
    """1.5M users; 4K is no number of anything."""
    if m["a"] in ("2", "4", "8") and m["many"] == "K":
        return None
    return f"{decimal(m['a'])} {_SCALES[m['many'].lower()]}"


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
        return "twenty-four seven"
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
    whole = m["a"].split(".")[0]
    if (len(whole) > 1 and whole.startswith("0")) or len(whole.replace(",", "")) > len(str(LARGEST)):
        return _sign(m) + " point ".join(digits(part) for part in m["a"].replace(",", "").split("."))
    return f"{_sign(m)}{decimal(m['a'])}"


def _signed(m: re.Match[str]) -> bool:
    """A sign belongs to the number unless it stands close behind a word."""
    return not m["sign"] or not before(m, 1).strip() or before(m, 1) in "(\"'“‘"


def _sign(m: re.Match[str]) -> str:
    return f"{_SIGNS[m['sign']]} " if m["sign"] else ""


def _per(m: re.Match[str]) -> str:
    return f" per {_PER[m['per']]}" if m["per"] else ""


_SIGN = r"(?P<sign>[-−–+±~≈<>≤≥]?)"
_MONEY = (
    rf"(?P<sign>[-−+~]?)(?P<currency>US\$|[$£€¥₹]|(?:USD|GBP|EUR|JPY|INR)\s)\s?(?P<minus>[-−]?)(?P<a>{NUMBER})(?P<many>{_MANY})?"
    rf"(?:{_TO}(?P<other>[$£€¥₹])?(?P<b>{NUMBER})(?P<many2>{_MANY})?)?(?!\w){_PER_PATTERN}"
)
MONEY: list[Rule] = [(re.compile(_MONEY), _money)]
AMOUNTS: list[Rule] = [
    (
        re.compile(
            rf"(?P<a>{NUMBER})(?P<many>{_MANY})?\s?(?P<currency>[$£€¥₹]|(?:USD|GBP|EUR|JPY|INR)\b){_PER_PATTERN}"
        ),
        _money_behind,
    ),
    (re.compile(r"(\d{3,4})p(?!\w)"), _screen),
    (re.compile(rf"(?P<a>{NUMBER})(?P<many>K|M|bn)(?!\w)"), _many),
    (re.compile(rf"{_SIGN}(?P<a>{NUMBER})(?P<gap>\s|-)?(?P<unit>{_UNIT})(?!\w|['’]){_PER_PATTERN}"), _quantity),
    (re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH)(?!\w)"), _ordinal),
    (re.compile(r"(?:(?P<whole>\d+)\s)?(?P<above>\d{1,4})[/⁄](?P<below>\d{1,4})(?![\w/⁄])"), _fraction),
    (re.compile(r"(?P<whole>\d*)\s?(?P<part>[¼-¾⅐-⅞])"), _sign_fraction),
    (re.compile(rf"(?P<a>{NUMBER})\s?[x×]\s?(?:(?P<money>)(?=[$£€])|(?=\d))"), _by),
    (re.compile(rf"{_SIGN}(?P<a>{NUMBER})[x×](?!\w)"), _times),
    (re.compile(r"(\d{1,4}):(\d{1,4})(?![\w:])"), _ratio),
    (re.compile(rf"(?P<a>{NUMBER}){_TO}(?=[$£€]?\.?\d)"), _range),
    (re.compile(rf"(?P<a>{NUMBER})-(?=[A-Za-z]{{2}})"), _compound),
]
NUMBERS: list[Rule] = [(re.compile(rf"{_SIGN}(?P<a>{NUMBER})"), _number)]
