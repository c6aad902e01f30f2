"""Old calls are deleted by a clock that is believed: one that jumps deletes nothing."""

import asyncio
import time
from pathlib import Path

import pytest

from lineside.records.archive import Archive
from lineside.records.retention_clock import BELIEVED_AFTER, JUMP_SECONDS, RetentionClock
from tests.call.fixtures import settings
from tests.records.test_nothing_is_lost import tell, until

DAY, NOW = 86_400.0, 1_800_000_000.0


def test_a_clock_that_keeps_time_is_believed() -> None:
    """A look every ten minutes, for a month."""
    clock = RetentionClock(NOW)
    for minutes in range(0, 30 * 24 * 60, 10):
        moment = NOW + 60 * minutes
        assert clock.now(moment, 60.0 * minutes) == moment
        assert not clock.doubted


@pytest.mark.parametrize("last_known", [NOW, NOW - 10])
def test_a_clock_that_jumps_ahead_is_doubted_for_a_day(last_known: float) -> None:
    """While running or at the start: time goes on from where it was, until the clock has said so for a day."""
    clock, jump = RetentionClock(last_known), 40 * DAY
    for running in range(0, int(BELIEVED_AFTER), 600):
        assert clock.now(NOW + jump + running, float(running)) <= NOW + running
        assert clock.doubted
    assert clock.now(NOW + jump + BELIEVED_AFTER, BELIEVED_AFTER) == NOW + jump + BELIEVED_AFTER
    assert not clock.doubted


def test_a_clock_that_is_put_back_is_believed_at_once() -> None:
    """That deletes less, not more; and a jump that is undone leaves no doubt."""
    clock = RetentionClock(NOW)
    assert clock.now(NOW + 5 * DAY, 0.0) == NOW
    assert clock.now(NOW - 60, 60.0) == NOW - 60
    assert not clock.doubted
    assert clock.now(NOW + JUMP_SECONDS / 2, 120.0) == NOW + JUMP_SECONDS / 2


def test_a_first_start_believes_its_clock() -> None:
    """Nothing is kept that could be deleted."""
    assert RetentionClock(None).now(NOW, 5.0) == NOW


def test_a_start_with_a_clock_far_ahead_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock is years ahead after a power cut: the calls stay, and the operator is told."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            tell(archive, "one")
            await archive.settled()
        real = time.time
        monkeypatch.setattr("lineside.records.retention.time.time", lambda: real() + 4000 * DAY)
        async with Archive(settings(data_dir=tmp_path, retention_days=1)).opened() as archive:
            await until(lambda: "the clock is further ahead" in str(archive.trouble))
            assert await archive.whole("one") is not None

    asyncio.run(story())
