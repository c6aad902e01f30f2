"""Caps over several gateways: the bound over random schedules, and what callers of one key meet."""

from lineside.records.call_leases import LEASE, LeaseAsk, SharedCap, decide, granted
from tests.records.lease_schedules import NAME, Table, run

SCHEDULES = 400  # bench/leases.py runs ten thousand


def test_never_more_calls_than_the_cap_and_those_of_gateways_that_were_cut_off() -> None:
    """Whatever clocks say, messages get lost or come late, gateways die, and the network falls apart."""
    worst = [run(seed) for seed in range(SCHEDULES)]
    assert max(worst) > 0, "no schedule was hard enough to try the bound"


def renew(rule: SharedCap, table: Table, name: str, live: int, at: int) -> None:
    """Ask in step `at`, and hear the answer."""
    answer = table.renew(name, at, rule.ask({NAME: live}), float(at))
    assert answer is not None
    rule.answered(*answer, float(at))


def test_a_gateway_that_is_short_gets_what_the_others_do_not_use() -> None:
    """All calls come to one of two gateways: after a word or two it has the whole cap, and the idle one has none."""
    table, busy, idle, live = Table(10), SharedCap(10, [NAME]), SharedCap(10, [NAME]), 0
    for at in range(1, 6):
        renew(busy, table, "busy", live, at)
        renew(idle, table, "idle", 0, at)
        while busy.takes(NAME, live, float(at)):
            live += 1
    assert live == 10
    assert not idle.takes(NAME, 0, 5.0)


def test_without_the_database_each_gateway_takes_its_share() -> None:
    """One that was never heard takes the cap itself, as without PostgreSQL; one that knew of two, half."""
    rule, table = SharedCap(10, [NAME]), Table(10)
    assert rule.takes(NAME, 9, 0.0)
    assert not rule.takes(NAME, 10, 0.0)
    renew(SharedCap(10, [NAME]), table, "other", 0, 1)
    renew(rule, table, "this", 0, 1)
    cut_off = 1.0 + LEASE
    assert rule.takes(NAME, 4, cut_off)
    assert not rule.takes(NAME, 5, cut_off)


def test_what_is_given_up_is_given_up_before_it_is_told() -> None:
    """The answer may never come, and others be granted the slots at once."""
    rule, table = SharedCap(10, [NAME]), Table(10)
    renew(rule, table, "this", 8, 1)
    assert rule.takes(NAME, 8, 1.0)
    rule.ask({NAME: 0}, leaving=True)
    assert not rule.takes(NAME, 0, 1.5)


def test_a_key_that_nobody_asks_leases_for_counts_in_each_gateway() -> None:
    """Such as a key that another gateway has and this one has not."""
    rule = SharedCap(3, [NAME])
    assert rule.takes("stranger", 2, 0.0)
    assert not rule.takes("stranger", 3, 0.0)


def test_a_lease_is_kept_though_others_use_too_much_and_no_call_becomes_a_slot() -> None:
    """Two faults that schedules found: a lease that was taken back unheard, and a call too many that left a slot."""
    assert granted(cap=4, others=6, mine=2, ask=LeaseAsk(NAME, live=0, wanted=2)) == 2
    assert granted(cap=4, others=6, mine=0, ask=LeaseAsk(NAME, live=3, wanted=4)) == 0
    (grant,) = decide(4, [LeaseAsk(NAME, 0, 2)], {NAME: 3}, {}, {NAME})
    assert (grant.slots, grant.others_short) == (1, True)
