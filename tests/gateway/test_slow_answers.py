"""Callers who wait too long for answers raise an alert."""

from lineside.gateway.gateway_alerts import FEWEST, SLOW_OVER, is_slow
from lineside.observability.reply_times import ReplyTimes
from lineside.protocol import ReplyMetrics


def test_slow_answers_alert_when_they_are_more_than_one_in_twenty_of_the_last_minutes() -> None:
    """Not one slow answer among many, not a few answers alone, and not those of before."""
    now = [0.0]
    replies = ReplyTimes(lambda: now[0])

    def answers(many: int, ms: float) -> None:
        for _ in range(many):
            replies.add(ReplyMetrics(at=1.0, turn=1, e2e_ms=ms))

    answers(FEWEST - 1, 5000.0)
    assert not is_slow(replies, 0.0)
    answers(1, 5000.0)
    assert is_slow(replies, 0.0)
    now[0] = SLOW_OVER + 1.0
    assert not is_slow(replies, now[0])
    answers(20, 900.0)
    answers(1, 5000.0)
    assert not is_slow(replies, now[0])
    answers(2, 5000.0)
    assert is_slow(replies, now[0])
