"""Digest authentication, both ways (RFC 3261, section 22; RFC 7616; RFC 8760). Pure: the time is handed in.

MD5 stays, since most trunks and telephones know nothing else; SHA-256 is offered beside it, and
chosen by us where it is offered.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping

from msgspec import Struct

Hash = Callable[[bytes], str]
NONCE_SECONDS = 60.0
PART = re.compile(r'([A-Za-z\-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


HASHES: dict[str, Hash] = {"SHA-256": _sha256, "MD5": _md5}  # the better first
ASKED = ("MD5", "SHA-256")  # telephones of before RFC 8760 read only the first challenge, and know only MD5


class Credentials(Struct, frozen=True):
    """Who we are to another server."""

    user: str
    password: str


def read_digest(value: str) -> dict[str, str]:
    """The parameters of a `Digest …` header, names in small letters; empty where it is none."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    found: dict[str, str] = {}
    at = 0
    rest = rest.strip()
    while at < len(rest):
        part = PART.match(rest, at)
        if part is None:
            return {}
        quoted = part[2]
        found[part[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else part[3]
        at = part.end()
        while at < len(rest) and rest[at] in " \t":
            at += 1
    return found


def _answer(hashed: Hash, given: Mapping[str, str], user: str, password: str, method: str, body: bytes) -> str:
    realm, nonce, uri = given.get("realm", ""), given.get("nonce", ""), given.get("uri", "")
    secret = hashed(f"{user}:{realm}:{password}".encode())
    if given.get("algorithm", "").lower().endswith("-sess"):
        secret = hashed(f"{secret}:{nonce}:{given.get('cnonce', '')}".encode())
    qop = given.get("qop", "")
    what = f"{method}:{uri}" + (f":{hashed(body)}" if qop == "auth-int" else "")
    middle = f"{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:{qop}" if qop else nonce
    return hashed(f"{secret}:{middle}:{hashed(what.encode())}".encode())


class DigestClient:
    """Answers the challenges of one server."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._count = 0
        self._nonce = ""

    def authorization(self, challenges: list[str], method: str, uri: str, body: bytes = b"") -> str | None:
        """The answer to the strongest challenge that we understand; None where there is none."""
        known = [read_digest(challenge) for challenge in challenges]
        usable = [one for one in known if one.get("nonce") and _algorithm(one) in HASHES]
        usable = [one for one in usable if not one.get("qop") or "auth" in re.split(r"[\s,]+", one["qop"])]
        if not usable:
            return None
        chosen = min(usable, key=lambda one: list(HASHES).index(_algorithm(one)))
        self._count = self._count + 1 if chosen["nonce"] == self._nonce else 1
        self._nonce = chosen["nonce"]
        given = {"realm": chosen.get("realm", ""), "nonce": chosen["nonce"], "uri": uri}
        if algorithm := chosen.get("algorithm"):
            given["algorithm"] = algorithm
        if chosen.get("qop"):
            given |= {"qop": "auth", "nc": f"{self._count:08x}", "cnonce": secrets.token_hex(8)}
        user = self._credentials.user
        answer = _answer(HASHES[_algorithm(chosen)], given, user, self._credentials.password, method, body)
        parts = {"username": user, **given, "response": answer}
        if "opaque" in chosen:
            parts["opaque"] = chosen["opaque"]
        bare = ("nc", "qop", "algorithm")
        return "Digest " + ", ".join(f"{k}={v}" if k in bare else f'{k}="{_quoted(v)}"' for k, v in parts.items())


def _algorithm(given: Mapping[str, str]) -> str:
    return given.get("algorithm", "MD5").upper().removesuffix("-SESS")


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


class DigestServer:
    """Challenges telephones, and checks what they answer. A nonce is its time and a seal, so nothing is kept of it."""

    def __init__(self, realm: str, users: Mapping[str, str]) -> None:
        """`users`: name → password."""
        self.realm = realm
        self._users = dict(users)
        self._key = secrets.token_bytes(32)

    def challenges(self, now: float, *, stale: bool = False) -> tuple[str, ...]:
        """The values of WWW-Authenticate."""
        nonce = self._nonce(now)
        more = ", stale=true" if stale else ""
        return tuple(
            f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={name}, qop="auth"{more}' for name in ASKED
        )

    def check(self, value: str, method: str, body: bytes, now: float) -> tuple[str, bool]:
        """Check an Authorization header.

        Returns:
            The user's name, empty where it is not they; and whether all was right but the nonce too old.
        """
        given = read_digest(value)
        user, hashed = given.get("username", ""), HASHES.get(_algorithm(given))
        if not given or hashed is None or given.get("realm") != self.realm or given.get("qop", "auth") != "auth":
            return "", False
        password = self._users.get(user)
        answer = _answer(hashed, given, user, secrets.token_hex(8) if password is None else password, method, body)
        right = hmac.compare_digest(answer.encode(), given.get("response", "").lower().encode())
        age = self._age(given.get("nonce", ""), now)
        if password is None or not right or age is None:
            return "", False
        return ("", True) if age > NONCE_SECONDS else (user, False)

    def _nonce(self, now: float) -> str:
        made = f"{int(now * 1000):x}"
        return f"{made}-{self._seal(made)}"

    def _seal(self, made: str) -> str:
        return hmac.new(self._key, made.encode(), hashlib.sha256).hexdigest()[:32]

    def _age(self, nonce: str, now: float) -> float | None:
        made, _, seal = nonce.partition("-")
        sealed = hmac.compare_digest(seal.encode(), self._seal(made).encode())
        if not sealed or not re.fullmatch(r"[0-9a-f]{1,16}", made):
            return None
        return max(0.0, now - int(made, 16) / 1000)
