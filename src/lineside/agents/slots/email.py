"""E-mail addresses as they are said: "john dot smith at gmail dot com". Pure."""

import re

from lineside.agents.slots.found import Found
from lineside.agents.slots.numbers import digit_runs, words_of
from lineside.agents.slots.repair import after_last_marker
from lineside.agents.slots.spelled import NATO

_WRITTEN = re.compile(r"[a-z0-9][a-z0-9._%+-]*@(?:[a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)
_SPELLED = re.compile(r"(?<!')\b[a-z](?:(?:-|,? )[a-z]\b)+(?!')", re.IGNORECASE)  # "J-A-N-E", "J, A, N, E", "J A N E"
_HYPHENS = re.compile(r"\b[a-z]{1,2}(?:-[a-z]{1,2}){2,}\b(?!-)", re.IGNORECASE)  # "sm-i-t-h", two letters run together
# How recognisers write what was spelled as a word: "emmma" for a double m, "y0ung" for the letter O.
_THRICE, _ZERO = re.compile(r"([a-z])\1{2,}", re.IGNORECASE), re.compile(r"(?<=[a-z])0(?=[a-z])", re.IGNORECASE)
_DOTTED = re.compile(r"[a-z0-9][._][a-z0-9]|\b(?:dot|underscore)\b", re.IGNORECASE)  # what no other words have
_DOT_BEFORE = re.compile(r"(?:\bdot|\bunderscore|\bdash|[._-])\s*$", re.IGNORECASE)  # "Jane dot doe@example.com"
_BEHIND = re.compile(
    r"(?:[\s,.]+(?:please|thanks|thank you|(?:all )?(?:lower ?case|one word)|that's (?:it|all|right)))+[\s.!]*$",
    re.IGNORECASE,
)  # what callers say behind an address
_VALID = re.compile(r"[a-z0-9](?:[a-z0-9_%+-]|\.(?!\.)){0,62}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")
_NO = re.compile(r"^\W*know\b(?=\W+it'?s\b)", re.IGNORECASE)  # "No, it's …", as recognisers write it
_SIGNS = {
    "dot": ".",
    "dott": ".",
    "dutt": ".",
    "point": ".",
    "period": ".",
    "underscore": "_",
    "dash": "-",
    "hyphen": "-",
    "minus": "-",
}
_SIGNS["plus"] = "+"
_SIGNS |= {sign: sign for sign in "._-+"}
_NOISE_TEXT = """
it's its it is my email e mail address the um uh er that's sure yes so okay all lower case lowercase one word capital
"""
_NOISE = frozenset(_NOISE_TEXT.split())
_LEADS = frozenset({"is", "it's", "its", "email", "address"})  # "know the email is …": what goes before is no name
_DOMAINS = """
gmail.com googlemail.com yahoo.com yahoo.co.uk ymail.com outlook.com hotmail.com hotmail.co.uk live.com
msn.com icloud.com me.com mac.com aol.com proton.me protonmail.com gmx.com gmx.net gmx.de web.de mail.com
btinternet.com sky.com virginmedia.com comcast.net verizon.net att.net example.com example.org example.net
"""
DOMAINS = tuple(_DOMAINS.split())
TOLD_APART = 5  # letters of a mail service's name that is known for one without an "at" before it
_IN_NAMES = frozenset("._-+0123456789")  # what tells a name without an "at" behind it from other words
_RUN_TOGETHER = re.compile(r"(?<=[a-z0-9])(?:at|et|it|ed|ad)$")  # how "at" is written where it became part of a name
# What recognisers write for names of mail services.
_MISHEARD = {"g?male": "gmail", "gmailed?": "gmail", "jimail": "gmail", "jemail": "gmail", "hot-?male": "hotmail"}
_MISHEARD["ya[hf]u"] = "yahoo"


def find_email(text: str, before: str = "") -> Found | None:
    """An address in small letters; None where neither "at" nor a mail service was heard. Always to be read back.

    `before`: the address that is put right; the name alone will do then.
    """
    found = _found(text, before, as_written=False)
    if found is not None and found.value == before:  # it was denied: three letters in a row may be meant
        return _found(text, before, as_written=True) or found
    return found


def _found(text: str, before: str, *, as_written: bool) -> Found | None:
    text = _NO.sub("no", text)
    text = _BEHIND.sub("", re.sub(r"\be-mail\b", "email", text, flags=re.IGNORECASE))
    text = re.sub(r"-(?=dot\b)|(?<=\bdot)-", " ", text, flags=re.IGNORECASE)
    text = _HYPHENS.sub(lambda letters: letters[0].replace("-", ""), text)
    if not as_written:
        text = _ZERO.sub("o", _THRICE.sub(r"\1\1", text))
    text = _SPELLED.sub(lambda letters: re.sub(r"[\s,.-]", "", letters[0]), text)
    written = list(_WRITTEN.finditer(text))
    if written and not _DOT_BEFORE.search(text[: written[-1].start()]):
        return _checked(written[-1][0].lower())
    words = words_of(text)
    words = words[after_last_marker(words) :] if after_last_marker(words) < len(words) else words
    said = [word.text for word in words]
    places = [at for at, word in enumerate(said) if word in {"at", "@"}]
    if not places:
        return _before_domain(said) or (_other_name(said, before) if _DOTTED.search(text) else None)
    behind = said[places[-1] + 1 :]
    behind = behind[: behind.index("is")] if "is" in behind else behind  # "… at gmail.com is my address"
    local, domain = _joined(text_of(said[: places[-1]])), _joined(behind)
    return _checked(f"{local}@{_usual(domain)}") if local and domain else None


def _before_domain(said: list[str]) -> Found | None:
    """An address whose "at" was not written: "helen.kingitoutlook.com", "sarah dot king gmail dot com"."""
    said = [_service(word) for word in said]
    whole = _joined(text_of(said)).rstrip(".")
    domain = next((usual for usual in DOMAINS if usual.index(".") >= TOLD_APART and whole.endswith(usual)), "")
    if not domain or whole == domain:
        return None
    local = whole.removesuffix(domain)
    if domain.partition(".")[0] not in said:
        local = _RUN_TOGETHER.sub("", local)
    local = local.rstrip(".-")
    return _checked(f"{local}@{domain}") if set(local) & _IN_NAMES else None


def _other_name(said: list[str], before: str) -> Found | None:
    """ "No, it's emma dot hall": what stands behind the "at" stays as it was understood."""
    _, at, domain = before.partition("@")
    local = _joined(text_of(said)).rstrip(".")
    return _checked(f"{local}@{domain}") if at and local else None


def text_of(words: list[str]) -> list[str]:
    """Without the words around an address; figures for number words."""
    last = max((at for at, word in enumerate(words) if word not in _NOISE), default=0)
    lead = max((at + 1 for at, word in enumerate(words[:last]) if word in _LEADS), default=0)
    begin = next((at for at, word in enumerate(words[lead:], lead) if word not in _NOISE), len(words))
    rest = " ".join(words[begin:])
    found = words_of(rest)
    runs = {run.begin: run for run in digit_runs(found)}
    out: list[str] = []
    at = 0
    while at < len(found):
        if at in runs:
            out, at = [*out, runs[at].digits], runs[at].end
        else:
            out, at = [*out, found[at].text], at + 1
    return out


def _joined(words: list[str]) -> str:
    parts = [_SIGNS.get(word) or NATO.get(word) or word for word in words]
    return "".join(part for part in parts if part.isalnum() or part in _SIGNS.values())


def _usual(domain: str) -> str:
    """A usual domain in place of one that differs from it in one letter or lacks its dot."""
    service, dot, rest = domain.partition(".")
    domain = f"{_service(service)}{dot}{rest}"
    if domain in DOMAINS:
        return domain
    near = [usual for usual in DOMAINS if _distance_one(domain, usual) or domain == usual.replace(".", "")]
    return near[0] if len(near) == 1 else domain


def _service(word: str) -> str:
    """The name of a mail service that is written like this, or the word."""
    return next((meant for heard, meant in _MISHEARD.items() if re.fullmatch(heard, word)), word)


def _distance_one(one: str, other: str) -> bool:
    """One letter is put in, left out or replaced."""
    if abs(len(one) - len(other)) > 1:
        return False
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    return any(
        one[begin + skip_one :] == other[begin + skip_other :] for skip_one, skip_other in ((1, 1), (0, 1), (1, 0))
    )


def _checked(address: str) -> Found | None:
    return Found(address, sure=False) if len(address) <= 254 and _VALID.fullmatch(address) else None
