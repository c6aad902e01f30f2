"""Charts of replies as they were measured."""

from lineside.observability.reply_times import ReplyTimes
from lineside.protocol import ReplyMetrics


def reply(e2e: float | None, asr: float | None = None) -> ReplyMetrics:
    return ReplyMetrics(at=1.0, turn=1, reply=1, e2e_ms=e2e, asr_ms=asr)


def test_a_single_reply_is_drawn_at_its_own_time() -> None:
    """To the tenth of a millisecond, whatever buckets there are; p95 of few is the slowest."""
    now = [5.0]
    times = ReplyTimes(lambda: now[0])
    times.add(reply(1113.4, 365.0))
    now[0] = 15.0
    for e2e in (4768.0, 900.0):
        times.add(reply(e2e))
    first, second, third = times.stretches([0.0, 10.0, 20.0, 30.0])
    assert (first.quantile("e2e", 0.5), first.quantile("e2e", 0.95)) == (1113.4, 1113.4)
    assert (second.quantile("e2e", 0.5), second.quantile("e2e", 0.95)) == (900.0, 4768.0)
    assert (first.quantile("asr", 0.5), second.quantile("asr", 0.5)) == (365.0, None)
    assert [one.replies for one in (first, second, third)] == [1, 2, 0]
    assert third.quantile("e2e", 0.5) is None


def test_a_reply_that_was_not_measured_counts_for_nothing() -> None:
    """One that was dropped has no response time."""
    times = ReplyTimes(lambda: 5.0)
    times.add(reply(None, 100.0))
    (only,) = times.stretches([0.0, 10.0])
    assert (only.replies, only.quantile("e2e", 0.5), only.quantile("asr", 0.5)) == (0, None, 100.0)


def test_the_oldest_replies_give_way() -> None:
    """The ring keeps their order across its seam."""
    now = [0.0]
    times = ReplyTimes(lambda: now[0], most=4)
    for second in range(1, 7):
        now[0] = float(second)
        times.add(reply(100.0 * second))
    early, late = times.stretches([0.0, 4.0, 6.0])
    assert (early.replies, early.quantile("e2e", 0.5)) == (2, 300.0)
    assert (late.replies, late.quantile("e2e", 0.95)) == (2, 600.0)
