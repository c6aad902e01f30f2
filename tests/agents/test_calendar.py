"""The desk's clock and calendar: the model knows the day, and "tomorrow" is right."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.agent import Agent, load_agent
from lineside.agents.calendar import DeskClock, OpenPeriod, desk_note, opening_hours
from lineside.call.chat_history import ChatHistory
from lineside.engines.protocols import Message
from lineside.errors import ConfigError
from lineside.settings import DATA

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
HOURS = opening_hours({"mon-fri": "9:00-12:30, 13:30-18:00", "sat": "10:00-16:00", "2026-12-25": "closed"})


def at(written: str, zone: ZoneInfo = LONDON) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (
            "2026-12-01T10:05",
            "Today is Tuesday, December 1, 2026. The time is 10:05 AM, Europe/London time (GMT). Tomorrow is "
            "Wednesday, December 2, 2026. We are open now, until 12:30 PM.",
        ),
        ("2026-12-01T12:30", "We are closed now. We open today at 1:30 PM."),
        ("2026-12-01T18:00", "We are closed now. We open tomorrow at 9:00 AM."),
        ("2026-12-05T17:00", "We are closed now. We open on Monday, December 7, 2026 at 9:00 AM."),
        (
            "2026-12-24T20:00",
            "December 25, 2026. We are closed now. We open on Saturday, December 26, 2026 at 10:00 AM.",
        ),
        ("2026-12-31T23:59", "The time is 11:59 PM, Europe/London time (GMT). Tomorrow is Friday, January 1, 2027."),
        ("2028-02-28T12:00", "Tomorrow is Tuesday, February 29, 2028."),
        ("2026-03-28T23:30", "Tomorrow is Sunday, March 29, 2026."),  # 23 hours long
        ("2026-03-29T23:30", "The time is 11:30 PM, Europe/London time (BST). Tomorrow is Monday, March 30, 2026."),
        ("2026-10-24T23:30", "Tomorrow is Sunday, October 25, 2026."),
        ("2026-10-25T00:30", "Tomorrow is Monday, October 26, 2026."),  # 25 hours long: 24 hours on it is still Sunday
    ],
)
def test_the_note_tells_day_time_and_hours(now: str, told: str) -> None:
    """Also on the last day of a year and on the days when the clocks change."""
    assert told in desk_note(at(now), HOURS)


def test_a_desk_without_hours_says_nothing_of_them() -> None:
    """The rest is known."""
    assert desk_note(at("2026-12-01T10:05"), None).endswith("Tomorrow is Wednesday, December 2, 2026.")


@pytest.mark.parametrize(
    ("hours", "now", "told"),
    [
        ({"fri": "22:00-02:00"}, "2026-12-05T01:59", "We are open now, until 2:00 AM."),
        ({"fri": "22:00-02:00"}, "2026-12-04T23:00", "We are open now, until 2:00 AM tomorrow."),
        (
            {"fri": "22:00-02:00"},
            "2026-12-05T02:00",
            "We open on Friday, December 11, 2026 at 10:00 PM.",
        ),
        ({"mon-sun": "0:00-24:00"}, "2026-12-05T02:00", "We are open day and night."),
        ({"fri": "12:00-24:00", "sat": "0:00-3:00"}, "2026-12-04T13:00", "We are open now, until 3:00 AM tomorrow."),
        ({"mon": "closed"}, "2026-12-05T02:00", "We are closed now."),
        ({"sat-tue": "9:00-10:00"}, "2026-12-08T09:30", "We are open now, until 10:00 AM."),
    ],
)
def test_hours_go_over_midnight_and_over_the_week(hours: dict[str, str], now: str, told: str) -> None:
    """A night desk, a desk that never closes, a week that begins in the middle."""
    assert desk_note(at(now), opening_hours(hours)).endswith(told)


@pytest.mark.parametrize(
    ("hours", "wrong"),
    [
        ({"someday": "9:00-10:00"}, "'someday' is no day"),
        ({"mon": "9-10"}, 'mon = "9-10" cannot be read'),
        ({"mon": "25:00-26:00"}, "cannot be read"),
        ({"mon": "9:00-24:30"}, "cannot be read"),
        ({"2026-02-30": "closed"}, "no date of the calendar"),
    ],
)
def test_hours_that_cannot_be_read_are_named(hours: dict[str, str], wrong: str) -> None:
    """With the day, and what to write instead."""
    with pytest.raises(ValueError, match="hours: ") as refused:
        opening_hours(hours)
    assert wrong in str(refused.value)


MOMENTS = st.integers(0, 2 * 365 * 24 * 60).map(lambda at: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=at))


class Wrist:
    """A watch that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def test_the_note_stays_word_for_word_the_same_for_some_minutes() -> None:
    """The model has read it already; but not over midnight, nor when the desk opens or closes."""
    watch = Wrist(datetime(2026, 12, 1, 10, 0, tzinfo=UTC))
    clock = DeskClock(LONDON, HOURS, watch)
    first = clock.exchange()
    assert [message.role for message in first] == ["user", "assistant"]
    watch.now += timedelta(minutes=9)
    assert clock.exchange() is first
    watch.now += timedelta(minutes=1)
    assert "10:10 AM" in clock.exchange()[1].content
    watch.now = datetime(2026, 12, 1, 12, 29, tzinfo=UTC)
    assert "open now" in clock.exchange()[1].content
    watch.now += timedelta(minutes=1)
    assert "closed now" in clock.exchange()[1].content
    watch.now = datetime(2026, 12, 1, 23, 59, tzinfo=UTC)
    assert "Tomorrow is Wednesday" in clock.exchange()[1].content
    watch.now += timedelta(minutes=1)
    assert "Tomorrow is Thursday" in clock.exchange()[1].content
    watch.now -= timedelta(hours=30)  # a clock that was put right
    assert "Tomorrow is Tuesday" in clock.exchange()[1].content


@given(MOMENTS)
def test_tomorrow_is_the_next_day_of_the_calendar(now: datetime) -> None:
    """At any time of two years, in a zone with summer time."""
    here = now.astimezone(NEW_YORK)
    tomorrow = date.fromordinal(here.toordinal() + 1)
    assert f"Tomorrow is {tomorrow:%A}, {tomorrow:%B} {tomorrow.day}, {tomorrow.year}." in desk_note(here, HOURS)


@given(MOMENTS)
def test_a_desk_is_either_open_or_opens_later(now: datetime) -> None:
    """Never both, and the times are to come."""
    here = now.astimezone(LONDON)
    closing, opening = HOURS.closing(here), HOURS.opening(here)
    assert closing is None or closing.replace(tzinfo=None) > here.replace(tzinfo=None)
    assert opening is not None
    assert opening.replace(tzinfo=None) > here.replace(tzinfo=None)
    assert OpenPeriod(540, 750) in HOURS.on(date(2026, 12, 1))


def test_the_note_stands_between_what_is_known_and_what_is_said() -> None:
    """What is the same for all calls stays the beginning, and the roles take turns."""
    agent = Agent(name="T", prompt="P", timezone="Europe/London", hours={"mon-fri": "9:00-17:00"})
    clock = agent.desk_clock(lambda: datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    assert clock is not None
    history = ChatHistory(agent.opening(), clock.before)
    history.caller("Are you open now?")
    messages = history.messages()
    assert messages[: len(agent.opening())] == agent.opening()
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert "1:00 PM, Europe/London time (BST)" in messages[2].content
    assert messages[2].content.endswith("We are open now, until 5:00 PM.")


@pytest.mark.parametrize(
    ("question", "depends"),
    [
        ("Are you open now?", True),
        ("Are you open?", True),
        ("Are you still open?", True),
        ("What day is it tomorrow?", True),
        ("What\u2019s the date?", True),
        ("Can an engineer come next Tuesday?", True),
        ("I moved two weeks ago.", True),
        ("Can I call back in an hour?", True),
        ("When do you close?", True),
        ("What time do you open on Wednesday?", False),
        ("Are you open on Sundays?", False),
        ("How much is the Basic plan?", False),
        ("I know that already knowing people help.", True),
        ("", False),
    ],
)
def test_only_a_question_that_depends_on_the_time_is_told_the_time(question: str, depends: bool) -> None:
    """Small models answer other questions worse with the time before their eyes; other languages are always told."""
    agent = Agent(name="T", prompt="P", timezone="Europe/London")
    clock = agent.desk_clock(lambda: datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    german = Agent(name="T", prompt="P", timezone="Europe/Berlin", language="de").desk_clock()
    assert clock is not None
    assert german is not None
    assert bool(clock.before(question)) is depends
    assert german.before(question)


def test_the_time_stands_right_before_the_question_so_that_what_was_read_stays_read() -> None:
    """Also in the middle of a call; the next question has it no more."""
    agent = Agent(name="T", prompt="P", timezone="Europe/London")
    clock = agent.desk_clock(lambda: datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    assert clock is not None
    history = ChatHistory(agent.opening(), clock.before)
    history.agent("Hello, this is the desk.")
    history.caller("What do you sell?")
    history.agent("Tea.")
    before = history.messages()
    asked = history.messages(asking="What day is it today?")
    assert asked[: len(before)] == before
    assert [message.role for message in asked[len(before) :]] == ["user", "assistant", "user"]
    assert history.messages(asking="And coffee?") == (*before, Message("user", "And coffee?"))


def test_an_agent_without_a_zone_knows_no_time() -> None:
    """A wrong time is worse than none."""
    assert Agent(name="T", prompt="P").desk_clock() is None


def test_the_demonstration_agent_knows_its_hours() -> None:
    """They are what its facts say."""
    clock = load_agent(DATA / "broadband.toml").desk_clock(lambda: datetime(2026, 12, 1, 15, 0, tzinfo=UTC))
    assert clock is not None
    assert "10:00 AM, America/New_York time (EST)" in clock.exchange()[1].content
    assert "until 6:00 PM" in clock.exchange()[1].content


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('timezone = "Europe/Lundon"', "timezone"),
        ('timezone = "../etc/passwd"', "timezone"),
        ('language = ""', "language"),
        ('locale = "British English"', "locale"),
        ('hours = {mon = "9 to 5"}', "hours: mon"),
    ],
)
def test_a_field_that_cannot_be_meant_is_named(line: str, wrong: str, tmp_path: Path) -> None:
    """Before the first call."""
    file = tmp_path / "agent.toml"
    file.write_text(f'name = "T"\nprompt = "P"\n{line}\n')
    with pytest.raises(ConfigError, match=wrong):
        load_agent(file)
