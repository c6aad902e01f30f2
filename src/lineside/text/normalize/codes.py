"""What is said sign by sign: telephone and order numbers, codes, versions, e-mail and web addresses."""

import re

from lineside.text.normalize.numbers import cardinal, digits, in_groups
from lineside.text.normalize.rule import Rule, after, before
from lineside.text.normalize.words import capitals, letters

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
    r"|id|imei|serial|policy|contract|meter|member(?:ship)?|phone|claim|transaction|payment|parcel|iban|sort"
    r"|(?P<short>(?:card|account|number|phone|one)\s(?:that\s)?end(?:s|ing)|code|pin|puk|otp|passcode|password|extension|ext|digits|card|cvv|zip|postcode|port|channel))\b"
    r"(?:['’]s)?(?:[\s.,:#]+(?:(?:number|no|code|id|is|was|are|in|with|the|this|one|it)\b[\s.:,#]*)*|[:#]\s?)$",
    re.IGNORECASE,
)
_TELEPHONE = re.compile(r"\b(?:call|phone|ring|dial|telephone|tel|mobile|fax|text)\b(?:\W+[a-z]+){0,3}\W*$", re.I)

_DIALLED = re.compile(r"\b(?:dial|call|ring|text)\s(?:\d{3}\s(?:or|and)\s)?$", re.I)
_CALLED = re.compile(r"[.,;:!?]|\s(?:or|and|in|to|for|from|if|now|free)\b|\s*$")


def _numbered(m: re.Match[str]) -> str | None:
    """12345 after "order number"; and the short ones that are always spelled, such as PIN codes."""
    if len(m[0]) == 3 and _DIALLED.search(before(m)) and _CALLED.match(after(m)):
        return digits(m[0])
    named = _NAMED.search(before(m))
    if not named:
        return in_groups(m[0]) if len(m[0]) >= 7 else None  # nobody counts so far without commas
    least = 3 if named["short"] else 4 if "number" in named[0].lower() else 5
    return in_groups(m[0]) if len(m[0]) >= least else None


def _keys(m: re.Match[str]) -> str:
    """*100#."""
    return f"star {digits(m[1])} hash"


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
    plus = "plus " if m[0].startswith("+") else ""
    if (
        sizes == [4, 6, 5]  # a card of fifteen digits
        or _looks_dialled(m[0], sizes)
        or _grouped(m[0], groups)
        or _NAMED.search(before(m))
        or _TELEPHONE.search(before(m))
    ):
        return plus + ", ".join(in_groups(group) for group in groups)
    return None


def _looks_dialled(written: str, sizes: list[int]) -> bool:
    """As telephone numbers are written."""
    digits_in_all = sum(sizes)
    if written[0] in "+(":
        return digits_in_all >= 7
    return (written[0] == "0" and digits_in_all >= 9) or sizes in ([3, 3, 4], [1, 3, 3, 4])


def _grouped(written: str, groups: list[str]) -> bool:
    """Card numbers, 1234-5678, 12-34-56, 555-0123; but a range has two ends, and so have years."""
    sizes, dashes = [len(group) for group in groups], written.count("-")
    if len(sizes) >= 3:
        return set(sizes) == {4} or dashes == len(sizes) - 1
    years = all(group[:2] in ("19", "20") for group in groups)
    return dashes == 1 and (sizes == [3, 4] or (len(sizes) == 2 and min(sizes) >= 4 and not years))


def _solid(m: re.Match[str]) -> str | None:
    """08001234567, +442079460123: no number that is counted begins with a zero."""
    if not m[1] and not m[2].startswith("0") and not _TELEPHONE.search(before(m)):
        return None
    return f"{'plus ' if m[1] else ''}{in_groups(m[2])}"


def _dotted(m: re.Match[str]) -> str:
    """192.168.1.1, 10.0.0.1:8080 and 2.1.3."""
    parts = m["parts"].split(".")
    if len(parts) == 4:
        said = " dot ".join(digits(part) for part in parts)
        return f"{said} port {digits(m['port'])}" if m["port"] else said
    version = " point ".join(cardinal(int(part)) for part in parts)
    return f"{version}, {digits(m['port'])}" if m["port"] else version


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
            said = f"{said.rstrip()}{', ' if count > 3 else ' '}"
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


def _pairs(m: re.Match[str]) -> str:
    """00:1A:2B:3C:4D:5E, as machines are called."""
    pairs = re.split("[:-]", m[0].upper())
    return ", ".join(" ".join(digits(sign) if sign.isdecimal() else sign for sign in pair) for pair in pairs)


def _standard(m: re.Match[str]) -> str:
    """802.11ax."""
    return f"eight oh two dot {cardinal(int(m[1]))} {letters(m[2].upper())}".rstrip()


def _email(m: re.Match[str]) -> str:
    """billing.team@lineside.example."""
    name, host = m[0].removeprefix("mailto:").rsplit("@", 1)
    return f"{spelled(name)} at {_host_spelled(host)}"


def _url(m: re.Match[str]) -> str:
    """https://lineside.example/help?x=1: without the scheme, and without what nobody can take down."""
    host, _, path = re.sub(r"^(?:https?|ftp)://", "", m[0], flags=re.I).partition("/")
    path = re.split(r"[?#]", path)[0].rstrip("/")
    host, _, port = re.split(r"[?#]", host)[0].partition(":")
    said = _host_spelled(host)
    if port:
        said += f" port {digits(port) if port.isascii() and port.isdecimal() else port}"
    return f"{said} slash {spelled(path)}" if path else said


def _host_spelled(host: str) -> str:
    *names, ending = host.split(".")
    known = ending.lower() in ("co", "com", "me", "test") or len(ending) > 2
    last = (
        ending
        if known and not ending.isdecimal()
        else digits(ending)
        if ending.isdecimal()
        else letters(ending.upper())
    )
    said = [("W W W" if name.lower() == "www" else spelled(name)) for name in names]
    return " dot ".join([*said, last])


def spelled(text: str) -> str:
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


EMAILS: list[Rule] = [
    (re.compile(r"(?:mailto:)?[\w.+'-]*\w@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(?!\w)"), _email),
]
ADDRESSES: list[Rule] = [
    *EMAILS,
    (re.compile(r"localhost:\d{2,5}(?!\w)"), _url),
    (re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"“”()]*[^\s<>\"“”().,;:!?'’*]", re.I), _url),
    (re.compile(rf"{_HOST}(?:/[^\s<>\"“”()]*[^\s<>\"“”().,;:!?'’*])?", re.I), _url),
]
TELEPHONES: list[Rule] = [
    (re.compile(r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])"), _pairs),
    (
        re.compile(
            r"(?:\+\d{1,3}[ .-]?|1[ .-])?(?:\(\d{1,5}\)[ .-]?)?\d{2,5}(?:[ .-]\d{2,5}){0,5}(?![\w%]|[.,:/-]\d|[-–]\d)"
        ),
        _telephone,
    ),
    (re.compile(r"\+\d{1,3}(?:[ .-]\(?\d{1,8}\)?){1,6}(?![\w%]|[.,:/-]\d)"), _telephone),
    (re.compile(r"0\d{2,5}[ /-]\d{4,9}(?![\w%]|[.,:/-]\d)|3[47]\d\d[ -]\d{6}[ -]\d{5}(?!\d)"), _telephone),
    (re.compile(r"(?P<parts>\d+(?:\.\d+){2,})(?::(?P<port>\d{1,5}))?(?!\w)"), _dotted),
    (re.compile(r"(\+?)(\d{7,15})(?!\w|[.,]\d)"), _solid),
]
NUMBERED: list[Rule] = [
    (re.compile(r"\d{3,}(?!\w|[.,:/]\d)"), _numbered),
]
HASHES: list[Rule] = [(re.compile(r"\*(\d{1,6})#"), _keys), (re.compile(r"#\s?(\d{1,18})(?!\w)"), _hash)]
CODES: list[Rule] = [
    (re.compile(r"[vV](\d{1,5}(?:\.\d{1,5})*)(?!\w)"), _version),
    (re.compile(r"(?=[A-Z/_–-]*\d)(?=[\d/_–-]*[A-Z])[A-Z\d]+(?:[-_/–][A-Z\d]+)*(?!\w)"), _code),
    (re.compile(r"802\.(1?\d)([a-z]{0,2})(?!\w)"), _standard),
    (re.compile(r"[A-Za-z]{1,12}\d{1,6}[a-z]{0,3}(?!\w)|\d{1,6}[a-z]{1,3}(?!\w)"), _code),
]
# Rules about more than digits and a space; see `english`.
NEED_MORE = (_email, _pairs, _dotted, _version, _code, _standard)
