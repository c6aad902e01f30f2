"""Who may connect: pages of our own, programs with a key, and nobody else. Pure; time is handed in."""

import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from lineside.settings import LOOPBACK, Settings

TOKEN_SECONDS = 60  # long enough to open a socket with, short enough to be worthless in a log


class Auth:
    """The rules of one gateway. Tokens are signed with a secret of this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = secrets.token_bytes(32)

    @property
    def asks_for_key(self) -> bool:
        """Whether keys are set."""
        return bool(self._settings.api_keys)

    def refuses_origin(self, origin: str | None, host: str) -> str | None:
        """Why a page from this origin may not connect; None when it may. Programs send no Origin."""
        name = _name(f"//{host}")
        if self._settings.only_this_machine and name not in LOOPBACK:
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
        return f"pages from {origin!r} may not connect; add it to ALLOWED_ORIGINS if they should"

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

    def token(self, now: float) -> str:
        """A short-lived token, for browsers, whose sockets cannot carry a header."""
        ends = str(int(now) + TOKEN_SECONDS)
        return f"{ends}.{self._sign(ends)}"

    def has_token(self, token: str | None, now: float) -> bool:
        """Whether this is a token of ours that has not run out."""
        ends, _, signature = (token or "").partition(".")
        guess = signature.encode(errors="surrogateescape")
        return hmac.compare_digest(guess, self._sign(ends).encode()) and ends.isdecimal() and now < int(ends)

    def _sign(self, text: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._secret, text.encode(), hashlib.sha256)).decode().rstrip("=")


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
