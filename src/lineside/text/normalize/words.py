"""Abbreviations and capitals: what is spelled, what is said as a word, what is said in full."""

import re

from lineside.text.normalize.numbers import cardinal, ordinal
from lineside.text.normalize.rule import Rule, after, before, stop
from lineside.text.normalize.units import COUNTED, per

_FULL = """
e.g|for example
eg|for example
i.e|that is
ie|that is
etc|et cetera
vs|versus
approx|approximately
incl|including
excl|excluding
dept|department
ext|extension
tel|telephone
acct|account
avg|average
qty|quantity
est|estimated
max|maximum
min|minimum
mins|minutes
secs|seconds
hrs|hours
yrs|years
wks|weeks
pls|please
mgr|manager
ref|reference
yoy|year on year
btw|by the way
fyi|for your information
asap|as soon as possible
a.k.a|also known as
aka|also known as
p/m|per month
p/a|per year
ph.d|P.H.D
w/|with
w/o|without
c/o|care of
n/a|not applicable
and/or|and or
t&cs|terms and conditions
q&a|Q and A
r&d|R and D
p.s|P.S
"""
_ABBREVIATIONS = dict(line.split("|") for line in _FULL.strip().splitlines())
_WITH_STOP = frozenset(["est", "max", "min", "tel", "ref", "p.s", "ie", "eg"])  # without it they are words, or names
_TITLES = {"Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "St": "Saint"}
_STREETS = {"St": "Street", "Dr": "Drive", "Rd": "Road", "Ave": "Avenue", "Blvd": "Boulevard", "Ln": "Lane"}
_FIRMS = {
    "Inc": "Incorporated",
    "Ltd": "Limited",
    "Corp": "Corporation",
    "Co": "Company",
    "Jr": "Junior",
    "Sr": "Senior",
}

_SPELLED_TEXT = """
ABA ADSL AI APR API APN ATM BACS BT CEO CIO DIY EE ETA ETF EU FAQ GPU HDMI ICCID ID IMEI IP IPTV ISA ISDN ISO ISP IT
ITV IVR KYC MOT OLED OTP PO QA RSPCA SLA UHD UI UK UPC UPS URL US USA USB USPS USSD UTC VAT VIP VOD
"""
_SAID_TEXT = """
ACME BIC CAPTCHA CHAPS COVID DAB DECT DOCSIS FIFA GIF IBAN IKEA IMAP JPEG LAN MAC MIFI NASA NATO OFCOM OPEC PAC PAYG
PIN POP PUK RADAR RAM ROM SEPA SIM SWIFT VISA VOIP WAN WIFI ZIP
"""
_COMMON_TEXT = """
a ad ago all am an and any are as ask at bad be big box but buy by can car day did do due end far fee few fix for get
go got had has he her hi him his hot how i if in is its job key law let lot low man many may me men my new no nor not
now of off oh old on one or our out own pay per put ran red run saw say see set she sir six so tax ten the they this to
too top try two up use very via was way we who why will win with yes yet you your
"""
_SPELLED = frozenset(_SPELLED_TEXT.split())
_SAID = frozenset(_SAID_TEXT.split())
_COMMON = frozenset(_COMMON_TEXT.upper().split())
_ROMAN = {"II": "two", "III": "three", "VI": "six", "VII": "seven", "VIII": "eight", "IX": "nine"}
_ROMAN_SIGNS = ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
_RULER = re.compile(
    r"\b(?:Henry|Elizabeth|Charles|George|William|James|Edward|Richard|Louis|Pope\s\w+|John\sPaul|Philip|Frederick"
    r"|Francis|Leo|Pius|Benedict|Margrethe|Juan\sCarlos|Felipe|Carl|Harald|Haakon|Nicholas|Alexander|Ivan|Catherine|Mary"
    r"|King\s\w+|Queen\s\w+|Emperor\s\w+|Tsar\s\w+)\s$"
)
_PARTS_OF_BOOKS = re.compile(r"\b(?:chapter|part|phase|volume|book|act|scene|article|stage)\s$", re.I)
_NUMBERED_BY_ROMAN = re.compile(
    r"\b(?:chapter|part|phase|volume|vol\.|book|section|article|title|type|class|stage|level|tier|grade|act|scene|appendix"
    r"|annex|table|figure|world\swar|bowl|schedule|mark|rocky|rev(?:ision)?|category)\s$",
    re.I,
)
_BARE_UNITS = {"Mbps": "megabits per second", "Gbps": "gigabits per second", "kbps": "kilobits per second"}
_BARE_UNITS |= {
    "km/h": "kilometers per hour",
    "kWh": "kilowatt hours",
    "MB/s": "megabytes per second",
    "m/s": "meters per second",
}
_BARE_UNITS |= {
    "GB": "gigabytes",
    "MB": "megabytes",
    "TB": "terabytes",
    "mph": "miles per hour",
    "m/s": "meters per second",
}


def letters(word: str) -> str:
    """ATM: "A.T.M". Set like this, voices spell it, and none takes the A for an article."""
    return ".".join(word)


def capitals(word: str, *, shouted: bool = False) -> str:
    """A word in capitals: spelled, or said as a word."""
    if word in _SAID or word in _COMMON:
        return word.lower()
    if word == "OK":
        return "okay"
    if word in _SPELLED and not (shouted and word in ("IT", "US")):
        return letters(word)
    if word in _ROMAN and not shouted:
        return _ROMAN[word]
    if not re.search(r"[AEIOUY]", word) or (len(word) <= 3 and not shouted):
        return letters(word)
    return word.lower()


def _abbreviation(m: re.Match[str]) -> str | None:
    """e.g., approx., w/o, T&Cs."""
    written = m[0].lower()
    bare = written.removesuffix(".")
    if bare in _WITH_STOP and bare == written:
        return None
    if bare in ("max", "min", "est") and stop(m):
        return None  # "That is the max."
    full = _ABBREVIATIONS.get(bare)
    ends = bare == "etc" or not after(m).strip()
    return f"{full}{stop(m) if ends else ''}" if full else None


def _title(m: re.Match[str]) -> str | None:
    """Dr. Smith, St. Mary; 12 High St., Oak Dr."""
    name, rest, written = m[1], after(m), before(m)
    named = re.match(r"\s+[A-Z]", rest)
    street = re.search(r"[A-Z][\w’']*\s$", written) and (
        not named or re.search(r"\b\d+[A-Za-z]?\s+(?:[A-Z][\w’']*\s+){1,3}$", written)
    )
    if name in _STREETS and street:
        return f"{_STREETS[name]}{stop(m)}"
    if name in _TITLES and (named or m[0].endswith(".")):
        return _TITLES[name]
    return None


def _firm(m: re.Match[str]) -> str | None:
    """Inc., Ltd, Co."""
    if m[1] in ("Co", "Sr", "Jr") and not m[0].endswith("."):
        return None
    return f"{_FIRMS[m[1]]}{stop(m)}"


def _numero(m: re.Match[str]) -> str:
    """No. 5."""
    return "numbers" if m[1] else "number"


def _initials(m: re.Match[str]) -> str:
    """U.S., J.R.; a.m. without an hour."""
    if m[0].lower().rstrip(".") in ("a.m", "p.m"):
        return f"{m[0][0].upper()}M{stop(m)}"
    return m[0].rstrip(".") + stop(m)


def _initial(m: re.Match[str]) -> str | None:
    """The F. of John F. Kennedy, without a stop to it."""
    return m[1] if re.search(r"(?:^|\b[A-Z][\w’']*[.,]?\s)$", before(m)) else None


def _roman(m: re.Match[str]) -> str | None:
    """The VIII of "Henry VIII", the IV of "chapter IV"."""
    number, rest = 0, m[0]
    for value, sign in _ROMAN_SIGNS:
        while rest.startswith(sign):
            number, rest = number + value, rest[len(sign) :]
    if len(m[0]) == 1 and not _PARTS_OF_BOOKS.search(before(m)):
        return None  # "class C", "type X"
    if _RULER.search(before(m)):
        return f"the {ordinal(number)}"
    return cardinal(number) if _NUMBERED_BY_ROMAN.search(before(m)) else None


def _capitals(m: re.Match[str]) -> str | None:
    """ISP, PIN, FAQs, USB-C, IMPORTANT."""
    shouted = m.string.isupper() and len(re.findall(r"[A-Z]{2,}", m.string)) >= 3
    written = m["caps"].split("-")
    if len(written) == 1 and len(m["caps"]) < 2:
        return None
    said = "-".join if all(len(word) > 3 for word in written) else " ".join
    return said([capitals(word, shouted=shouted) if len(word) > 1 else word for word in written]) + _ending(m)


def _ending(m: re.Match[str]) -> str:
    """The plural and the genitive."""
    if not m["more"]:
        return ""
    return "'s" if m["more"] != "s" or capitals(m["caps"].split("-")[-1]).count(".") else "s"


def _counted(m: re.Match[str]) -> str | None:
    """The calls/hour of "10 calls/hour"."""
    return f"{m['what']}{per(m)}" if re.search(r"(?:\d|\b(?:per|an?))\s$", before(m)) else None


def _unit(m: re.Match[str]) -> str:
    """Mbps, where no number stands before it."""
    return _BARE_UNITS[m[0]]


def _alternation(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


ABBREVIATIONS: list[Rule] = [
    (re.compile(COUNTED), _counted),
    (re.compile(rf"(?:{_alternation([*_ABBREVIATIONS])})(?![\w&]|/\w|[.-]\w)\.?", re.I), _abbreviation),
    (re.compile(r"(Dr|Mr|Mrs|Ms|Prof|St|Rd|Ave|Blvd|Ln)(?!\w)\.?"), _title),
    (re.compile(r"(Inc|Ltd|Corp|Co|Jr|Sr)(?![\w-])\.?"), _firm),
    (re.compile(r"[Nn]o(s)?\.\s?(?=#?\d)|№\s?(?=\d)"), _numero),
    (re.compile(r"(?:[A-Za-z]\.){2,}(?!\w)|(?:[A-Z]\.)+[A-Z](?!\w)"), _initials),
    (re.compile(r"([A-Z])\.(?=\s[A-Z])"), _initial),
    (re.compile(rf"(?:{_alternation([*_BARE_UNITS])})(?!\w)"), _unit),
]
CAPITALS: list[Rule] = [
    (re.compile(r"(?=[IVXLC])(?:X{0,3}|XL|LX{0,3}|XC|C)(?:IX|IV|V?I{0,3})(?![\w.'’-]*\w)"), _roman),
    (re.compile(r"(?P<caps>[A-Z]+(?:-[A-Z]+)*)(?P<more>['’]?s)?(?![^\W_]|['’-]\w|\.\w)"), _capitals),
]
# Words that are not passed by.
SPECIAL = frozenset(
    name.lower()
    for name in [*_ABBREVIATIONS, *_TITLES, *_STREETS, *_FIRMS, *_BARE_UNITS, "no", "nos", "kr", "rs", "fr", "sfr"]
)
