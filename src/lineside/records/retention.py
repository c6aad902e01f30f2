"""Deleting the calls that are too old, by a clock that is believed."""

import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from lineside.records import queries
from lineside.records.database import Database
from lineside.records.deletion import TOMBSTONE_SECONDS, Deletion
from lineside.records.retention_clock import RetentionClock
from lineside.records.trouble import RecordsTrouble
from lineside.settings import Settings

log = structlog.get_logger()

DAY = 86_400.0


class Retention:
    """What RETENTION_DAYS asks for. The archive's thread uses it."""

    def __init__(
        self, settings: Settings, who: str, store: Database, deletion: Deletion, trouble: RecordsTrouble
    ) -> None:
        """`who`: this process, among those that share DATA_DIR, where the last look is noted."""
        self._folder, self._days, self._who = settings.data_dir, settings.retention_days, who
        self._store, self._deletion, self._trouble = store, deletion, trouble
        self._clock: RetentionClock | None = None

    async def forget_old(self, closing: Callable[[], bool]) -> None:
        """Delete what is too old. Raises `Unavailable`."""
        if not self._days:
            return
        if self._clock is None:
            self._clock = RetentionClock(await self._last_known())
        now = self._clock.now(time.time(), time.monotonic())
        if self._clock.doubted:
            self._trouble.set("clock", "the clock is further ahead than can be: calls are not deleted by it for a day")
        else:
            self._trouble.clear("clock")
        self._remember(now)
        async with self._store.transaction() as connection:
            await queries.drop_old_tombstones(connection, now - TOMBSTONE_SECONDS)
        while not closing():
            async with self._store.transaction() as connection:
                old = await queries.older(connection, now - self._days * DAY)
            if not old:
                return
            await self._deletion.delete(old)
            log.info("old calls deleted", calls=len(old), days=self._days)

    async def _last_known(self) -> float | None:
        """A moment that certainly was: the last look of a process before this one, or the newest call."""
        try:
            seen = float((self._folder / "retention-clock").read_text())
        except (OSError, ValueError):
            seen = None
        async with self._store.transaction() as connection:
            newest = await queries.newest(connection)
        return max((moment for moment in (seen, newest) if moment is not None), default=None)

    def _remember(self, now: float) -> None:
        draft = self._folder / f"retention-clock.{self._who}"
        with suppress(OSError):  # a full disk: the newest call says nearly the same
            draft.write_text(f"{now:.0f}\n")
            draft.replace(self._folder / "retention-clock")
