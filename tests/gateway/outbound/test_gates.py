"""Whether a call may be made: each gate, in its order, on times that are handed in."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lineside.errors import CallBlocked, ConfigError
from lineside.gateway.outbound.call_texts import NotFilled, filled
from lineside.gateway.outbound.do_not_call import DoNotCallList
from lineside.gateway.outbound.gates import CallCounts, CallWish, Gates
from lineside.gateway.outbound.journal import MadeCall, OutboundJournal
from tests.call.fixtures import settings

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)  # a Tuesday
GOOD = CallWish("+15550100", "Europe/London", "form 7")
OPEN: dict[str, Any] = {"outbound_allowed": ("+1555*", "sip:*@10.0.0.5"), "outbound_hours": ("mon-sun 8:00-21:00",)}


def blocked(wish: CallWish, counts: CallCounts = CallCounts(), now: datetime = NOON, **given: Any) -> CallBlocked:  # noqa: B008
    with pytest.raises(CallBlocked) as why:
        Gates(settings(**(OPEN | given))).check(wish, counts, now)
    return why.value


def test_a_good_call_passes() -> None:
    """In the hours, allowed, with consent, nobody else under way."""
    Gates(settings(**OPEN)).check(GOOD, CallCounts(), NOON)
    Gates(settings(**OPEN)).check(CallWish("sip:anna@10.0.0.5", "UTC", "x"), CallCounts(), NOON)


@pytest.mark.parametrize("to", ["911", "112", "+1 900 555 0100", "sip:911@10.0.0.5", "0044 909 8790000", "<script>"])
def test_emergency_and_premium_numbers_pass_no_gate_whatever_is_allowed(to: str) -> None:
    """However they are written, and though the allow-list names them."""
    assert (
        blocked(CallWish(to, "UTC", "x"), outbound_allowed=(to, "9*", "1*", "+*", "sip:*@10.0.0.5")).by == "bad_number"
    )


@pytest.mark.parametrize(
    ("wish", "given", "by"),
    [
        (CallWish("+14155550100", "UTC", "x"), {}, "not_allowed"),
        (CallWish("sip:+15550100@evil.example", "UTC", "x"), {}, "not_allowed"),
        (CallWish("+15550100", "UTC", " "), {}, "consent"),
        (CallWish("+15550100", "", "x"), {}, "timezone"),
        (CallWish("+15550100", "Mars/Base", "x"), {}, "timezone"),
        (CallWish("+15550100", "Asia/Tokyo", "x"), {}, "hours"),
        (CallWish("+15550100", "UTC", "x"), {"outbound_hours": ("sat 9:00-12:00",)}, "hours"),
    ],
)
def test_each_gate_says_which_it_is(wish: CallWish, given: dict[str, Any], by: str) -> None:
    """And nothing else is looked at: noon in London is nine at night in Tokyo."""
    assert blocked(wish, **given).by == by


def test_consent_may_be_left_to_the_operator() -> None:
    """OUTBOUND_CONSENT=false: whoever asks answers for it."""
    Gates(settings(**OPEN, outbound_consent=False)).check(CallWish("+15550100", "UTC"), CallCounts(), NOON)


def test_who_asked_not_to_be_called_is_not() -> None:
    """Before consent is looked at: they have taken it back."""
    assert blocked(CallWish("+15550100", "UTC"), CallCounts(do_not_call=True)).by == "do_not_call"


def test_counts_say_when_to_ask_again() -> None:
    """Three a day to a number; ten a minute; five at once."""
    now = NOON.timestamp()
    often = blocked(GOOD, CallCounts(to_number=[now - 80_000, now - 50_000, now - 10]))
    assert (often.by, round(often.retry_after)) == ("attempts", 6400)
    many = blocked(GOOD, CallCounts(begun=[now - 50, now - 9]), outbound_per_minute=2)
    assert (many.by, round(many.retry_after)) == ("per_minute", 10)
    assert blocked(GOOD, CallCounts(alive=5)).by == "at_once"


def test_outside_the_hours_it_says_when_they_open() -> None:
    """At seven in the morning: in an hour."""
    early = blocked(GOOD, now=datetime(2026, 12, 1, 7, 0, tzinfo=UTC))
    assert (early.by, early.retry_after) == ("hours", 3600)


def test_hours_that_cannot_be_read_stop_the_start() -> None:
    """Named, with an example."""
    for wrong in ("9-17", "someday 9:00-17:00", "mon-fri"):
        with pytest.raises(ConfigError, match="OUTBOUND_HOURS"):
            Gates(settings(outbound_hours=(wrong,)))


def test_the_do_not_call_list_is_a_file_that_people_edit(tmp_path: Path) -> None:
    """However a number is written there; an entry of ours stays."""

    async def story() -> None:
        numbers = DoNotCallList(tmp_path)
        assert not await numbers.holds("+15550100")
        assert await numbers.add("+1 555 0100")
        assert not await numbers.add("001 5550100")
        numbers.path.write_text(numbers.path.read_text() + "+44 20 1234  # asked on the phone\nSIP:Anna@pbx\n")
        for number in ("0044201234", "+15550100", "sip:anna@PBX"):
            assert await numbers.holds(number), number
        assert await numbers.count() == 3

    asyncio.run(story())


def test_the_journal_outlives_a_restart_and_holds_no_number(tmp_path: Path) -> None:
    """Keys and attempts count on; a line that a power cut tore is passed over; a day later all is forgotten."""

    async def story() -> None:
        one = OutboundJournal(tmp_path)
        await one.open(1000.0)
        await one.keep(MadeCall(1000.0, "a", one.hashed("+15550100"), one.hashed("k"), "r"))
        with (tmp_path / "calls-out.jsonl").open("ab") as file:
            file.write(b'{"at": 1001')
        again = OutboundJournal(tmp_path)
        await again.open(1010.0)
        assert again.to_number("+15550100", 0.0) == [1000.0]
        found = again.of_key("k", 1010.0)
        assert found is not None
        assert (found.id, again.of_key("other", 1010.0)) == ("a", None)
        assert b"5550100" not in (tmp_path / "calls-out.jsonl").read_bytes()
        later = OutboundJournal(tmp_path)
        await later.open(1000.0 + 90_000)
        assert later.of_key("k", 91_000.0) is None

    asyncio.run(story())


def test_texts_are_filled_from_the_context_and_from_nothing_else() -> None:
    """A name that is missing is named; braces of other kinds stay."""
    assert filled("Hello {name}, about {order}.", {"name": "Ms {x} Jones", "order": "A-1"}, "greeting") == (
        "Hello Ms {x} Jones, about A-1."
    )
    assert filled("{0} {a.b} {}", {}, "greeting") == "{0} {a.b} {}"
    with pytest.raises(NotFilled, match=r"greeting names \{name\}"):
        filled("Hello {name}", {}, "greeting")
