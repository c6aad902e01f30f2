"""Via: the way a request came, which its responses go back (RFC 3261, section 18.2; RFC 3581)."""

import re

from msgspec import Struct

HOP = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z]{2,8})\s+"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)\s*(?::\s*(?P<port>\d{1,5}))?\s*(?P<rest>;.*)?",
    re.IGNORECASE,
)
MAGIC = "z9hG4bK"  # branches that name a transaction begin so (RFC 3261, section 8.1.1.7)


class ViaHop(Struct, frozen=True):
    """One hop."""

    transport: str  # in capitals
    host: str
    port: int | None
    parameters: dict[str, str]  # in small letters; empty for one without a value

    @property
    def branch(self) -> str:
        """Names the transaction; empty or without `MAGIC`: a client of RFC 2543."""
        return self.parameters.get("branch", "")

    @property
    def sent_by(self) -> str:
        """Host and port, as the transaction's name has them."""
        return f"{self.host.lower()}:{self.port or ''}"


def read_via(value: str) -> ViaHop | None:
    """The first hop of a Via line; None where it is malformed."""
    found = HOP.fullmatch(first_of(value))
    if found is None or (found["port"] and not 0 < int(found["port"]) < 65536):
        return None
    parameters: dict[str, str] = {}
    for part in (found["rest"] or "").split(";")[1:]:
        name, _, given = part.partition("=")
        parameters[name.strip().lower()] = given.strip()
    return ViaHop(found["transport"].upper(), found["host"], int(found["port"]) if found["port"] else None, parameters)


def first_of(value: str) -> str:
    """The first of the values that commas part on a line; those in quotes part nothing."""
    quoted = False
    for at, letter in enumerate(value):
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            return value[:at].strip()
    return value.strip()


def with_source(value: str, host: str, port: int) -> str:
    """A Via line as the server notes on it where the request came from (`received`, `rport`)."""
    hop = read_via(value)
    if hop is None:
        return value
    first = first_of(value)
    rest = value[value.index(first) + len(first) :]
    if "rport" in hop.parameters:
        first = re.sub(r";\s*rport\s*(=\s*\d*)?", f";rport={port}", first, count=1, flags=re.IGNORECASE)
    if "rport" in hop.parameters or hop.host.strip("[]") != host:
        first = re.sub(r";\s*received\s*=[^;]*", "", first, flags=re.IGNORECASE)
        first += f";received={host}"
    return first + rest


def new_via(transport: str, host: str, port: int, branch: str) -> str:
    """Our own Via line; asks the other side to answer to where the request came from."""
    return f"SIP/2.0/{transport.upper()} {host}:{port};rport;branch={branch}"
