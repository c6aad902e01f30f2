"""Who may connect: pages of our own, programs with a key, and nobody else. Pure; time is handed in."""

import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from lineside.settings import LOOPBACK, Settings

HOLDER = 16  # characters of the name of a key's holder
TOKEN_SECONDS = 60  # long enough to open a socket with, short enough to be worthless in a log


class Auth:
    """The rules of one gateway. Tokens are good in each gateway that has the same API_KEYS."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = _secret_of(settings.api_keys)

    @property
    def asks_for_key(self) -> bool:
        """Whether keys are set."""
        return bool(self._settings.api_keys)

    def refuses_origin(self, origin: str | None, host: str, *, by_proxy: bool = False) -> str | None:
        """Why a page from this origin may not connect; None when it may. Programs send no Origin.

        Args:
            origin: of the page that asks.
            host: name and port that it asked.
            by_proxy: a proxy of the operator's passed it on, and says so.
        """
        name = _name(f"//{host}")
        if self._settings.only_this_machine and name not in LOOPBACK and not by_proxy:
            # A page of a stranger's whose name was made to point at this machine would be its "own origin".
            return f"this gateway answers as localhost only, not as {name!r}; set HOST to open it"
        if not self.asks_for_key and not self._is_ours(name):
            return (
                f"without API_KEYS this gateway does not answer as {name!r}; set API_KEYS, or add it to ALLOWED_ORIGINS"
            )
        if origin is None or origin in self._settings.allowed_origins:
            return None
        if _place(origin) == host:
            return None
        return (
            f"pages from {origin!r} may not connect to {host!r}; add it to ALLOWED_ORIGINS if they should. Behind a "
            "proxy, have it send X-Forwarded-Host, and name its address in TRUSTED_PROXIES"
        )

    def _is_ours(self, name: str) -> bool:
        """Whether a name can be this machine's and nobody else's: no page elsewhere can have it made to point here."""
        if name in LOOPBACK or "." not in name or name == socket.gethostname().lower():
            return bool(name)
        allowed = {_name(origin) for origin in self._settings.allowed_origins} | {self._settings.host.lower()}
        return name in allowed or _is_address(name)

    def has_key(self, given: str | None) -> bool:
        """Whether one of the keys was given. Every key is compared, in constant time."""
        if not self.asks_for_key:
            return True
        guess = (given or "").encode(errors="surrogateescape")  # a header may hold any byte
        matches = [hmac.compare_digest(guess, key.encode()) for key in self._settings.api_keys]
        return any(matches)

    def holder(self, key: str | None) -> str:
        """Who holds a key that was found right, as a name that tells nothing of the key; empty where none is asked."""
        return self._sign(key)[:HOLDER] if key and self.asks_for_key else ""

    def holders(self) -> list[str]:
        """The names of all who hold a key."""
        return sorted({self.holder(key) for key in self._settings.api_keys})

    def token(self, now: float, holder: str = "") -> str:
        """A short-lived token, for browsers, whose sockets cannot carry a header. `holder`: of its key."""
        promised = f"{int(now) + TOKEN_SECONDS}.{holder}"
        return f"{promised}.{self._sign(promised)}"

    def has_token(self, token: str | None, now: float) -> bool:
        """Whether this is a token of ours that has not run out."""
        promised, _, signature = (token or "").rpartition(".")
        guess, ends = signature.encode(errors="surrogateescape"), promised.partition(".")[0]
        return hmac.compare_digest(guess, self._sign(promised).encode()) and ends.isdecimal() and now < int(ends)

    def token_holder(self, token: str | None) -> str:
        """Who holds the key that a token, found right, was given for."""
        return (token or "").partition(".")[2].rpartition(".")[0]

    def _sign(self, text: str) -> str:
        raw = text.encode(errors="surrogateescape")  # a header or a query may hold any byte
        return base64.urlsafe_b64encode(hmac.digest(self._secret, raw, hashlib.sha256)).decode().rstrip("=")


@lru_cache(maxsize=8)
def _secret_of(keys: tuple[str, ...]) -> bytes:
    """What tokens are signed with: of the keys, as dear to guess them by as by a password's hash (RFC 7914)."""
    if not keys:
        return secrets.token_bytes(32)
    told = "\0".join(sorted(keys)).encode(errors="surrogateescape")
    return hashlib.scrypt(told, salt=b"lineside tokens", n=2**14, r=8, p=1, dklen=32)


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer …` or `X-API-Key`."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("X-API-Key")


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
