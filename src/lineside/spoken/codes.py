"""What is said sign by sign: telephone and order numbers, codes, versions, e-mail and web addresses."""

import re

from lineside.spoken.numbers import cardinal, digits, in_groups
from lineside.spoken.rule import Rule, before
from lineside.spoken.words import capitals, letters

_ENDINGS = (
    "com|org|net|info|biz|edu|gov|example|test|io|ai|dev|app|co|uk|us|eu|de|fr|es|it|nl|ie|ca|au|nz|in|ch|at|be|me|tv"
)
_HOST = rf"(?:[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?\.)+(?:{_ENDINGS})(?![\w-])"
_SIGNS = {".": "dot", "-": "dash", "_": "underscore", "/": "slash", "@": "at", "+": "plus", "~": "tilde"}
_SIGNS |= {"=": "equals", "&": "and", "%": "percent", ":": "colon", "!": "exclamation mark"}
_ADDRESS_PARTS = re.compile(r"[A-Za-z]+|\d+|[^\W\d_]+|.")

# What a number is called before it is read out, and the words that may stand between.
_NAMED = re.compile(
    r"\b(?P<name>order|account|acct|reference|ref|number|ticket|case|invoice|tracking|booking|confirmation|customer|client"
    r"|id|serial|policy|contract|meter|member(?:ship)?|phone|claim|transaction|payment|parcel|case|imei|iban|sort"
    r"|(?P<short>code|pin|passcode|password|extension|ext|ending|ends|digits|card|cvv|zip|postcode|port|channel))\b"
    r"(?:[\s.,:#]+(?:(?:number|no|code|id|is|was|are|in|with|the|this|one|it)\b[\s.:,#]*)*|[:#]\s?)$",
    re.IGNORECASE,
)
_TELEPHONE = re.compile(r"\b(?:call|phone|ring|dial|telephone|tel|mobile|fax|text)\b(?:\W+[a-z]+){0,3}\W*$", re.I)


def _numbered(m: re.Match[str]) -> str | None:
    """12345 after "order number"; and the short ones that are always spelled, such as PIN codes."""
    named = _NAMED.search(before(m))
    if not named:
        return None
    least = 3 if named["short"] else 4 if named["name"].lower() == "number" else 5
    return in_groups(m[0]) if len(m[0]) >= least else None


def _hash(m: re.Match[str]) -> str:
    """#1, order #12345."""
    number = "" if re.search(r"\b(?:number|no\.?|code|reference|ref|id)[\s:]*$", before(m), re.I) else "number "
    return f"{number}{in_groups(m[1]) if len(m[1]) >= 4 else cardinal(int(m[1]))}"


def _telephone(m: re.Match[str]) -> str | None:
    """0800 123 4567, (555) 010-1234, +44 20 7946 0123; sort codes and card numbers, which look alike."""
    groups = re.findall(r"\d+", m[0])
    sizes, total = [len(group) for group in groups], sum(len(group) for group in groups)
    if not 6 <= total <= 19:
        return None
    dashed = m[0].count("-")
    surely = (
        (m[0][0] in "+(" and total >= 7)
        or (groups[0][0] == "0" and total >= 9)
        or sizes in ([3, 3, 4], [1, 3, 3, 4])
        or (sizes == [3, 4] and dashed == 1)
        or (len(sizes) >= 3 and (set(sizes) == {4} or dashed == len(sizes) - 1))
        or (len(sizes) == 2 and dashed == 1 and min(sizes) >= 4 and not _years(groups))
        or bool(_TELEPHONE.search(before(m)))
        or bool(_NAMED.search(before(m)))
    )
    plus = "plus " if m[0].startswith("+") else ""
    return plus + ", ".join(in_groups(group) for group in groups) if surely else None


def _years(groups: list[str]) -> bool:
    return all(group[:2] in ("19", "20") for group in groups)


def _solid(m: re.Match[str]) -> str | None:
    """08001234567, +442079460123: no number that is counted begins with a zero."""
    if not m[1] and not m[2].startswith("0") and not _TELEPHONE.search(before(m)):
        return None
    return f"{'plus ' if m[1] else ''}{in_groups(m[2])}"


def _dotted(m: re.Match[str]) -> str:
    """192.168.1.1 and 2.1.3."""
    parts = m[0].split(".")
    if len(parts) == 4:
        return " dot ".join(digits(part) for part in parts)
    return " point ".join(cardinal(int(part)) for part in parts)


def _version(m: re.Match[str]) -> str:
    """v2.1."""
    return f"version {' point '.join(cardinal(int(part)) for part in m[1].split('.'))}"


def _code(m: re.Match[str]) -> str | None:
    """AB12-3456, SW1A, 4G, A40, mp3: letters are spelled, digits said one by one where there are many."""
    runs = re.findall(r"[A-Z]+|[a-z]+|\d+|[-_/–]", m[0])
    count = sum(len(run) for run in runs if run.isdecimal())
    if not count or not any(run.isalpha() for run in runs):
        return None
    said = ""
    for index, run in enumerate(runs):
        if not run.isalnum():
            said = f"{said.rstrip()}, "
        elif run.isdecimal():
            one_by_one = count > 3 or len(run) > 2 or run.startswith("0")
            said += f"{in_groups(run) if one_by_one else cardinal(int(run))} "
        elif run == "A" and index + 1 < len(runs) and runs[index + 1].isdecimal():
            said += "A-"  # a voice would take "A forty" for "a forty"
        else:
            said += f"{_run(run)} "
    return said.strip()


def _run(run: str) -> str:
    if run.isupper():
        return capitals(run) if len(run) >= 4 else letters(run)
    return run if re.search(r"[aeiouy]", run) and len(run) > 1 else letters(run.upper())


def _email(m: re.Match[str]) -> str:
    """billing.team@lineside.example."""
    name, host = m[0].rsplit("@", 1)
    return f"{_spelled(name)} at {_spelled_host(host)}"


def _url(m: re.Match[str]) -> str:
    """https://lineside.example/help?x=1: without the scheme, and without what nobody can take down."""
    host, _, path = re.sub(r"^https?://", "", m[0], flags=re.I).partition("/")
    path = re.split(r"[?#]", path)[0].rstrip("/")
    host, _, port = re.split(r"[?#]", host)[0].partition(":")
    said = _spelled_host(host)
    if port:
        said += f" port {digits(port) if port.isascii() and port.isdecimal() else port}"
    return f"{said} slash {_spelled(path)}" if path else said


def _spelled_host(host: str) -> str:
    *names, ending = host.split(".")
    known = ending.lower() in ("co", "com", "me", "test") or len(ending) > 2
    last = (
        ending
        if known and not ending.isdecimal()
        else digits(ending)
        if ending.isdecimal()
        else letters(ending.upper())
    )
    said = [("W W W" if name.lower() == "www" else _spelled(name)) for name in names]
    return " dot ".join([*said, last])


def _spelled(text: str) -> str:
    """Part of an address, its signs by name."""
    said = []
    for part in _ADDRESS_PARTS.findall(text):
        if part.isdecimal() and part.isascii():
            said.append(cardinal(int(part)) if len(part) <= 2 and not part.startswith("0") else in_groups(part))
        elif part.isascii() and part.isalpha():
            said.append(_run(part) if len(part) <= 4 else part)
        else:
            said.append(_SIGNS.get(part, part if part.isalnum() else ""))
    return " ".join(word for word in said if word)


ADDRESSES: list[Rule] = [
    (re.compile(r"[\w.+'-]*\w@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(?!\w)"), _email),
    (re.compile(r"(?:https?://|www\.)[^\s<>\"“”()]*[^\s<>\"“”().,;:!?'’*]", re.I), _url),
    (re.compile(rf"{_HOST}(?:/[^\s<>\"“”()]*[^\s<>\"“”().,;:!?'’*])?", re.I), _url),
]
TELEPHONES: list[Rule] = [
    (re.compile(r"\d+(?:\.\d+){2,}(?!\w)"), _dotted),
    (
        re.compile(
            r"(?:\+\d{1,3}[ .-]?|1[ .-])?(?:\(\d{1,5}\)[ .-]?)?\d{2,5}(?:[ .-]\d{2,5}){0,5}(?![\w%]|[.,:/-]\d|[-–]\d)"
        ),
        _telephone,
    ),
    (re.compile(r"(\+?)(\d{7,15})(?!\w|[.,]\d)"), _solid),
]
NUMBERED: list[Rule] = [
    (re.compile(r"\d{3,}(?!\w|[.,:/]\d)"), _numbered),
]
HASHES: list[Rule] = [(re.compile(r"#\s?(\d{1,18})(?!\w)"), _hash)]
CODES: list[Rule] = [
    (re.compile(r"[vV](\d{1,5}(?:\.\d{1,5})*)(?!\w)"), _version),
    (re.compile(r"(?=[A-Z/_–-]*\d)(?=[\d/_–-]*[A-Z])[A-Z\d]+(?:[-_/–][A-Z\d]+)*(?!\w)"), _code),
    (re.compile(r"[A-Za-z]{1,12}\d{1,6}[a-z]{0,3}(?!\w)|\d{1,6}[a-z]{1,3}(?!\w)"), _code),
]
