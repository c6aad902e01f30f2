"""Whether a call may be made now: the gates, in their order, each with its reason. Pure; time and counts are handed in.

No gate can be switched off by a request. The first (`telephone_numbers.why_refused`) by no setting either.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from lineside.agents.calendar import OpeningHours, opening_hours
from lineside.errors import CallBlocked, ConfigError
from lineside.settings import Settings
from lineside.telephone_numbers import is_allowed, why_refused

MINUTE, DAY = 60.0, 86_400.0


class CallWish(Struct, frozen=True):
    """What a gate looks at of a request."""

    to: str
    timezone: str = ""  # of who is called
    consent: str = ""  # where the consent is recorded


class CallCounts(Struct, frozen=True):
    """What a gate looks at of the calls before."""

    alive: int = 0  # calls of ours now
    begun: Sequence[float] = ()  # seconds since 1970 at which those of the last minute began, the oldest first
    to_number: Sequence[float] = ()  # the same, of the last day, to this number
    do_not_call: bool = False  # the number is on the list


class Gates:
    """The gates of one gateway."""

    def __init__(self, settings: Settings) -> None:
        """Raises `ConfigError` for hours that cannot be read."""
        self._settings = settings
        try:
            self._hours = read_hours(settings.outbound_hours)
        except ValueError as wrong:
            raise ConfigError(f"OUTBOUND_HOURS={','.join(settings.outbound_hours)}: {wrong}") from None

    def check(self, wish: CallWish, counts: CallCounts, now: datetime) -> None:
        """Let the call through, or raise `CallBlocked`. `now` knows its zone."""
        settings = self._settings
        if why := why_refused(wish.to):
            raise CallBlocked("bad_number", f"{wish.to[:40]}: {why}")
        if not is_allowed(wish.to, settings.outbound_allowed):
            raise CallBlocked("not_allowed", f"{wish.to} is not among OUTBOUND_ALLOWED")
        if counts.do_not_call:
            raise CallBlocked("do_not_call", f"{wish.to} asked not to be called")
        if settings.outbound_consent and not wish.consent.strip():
            raise CallBlocked(
                "consent", "name the record of their consent in `consent`, or set OUTBOUND_CONSENT to false"
            )
        self._check_hours(wish.timezone or settings.outbound_timezone, now)
        self._check_counts(wish, counts, now.timestamp())

    def _check_hours(self, zone: str, now: datetime) -> None:
        try:
            local = now.astimezone(ZoneInfo(zone)) if zone else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            local = None
        if local is None:
            why = "name the time zone of who is called in `timezone`, such as Europe/London, or set OUTBOUND_TIMEZONE"
            raise CallBlocked("timezone", why)
        if self._hours.closing(local) is None:
            opens = self._hours.opening(local)
            wait = (opens - local).total_seconds() if opens is not None else 0.0
            raise CallBlocked("hours", f"it is {local:%H:%M} in {zone}, outside OUTBOUND_HOURS", wait)

    def _check_counts(self, wish: CallWish, counts: CallCounts, now: float) -> None:
        settings = self._settings
        if len(counts.to_number) >= settings.outbound_attempts_a_day:
            again = counts.to_number[-settings.outbound_attempts_a_day] + DAY - now
            why = f"{wish.to} was called {len(counts.to_number)} times within a day (OUTBOUND_ATTEMPTS_A_DAY)"
            raise CallBlocked("attempts", why, again)
        if len(counts.begun) >= settings.outbound_per_minute:
            again = counts.begun[-settings.outbound_per_minute] + MINUTE - now
            raise CallBlocked("per_minute", f"{len(counts.begun)} calls began within a minute", again)
        if counts.alive >= settings.outbound_at_once:
            raise CallBlocked("at_once", f"{counts.alive} calls of ours are under way (OUTBOUND_AT_ONCE)", 5.0)


def read_hours(written: Sequence[str]) -> OpeningHours:
    """Read OUTBOUND_HOURS: each "mon-fri 9:00-20:00" or "2026-12-25 closed". Raises `ValueError`."""
    days: dict[str, str] = {}
    for part in written:
        day, _, hours = part.strip().partition(" ")
        if not hours.strip():
            raise ValueError(f"{part!r}: write days and hours, such as mon-fri 9:00-20:00")
        days[day] = f"{days[day]}, {hours.strip()}" if day in days else hours.strip()
    return opening_hours(days)
