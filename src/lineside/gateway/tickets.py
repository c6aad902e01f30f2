"""One-time tickets for media sockets, and what becomes of a call afterwards. Pure; time is handed in.

A carrier's or a PBX's request, which is checked, gets a ticket; whoever opens the media socket must bring it, within a
minute and once. It stands in the path: carriers drop the query of an address, and proxies log it. A ticket is random
and kept here, since it can be used only once; nothing about the call can be read from it.
"""

import secrets
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from lineside.errors import CallRefused
from lineside.transports.call_facts import CallFacts

T = TypeVar("T")

VALID = 60.0  # seconds
MOST = 10_000  # tickets at once; more are refused
REMEMBERED = 600.0  # seconds that it is known what is to become of a call that is over


class Ticket(Struct, frozen=True):
    """What was known of a call when its ticket was issued."""

    facts: CallFacts
    placed: str = ""  # the name of the call, where it is one of ours that a carrier made


class TicketStore:
    """The tickets of one gateway."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Ticket, float]] = {}  # the oldest first
        self._next: dict[str, tuple[str, float]] = {}  # what the dialplan is told after the call

    def issue(self, ticket: Ticket, now: float) -> str:
        """A ticket, which is a UUID too. Raises `CallRefused` when too many wait."""
        self._forget(now)
        if len(self._waiting) >= MOST:
            raise CallRefused("too many calls have been announced and not begun")
        name = str(UUID(bytes=secrets.token_bytes(16), version=4))
        self._waiting[name] = ticket, now + VALID
        return name

    def redeem(self, name: str, line: str, now: float) -> Ticket | None:
        """The call of a ticket, once; None for one that is unknown, used, too old, or another line's."""
        self._forget(now)
        waits = self._waiting.get(name)
        if waits is None or waits[0].facts.line != line:
            return None
        del self._waiting[name]
        return waits[0]

    def set_next(self, name: str, what: str, now: float) -> None:
        """After the call of this ticket the dialplan is to do this."""
        self._next[name] = what, now + REMEMBERED
        while len(self._next) > MOST:
            del self._next[next(iter(self._next))]

    def take_next(self, name: str, now: float) -> str:
        """What is to be done after a call; empty: nothing is known, so the caller goes to the queue."""
        self._forget(now)
        what, _ = self._next.pop(name, ("", 0.0))
        return what

    def _forget(self, now: float) -> None:
        _drop_old(self._waiting, now)
        _drop_old(self._next, now)


def _drop_old(kept: dict[str, tuple[T, float]], now: float) -> None:
    while kept:
        name, (_, ends) = next(iter(kept.items()))
        if ends > now:
            break
        del kept[name]
