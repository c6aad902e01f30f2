"""Ephemeral keys of the Realtime API (`ek_…`): each opens sessions of one configuration until it expires."""

import secrets
from typing import Any

from msgspec import Struct

MOST = 2000  # that have not expired; with one more the oldest goes
PREFIX = "ek_"


class ClientSecret(Struct, frozen=True):
    """One key."""

    value: str
    expires_at: float  # seconds since 1970
    session: dict[str, Any]  # as a client would send it in `session.update`
    holder: str = ""  # whose key minted it


class ClientSecrets:
    """The keys of one gateway. They are in memory alone: a restart ends them."""

    def __init__(self) -> None:
        self._known: dict[str, ClientSecret] = {}

    def mint(self, session: dict[str, Any], expires_at: float, now: float, holder: str = "") -> ClientSecret:
        """A new key."""
        self._known = {value: one for value, one in self._known.items() if one.expires_at > now}
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        made = ClientSecret(PREFIX + secrets.token_hex(24), expires_at, session, holder)
        self._known[made.value] = made
        return made

    def find(self, value: str | None, now: float) -> ClientSecret | None:
        """The key of that value, while it holds."""
        found = self._known.get(value or "")
        return found if found is not None and found.expires_at > now else None
