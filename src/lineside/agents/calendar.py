"""What the desk's clock and calendar say: weekday, date, time, and whether the desk is open. Pure: time is handed in.

Days are counted on the calendar and never as 24 hours, so "tomorrow" is right on the days when the clocks change.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

from lineside.engines.protocols import Message

DAY = 24 * 60  # minutes
MAX_DAYS_AHEAD = 14  # that are searched for the next opening; a desk that stays closed longer is just closed
FRESH = timedelta(minutes=10)  # a note is kept so long, so that the model need not read it anew with every turn

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_KEYS = {name[:3].lower(): index for index, name in enumerate(_DAYS)}
_PERIOD = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")


class OpenPeriod(Struct, frozen=True):
    """From when to when the desk is open, in minutes from midnight; an end beyond `DAY` lies on the next day."""

    opens: int
    closes: int


class OpeningHours(Struct, frozen=True):
    """When a desk is open: on each weekday, and on days of their own."""

    week: tuple[tuple[OpenPeriod, ...], ...]  # from Monday on
    dates: dict[date, tuple[OpenPeriod, ...]]

    def on(self, day: date) -> tuple[OpenPeriod, ...]:
        """The periods that begin on this day."""
        return self.dates.get(day, self.week[day.weekday()])

    def closing(self, now: datetime) -> datetime | None:
        """When the desk, open now, closes; None: it is closed. `now` is the desk's own time."""
        minute = now.hour * 60 + now.minute
        for back in (0, 1):
            day = now.date() - timedelta(days=back)
            for period in self.on(day):
                if period.opens <= minute + back * DAY < period.closes:
                    return self._end(_at(day, period.closes, now))
        return None

    def _end(self, closing: datetime) -> datetime:
        """The closing time, where one period goes over into the next at midnight."""
        for _ in self.week:
            minute = closing.hour * 60 + closing.minute
            following = [period for period in self.on(closing.date()) if period.opens == minute]
            if not following:
                break
            closing = _at(closing.date(), following[0].closes, closing)
        return closing

    def opening(self, now: datetime) -> datetime | None:
        """When the desk, closed now, opens next; None: not within two weeks."""
        minute = now.hour * 60 + now.minute
        for ahead in range(MAX_DAYS_AHEAD):
            day = now.date() + timedelta(days=ahead)
            starts = [period.opens for period in self.on(day) if ahead or period.opens > minute]
            if starts:
                return _at(day, min(starts), now)
        return None


def _at(day: date, minutes: int, now: datetime) -> datetime:
    """A time on the desk's clock: so many minutes on it, whatever the clock does in between."""
    day += timedelta(days=minutes // DAY)
    return datetime(day.year, day.month, day.day, minutes % DAY // 60, minutes % 60, tzinfo=now.tzinfo)


def opening_hours(written: Mapping[str, str]) -> OpeningHours:
    """Read the hours of an agent's file: "mon-fri", "sat", "2026-12-25" to "9:00-12:30, 13:30-18:00" or "closed".

    A day that is not named is closed. Raises `ValueError` naming what cannot be read.
    """
    week: list[tuple[OpenPeriod, ...]] = [()] * 7
    dates: dict[date, tuple[OpenPeriod, ...]] = {}
    for days, hours in written.items():
        periods = _periods(days, hours)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", days):
            try:
                dates[date.fromisoformat(days)] = periods
            except ValueError:
                raise ValueError(f"hours: {days} is no date of the calendar") from None
            continue
        for index in _weekdays(days):
            week[index] = periods
    return OpeningHours(tuple(week), dates)


def is_open(written: Mapping[str, str], zone: tzinfo) -> bool:
    """Whether a desk with these hours is open now. Raises `ValueError` for hours that cannot be read."""
    return opening_hours(written).closing(datetime.now(zone)) is not None


def date_in(zone: tzinfo | None) -> date:
    """The day that it is now in a zone; None: in UTC."""
    return datetime.now(zone or UTC).date()


def _weekdays(days: str) -> list[int]:
    first, _, last = days.strip().lower().partition("-")
    begin, end = _KEYS.get(first[:3]), _KEYS.get((last or first)[:3])
    if begin is None or end is None:
        raise ValueError(f"hours: {days!r} is no day; write mon, mon-fri or 2026-12-25")
    return [index % 7 for index in range(begin, end + 1 + 7 * (end < begin))]


def _periods(days: str, hours: str) -> tuple[OpenPeriod, ...]:
    if hours.strip().lower() == "closed":
        return ()
    periods = []
    for part in hours.split(","):
        found = _PERIOD.fullmatch(part.strip())
        numbers = [int(number) for number in found.groups()] if found else [99] * 4
        opens, closes = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
        if not found or opens >= DAY or closes > DAY or max(numbers[1], numbers[3]) > 59:
            raise ValueError(f'hours: {days} = "{hours}" cannot be read; write "9:00-17:30", or "closed"')
        periods.append(OpenPeriod(opens, closes if closes > opens else closes + DAY))
    return tuple(periods)


class DeskClock:
    """What the language model is told of time and place: one question and its answer, right before the caller's.

    Only where the caller's question needs them: a small model answers other questions worse with the time before its
    eyes, and all that was said before stays as the model has read it. They stay word for word the same for some
    minutes, unless the day ends, or the desk opens or closes.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        hours: OpeningHours | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        language: str = "en",
    ) -> None:
        """`hours` None: not known. In other languages than English, every question is taken to depend on the time."""
        self._zone, self._hours, self._now = zone, hours, now
        self._always = not language.lower().startswith("en")
        self._messages: tuple[Message, ...] = ()
        self._at = datetime.min.replace(tzinfo=UTC)
        self._state: tuple[object, ...] = ()

    def before(self, question: str) -> tuple[Message, ...]:
        """What the model is told now, before this question; nothing where it does not depend on the time."""
        return self.exchange() if self._always or depends_on_now(question) else ()

    def exchange(self) -> tuple[Message, ...]:
        """The question and its answer, as they are now."""
        now = self._now().astimezone(self._zone)
        closing = self._hours.closing(now) if self._hours is not None else None
        state = (now.date(), now.utcoffset(), closing)
        if state != self._state or not timedelta(0) <= now - self._at < FRESH:
            self._state, self._at = state, now
            self._messages = (
                Message("user", "What day and what time is it now?"),
                Message("assistant", desk_note(now, self._hours)),
            )
        return self._messages


_NOW = re.compile(
    r"""(?xi) \b(?:
      now | today | tonight | tomorrow | yesterday | currently | already | later | soon | ago
    | at\ (?:the|this)\ (?:moment|time)
    | (?:this|next|last|coming)\ (?:mon|tues|wednes|thurs|fri|satur|sun)?
      (?:day|morning|afternoon|evening|night|week|weekend|month|year)
    | (?:what|which)\ (?:day|date|time)\ is\ it | what(?:'s|\ is)\ the\ (?:day|date|time)
    | in\ (?:an?|\w+)\ (?:minute|hour|day|week|month)s?
    )\b
    | \b(?:are|is)\ (?:you|the\ \w+)\ (?:still\ )?(?:open|closed)\W*$
    | \bwhen\ do(?:es)?\ [^.?!]{0,20}\b(?:open|close)\W*$"""
)


def depends_on_now(question: str) -> bool:
    """Whether an English question cannot be answered without knowing what time it is."""
    return bool(_NOW.search(" ".join(question.replace("\u2019", "'").split())))


def desk_note(now: datetime, hours: OpeningHours | None) -> str:
    """Weekday, date, time and zone of the desk, tomorrow's date, and whether the desk is open."""
    tomorrow = now.date() + timedelta(days=1)
    zone = getattr(now.tzinfo, "key", "") or "local"
    told = (
        f"Today is {_day(now.date())}. The time is {_clock(now)}, {zone} time ({now.strftime('%Z')}). "
        f"Tomorrow is {_day(tomorrow)}."
    )
    if hours is None:
        return told
    closing = hours.closing(now)
    if closing and closing.date() - now.date() >= timedelta(days=len(_DAYS)):
        return f"{told} We are open day and night."
    if closing:
        return f"{told} We are open now, until {_clock(closing)}{_which(closing, now)}."
    if opening := hours.opening(now):
        return f"{told} We are closed now. We open{_which(opening, now) or ' today'} at {_clock(opening)}."
    return f"{told} We are closed now."


def _which(then: datetime, now: datetime) -> str:
    days = (then.date() - now.date()).days
    if days == 0:
        return ""
    return " tomorrow" if days == 1 else f" on {_day(then.date())}"


def _day(day: date) -> str:
    return f"{_DAYS[day.weekday()]}, {day.strftime('%B')} {day.day}, {day.year}"


def _clock(time: datetime) -> str:
    return f"{time.hour % 12 or 12}:{time.minute:02} {'AM' if time.hour < 12 else 'PM'}"
