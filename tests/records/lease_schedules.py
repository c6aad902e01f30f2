"""Schedules of several gateways with a cap in common: calls, lost messages, partitions, crashes and wrong clocks."""

import random

from msgspec import Struct

from lineside.records.call_leases import (
    DRIFT,
    LEASE,
    RENEW_EVERY,
    LeaseAsk,
    LeaseGrant,
    SharedCap,
    decide,
)

NAME = "acme"
STEPS, TICK = 60, 0.7  # seconds of the database's clock, on average


class Row(Struct):
    """A gateway's lease in the database."""

    seq: int
    slots: int
    live: int
    short: bool
    until: float


class Table:
    """The database: one transaction at a time, on its own clock."""

    def __init__(self, cap: int) -> None:
        self.cap, self.rows = cap, dict[str, Row]()

    def renew(self, gateway: str, seq: int, asks: list[LeaseAsk], now: float) -> tuple[list[LeaseGrant], int] | None:
        mine = self.rows.get(gateway)
        if mine is not None and seq <= mine.seq:
            return None  # a request that was overtaken
        others = [row for name, row in self.rows.items() if name != gateway and row.until > now]
        held, short = (
            {NAME: sum(max(row.slots, row.live) for row in others)},
            [NAME] if any(row.short for row in others) else [],
        )
        own = {NAME: mine.slots} if mine is not None and mine.until > now else {}
        (grant,) = decide(self.cap, asks, held, own, short)
        self.rows[gateway] = Row(seq, grant.slots, asks[0].live, asks[0].short, now + LEASE)
        return [grant], len(others) + 1


class Box:
    """A gateway whose clock is wrong by minutes and runs a little fast or slow."""

    def __init__(self, name: str, cap: int, dice: random.Random) -> None:
        self.name, self.cap, self.dice = name, cap, dice
        self.offset, self.rate = dice.uniform(-300, 300), 1 + dice.uniform(-DRIFT, DRIFT) * 0.9
        self.rule = SharedCap(cap, [NAME])
        self.seq, self.due, self.cut = 0, 0.0, False
        self.live: list[bool] = []  # calls; true: of a time when the lease had ended
        self.flight: list[tuple[float, int, list[LeaseAsk], float]] = []  # requests that the database has not had
        self.strays_most, self.reached = 0, False

    def clock(self, now: float) -> float:
        return self.offset + now * self.rate

    def valid(self, now: float) -> bool:
        return self.clock(now) < self.rule._until

    def step(self, table: Table, now: float) -> None:
        if not self.valid(now) and not all(self.live):
            self.live = [True] * len(self.live)
            self.strays_most = max(len(self.live), self.rule.share)
        for late in [one for one in self.flight if one[0] <= now]:  # nobody waits for their answers any more
            self.flight.remove(late)
            table.renew(self.name, late[1], late[2], now)
        if now >= self.due:
            self.renew(table, now)

    def renew(self, table: Table, now: float) -> None:
        self.seq, self.due = self.seq + 1, now + RENEW_EVERY
        asks, asked_at = self.rule.ask({NAME: len(self.live)}), self.clock(now)
        fate = "lost" if self.cut else self.dice.choices(["well", "late", "deaf", "lost"], [12, 1, 1, 1])[0]
        if fate == "late":
            self.flight.append((now + self.dice.uniform(0, 2 * LEASE), self.seq, asks, asked_at))
        elif fate != "lost":
            answer = table.renew(self.name, self.seq, asks, now)
            if fate == "well" and answer is not None:
                self.rule.answered(*answer, asked_at)

    def call(self, now: float) -> bool:
        taken = self.rule.takes(NAME, len(self.live), self.clock(now))
        if taken:
            self.live.append(not self.valid(now))
            self.strays_most = max(self.strays_most, self.rule.share)
        return taken


def opened(number: int, table: Table, dice: random.Random, now: float) -> Box:
    """A gateway that has asked once."""
    box = Box(f"gateway {number}", table.cap, dice)
    answer = table.renew(box.name, 0, box.rule.ask({}), now)
    assert answer is not None
    box.rule.answered(*answer, box.clock(now))
    return box


def run(seed: int) -> int:
    """One schedule; the most calls over the cap that there were. Fails where the bound is broken."""
    dice = random.Random(seed)  # noqa: S311 - protects nothing
    cap = dice.randint(1, 9)
    table = Table(cap)
    boxes = [opened(number, table, dice, 0.0) for number in range(dice.randint(2, 4))]
    over, now, births = 0, 0.0, len(boxes)
    for _ in range(STEPS):
        now += dice.uniform(0.1, 2 * TICK)
        for number, box in enumerate(boxes):
            box.step(table, now)
            if dice.random() < 0.05:
                box.cut = not box.cut
            if dice.random() < 0.01:  # it dies with its calls, and another takes its place
                births += 1
                boxes[number] = opened(births, table, dice, now)
                continue
            for _ in range(dice.randint(0, 2)):
                box.call(now)
            if box.live and dice.random() < 0.3:
                box.live.pop(dice.randrange(len(box.live)))
        strays = sum(sum(box.live) for box in boxes)
        total = sum(len(box.live) for box in boxes)
        assert total <= cap + strays, (
            f"schedule {seed}: {total} calls, {strays} of gateways that were cut off, cap {cap}"
        )
        for box in boxes:
            assert sum(box.live) <= box.strays_most, f"schedule {seed}: more than its calls or its share"
        over = max(over, total - cap)
    return over
