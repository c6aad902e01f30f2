"""Who may connect: pages of our own, programs with a key, and nobody else. Pure; time is handed in."""

import base64
import hashlib
import hmac
import secrets
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
        if self._settings.only_this_machine and _name(f"//{host}") not in LOOPBACK:
            # A page of a stranger's whose name was made to point at this machine would be its "own origin".
            return f"this desk answers as localhost only, not as {_name(f'//{host}')!r}; set HOST to open it"
        if origin is None or origin in self._settings.allowed_origins:
            return None
        if urlsplit(origin).netloc == host:
            return None
        return f"pages from {origin!r} may not connect; add it to ALLOWED_ORIGINS if they should"

    def has_key(self, given: str | None) -> bool:
        """Whether one of the keys was given. Every key is compared, in constant time."""
        if not self.asks_for_key:
            return True
        matches = [hmac.compare_digest((given or "").encode(), key.encode()) for key in self._settings.api_keys]
        return any(matches)

    def token(self, now: float) -> str:
        """A short-lived token, for browsers, whose sockets cannot carry a header."""
        ends = str(int(now) + TOKEN_SECONDS)
        return f"{ends}.{self._sign(ends)}"

    def has_token(self, token: str | None, now: float) -> bool:
        """Whether this is a token of ours that has not run out."""
        ends, _, signature = (token or "").partition(".")
        return hmac.compare_digest(signature.encode(), self._sign(ends).encode()) and ends.isdigit() and now < int(ends)

    def _sign(self, text: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._secret, text.encode(), hashlib.sha256)).decode().rstrip("=")


def key_of(headers: dict[str, str]) -> str | None:
    """The key in `Authorization: Bearer …` or `X-API-Key`."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("X-API-Key")


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
