"""Waits before a restart double, and are short again after a healthy life."""

from lineside.processes.backoff import Backoff


def test_each_failure_doubles_the_wait_up_to_ten_seconds() -> None:
    """A quarter of a second at first, ten at most."""
    backoff = Backoff()
    assert [backoff.after(0.0) for _ in range(8)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_healthy_minute_makes_the_wait_short_again() -> None:
    """A server that worked for a minute is restarted at once."""
    backoff = Backoff()
    for _ in range(5):
        backoff.after(1.0)
    assert [backoff.after(60.0), backoff.after(0.0)] == [0.25, 0.5]
