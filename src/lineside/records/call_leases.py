"""Caps over several gateways: leases of call slots, which expire. Pure.

Each gateway holds a lease of some slots of each name (the holder of a key), and takes calls of that name within it
without asking anybody; every two seconds it tells how many calls it has and how many slots it wants, and is granted
what the others do not hold. A lease ends by itself after `LEASE`, counted on the database's clock there and on the
gateway's own monotonic clock here, from before it asked: no clock is ever compared with another, only how long a
second is.

The bound: of a name at most `cap` calls are up, and beside them those of gateways that were cut off from the database
until their lease ended: the calls they had then, and new ones up to their share, `cap` over the gateways they last knew
of. A gateway that is cut off for less takes none too many.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct

RENEW_EVERY = 2.0  # seconds
LEASE = 10.0  # seconds that a lease lasts after it was granted
DRIFT = 0.01  # by so much a gateway's second may differ from the database's


class LeaseAsk(Struct, frozen=True):
    """What a gateway tells of one name."""

    name: str
    live: int  # calls
    wanted: int  # slots
    short: bool = False  # a call was refused since it asked last


class LeaseGrant(Struct, frozen=True):
    """What it may have of it."""

    name: str
    slots: int
    others_short: bool = False  # another gateway refused calls


def granted(cap: int, others: int, mine: int, ask: LeaseAsk) -> int:
    """Slots for one who asks, while the others use so many, and it has so many by a lease that has not ended.

    The others use what they hold, and calls that they have beyond. What it has it keeps as long as it wants it, though
    the others use too many: it may not hear this answer. A call beyond its lease is no slot: nobody follows it there.
    """
    return min(ask.wanted, max(mine, cap - others, 0))


class SharedCap:
    """One gateway's side: how many calls of each name it may take. Times are of its monotonic clock."""

    def __init__(self, cap: int, names: Iterable[str]) -> None:
        self._cap, self._names = cap, tuple(names)
        self._slots: dict[str, int] = {}
        self._short, self._others_short = set[str](), set[str]()
        self._until = float("-inf")  # the leases end
        self.gateways = 1  # that were known last, this one among them

    def takes(self, name: str, live: int, now: float) -> bool:
        """Whether one more call of that name may be taken, where so many are up."""
        most = self._slots.get(name, 0) if now < self._until else self.share
        if name not in self._names:  # no lease is asked for it: it counts here alone
            most = self._cap
        if live < most:
            return True
        self._short.add(name)
        return False

    @property
    def share(self) -> int:
        """Calls of a name that are taken where the database does not answer."""
        return -(-self._cap // self.gateways)

    def ask(self, live: Mapping[str, int], *, leaving: bool = False) -> list[LeaseAsk]:
        """What to ask for now. What is no longer wanted is given up here first: others may be granted it at once.

        `leaving`: this gateway takes no more calls.
        """
        asks = []
        for name in self._names:
            calls, short = live.get(name, 0), name in self._short
            spare = 0 if leaving or (name in self._others_short and not short) else self._spare
            wanted = min(self._cap, calls + spare)
            self._slots[name] = min(self._slots.get(name, 0), wanted)
            asks.append(LeaseAsk(name, calls, wanted, short))
        self._short.clear()
        return asks

    @property
    def _spare(self) -> int:
        """Slots beyond the calls that are up, so that further calls find one."""
        return max(1, self._cap // (2 * self.gateways))

    def answered(self, grants: Sequence[LeaseGrant], gateways: int, asked_at: float) -> None:
        """These are the leases now, of so many gateways."""
        self._slots = {grant.name: grant.slots for grant in grants}
        self._others_short = {grant.name for grant in grants if grant.others_short}
        self._until, self.gateways = asked_at + LEASE * (1 - DRIFT), max(1, gateways)


def decide(
    cap: int, asks: Sequence[LeaseAsk], others: Mapping[str, int], mine: Mapping[str, int], short: Container[str]
) -> list[LeaseGrant]:
    """The grants, by the slots of each name that the others use and the asker has; the others are short of some."""
    return [
        LeaseGrant(ask.name, granted(cap, others.get(ask.name, 0), mine.get(ask.name, 0), ask), ask.name in short)
        for ask in asks
    ]
