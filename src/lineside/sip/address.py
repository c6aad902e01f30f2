"""URIs and addresses (RFC 3261, sections 19.1, 20.10), read leniently, as RFC 4475 and 5118 advise."""

import re
from urllib.parse import unquote

from msgspec import Struct

URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@\s<>]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)"
    r"(?::(?P<port>\d{1,5}))?(?P<rest>(?:;[^;?\s<>]+)*)(?P<headers>\?[^\s<>]*)?",
    re.IGNORECASE,
)
TEL = re.compile(r"(?P<scheme>tel):(?P<user>\+?[0-9A-Fa-f*#.()\-]+)(?P<rest>(?:;[^;?\s<>]+)*)", re.IGNORECASE)
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class SipUri(Struct, frozen=True):
    """A SIP, SIPS or TEL URI."""

    text: str  # as it came
    scheme: str  # in small letters
    user: str  # unescaped; the number of a TEL URI
    host: str  # with the brackets of IPv6; empty for TEL
    port: int | None
    parameters: dict[str, str]
    headers: str = ""  # what follows a "?"


class SipAddress(Struct, frozen=True):
    """An address as in From, To, Contact or Route."""

    name: str
    uri: str  # as it came
    parameters: dict[str, str]


def parse_uri(text: str) -> SipUri | None:
    """Read a URI; None where it is none, or of another scheme."""
    found = URI.fullmatch(text) or TEL.fullmatch(text)
    if found is None:
        return None
    given = found.groupdict()
    port = int(given["port"]) if given.get("port") else None
    if port is not None and not 0 < port < 65536:
        return None
    user = unquote((given["user"] or "").partition(":")[0] if given.get("host") else given["user"])
    parameters = _parameters(given["rest"] or "")
    return SipUri(
        text, given["scheme"].lower(), user, given.get("host") or "", port, parameters or {}, given.get("headers") or ""
    )


def parse_addresses(value: str) -> list[SipAddress] | None:
    """Read the addresses that commas part; None where one is malformed."""
    found = [_address(part) for part in _parts(value)]
    return None if None in found else [one for one in found if one is not None]


def _address(text: str) -> SipAddress | None:
    if "<" in text:
        quoted = QUOTED.match(text)
        begin = text.find("<", quoted.end() if quoted else 0)
        end = text.find(">", begin)
        if begin < 0 or end < 0:
            return None
        name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text[:begin].strip()
        uri, rest = text[begin + 1 : end].strip(), text[end + 1 :]
    else:
        name, (uri, semicolon, rest) = "", text.partition(";")
        uri, rest = uri.strip(), semicolon + rest
        if "?" in uri:  # headers need the angle brackets (RFC 3261, section 20.10)
            return None
    parameters = _parameters(rest.strip())
    if parameters is None or not ABSOLUTE.fullmatch(uri):
        return None
    return SipAddress(name, uri, parameters)


def _parameters(text: str) -> dict[str, str] | None:
    if not text:
        return {}
    if not text.startswith(";"):
        return None
    found: dict[str, str] = {}
    for part in text[1:].split(";"):
        name, _, value = part.partition("=")
        if not name.strip():
            return None
        found[name.strip().lower()] = unquote(value.strip().strip('"'))
    return found


def _parts(value: str) -> list[str]:
    """The values between commas that stand neither in quotes nor in angle brackets."""
    parts, begin, quoted, inside, escaped = [], 0, False, False, False
    for at, letter in enumerate(value):
        if escaped:
            escaped = False
        elif letter == "\\" and quoted:
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif not quoted:
            if letter == "<":
                inside = True
            elif letter == ">":
                inside = False
            elif letter == "," and not inside:
                parts.append(value[begin:at].strip())
                begin = at + 1
    return [*parts, value[begin:].strip()]
