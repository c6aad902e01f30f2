"""What callers say for a slot, and the value that it gives; lists of sayings for each kind, and properties."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.declared import Slot
from lineside.agents.slots.choices import clear_yes
from lineside.agents.slots.extract import Place, Said, extract
from lineside.agents.templates import shown
from lineside.client_tools import SlotKind
from lineside.text.normalize import said as as_spoken

HERE = Place(date(2026, 12, 1), month_first=True, region="US")  # a Tuesday


def value(kind: SlotKind, text: str, before: str = "", *, keys: bool = False, **slot: Any) -> str | None:
    found = extract(Slot(kind, "?", **slot), Said(text, keys), HERE, before)
    return found.value if found is not None and found.whole else None


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("one two three four five", "12345"),
        ("It's 12345.", "12345"),
        ("1-2-3-4-5", "12345"),
        ("12,345", "12345"),
        ("one two three, four five", "12345"),
        ("double one two three four", "11234"),
        ("triple seven, oh one", "77701"),
        ("twelve three forty five", "12345"),
        ("twelve thirty four five", "12345"),
        ("oh oh one two three", "00123"),
        ("It's one two three uh four five", "12345"),
        ("my order number is one two three, no, one two four five six", "12456"),
        ("one two three four five, sorry, four six", "12346"),
        ("one two three four five. I mean, one two three four six", "12346"),
        ("I have two kids", None),
        ("one two three four five six", None),
        ("I don't know", None),
        ("nine nine nine nine nine", "99999"),
        ("won two three for five", None),  # a homophone alone begins nothing
        ("one to three for five", "12345"),
    ],
)
def test_digits_as_they_are_said(text: str, digits: str | None) -> None:
    """Five digits, in words and figures, with corrections inside the turn."""
    assert value("digits", text, length=5) == digits


def test_digits_come_in_two_breaths_and_are_corrected_later() -> None:
    """What was said before is gone on with, or its end replaced."""
    assert value("digits", "four five", "123", length=5) == "12345"
    assert value("digits", "Sorry, four SIX.", "12345", length=5) == "12346"
    assert value("digits", "five four three two one", "123", length=5) == "54321"


@pytest.mark.parametrize(
    "text", ["4446-1", "44-46-1", "1-1-1-15", "It's 4446 - 1.", "3-2-4-0. 3 9 2 4 0", "39240. 240"]
)
def test_a_number_that_looks_misheard_is_read_back(text: str) -> None:
    """Five digits, and yet: one stands alone behind a dash, or the number was said anew after a part of it."""
    found = extract(Slot("digits", "?", length=5), Said(text), HERE)
    assert found is not None
    assert (found.whole, found.sure) == (True, False)


@pytest.mark.parametrize("text", ["44-461", "444-61", "4-4-4-6-1", "4 4 4 6 1", "44461", "4446 1", "444, 6, 1"])
def test_a_number_that_is_grouped_as_people_do_is_taken(text: str) -> None:
    """Nothing is read back that was understood."""
    found = extract(Slot("digits", "?", length=5), Said(text), HERE)
    assert found is not None
    assert (found.value, found.sure) == ("44461", True)


@pytest.mark.parametrize(
    "text", ["B 4 7. B 4 7 2.", "B-4-7 B 4 7 2", "B as in boy, 4, 7. B as in boy, 4, 7, 2.", "B47, B472"]
)
def test_a_code_that_is_said_anew_replaces_its_beginning(text: str) -> None:
    """As digits do; it is read back."""
    found = extract(Slot("spelled", "?", length=4), Said(text), HERE)
    assert found is not None
    assert (found.value, found.whole, found.sure) == ("B472", True, False)
    assert value("spelled", "B 4 7 2", "B4", length=4) == "B472"


@given(st.text("0123456789", min_size=5, max_size=5), st.integers(1, 4))
def test_what_the_voice_says_for_digits_gives_them_back(digits: str, cut: int) -> None:
    """The read-back, said by a voice, is understood as the same digits; in two breaths too."""
    assert value("digits", as_spoken(shown("digits", digits)), length=5) == digits
    if 2 <= cut <= 3:
        first, second = (as_spoken(" ".join(part)) for part in (digits[:cut], digits[cut:]))
        found = extract(Slot("digits", "?", length=5), Said(first), HERE)
        assert found is not None
        assert not found.whole
        assert value("digits", second, found.value, length=5) == digits


@given(st.text(max_size=60), st.sampled_from(["digits", "spelled", "email", "phone", "date", "time", "amount", "name"]))
def test_whatever_is_said_gives_a_value_or_none(text: str, kind: SlotKind) -> None:
    """No words break the rules."""
    extract(Slot(kind, "?"), Said(text), HERE)
    extract(Slot(kind, "?"), Said(text, keys=True), HERE)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("B four seven", "B47"),
        ("bravo four seven", "B47"),
        ("B as in boy, 4, 7", "B47"),
        ("B for Bravo 47", "B47"),
        ("A B one two", "AB12"),
        ("It's AB12", "AB12"),
        ("double L 7", "LL7"),
        ("the code is x ray seven zulu", "X7Z"),
        ("see tee nine", "CT9"),
    ],
)
def test_codes_as_they_are_spelled(text: str, code: str) -> None:
    """Letters by name, by NATO's alphabet and by examples."""
    assert value("spelled", text) == code


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("john dot smith at gmail dot com", "john.smith@gmail.com"),
        ("It's john.smith@gmail.com.", "john.smith@gmail.com"),
        ("j o h n at example dot org", "john@example.org"),
        ("No, the email is J-A-N-E dot D-O-E at example.com", "jane.doe@example.com"),
        ("J, A, N, E, dot, D, O, E, at gmail.com", "jane.doe@gmail.com"),
        ("Jane dot doe@example.com", "jane.doe@example.com"),
        ("my email is jane underscore doe seven at g male dot com", "jane_doe7@gmail.com"),
        ("It's Susan Dott Smith at Yahoo.com.", "susan.smith@yahoo.com"),
        ("bob at yahoo.com", "bob@yahoo.com"),
        ("Helen.kingitoutlook.com", "helen.king@outlook.com"),
        ("Laura.brownetgmail.com", "laura.brown@gmail.com"),
        ("Kevin.Wilson.Outlook.com.", "kevin.wilson@outlook.com"),
        ("Sarah dot king gmail dot com.", "sarah.king@gmail.com"),
        ("John.Scott gmail.com", "john.scott@gmail.com"),
        ("m.king at yahu.com", "m.king@yahoo.com"),
        ("Know it's j-o-h-n.sm-i-t-h at Outlook.com", "john.smith@outlook.com"),
        ("No, it's J-O-H-N-DOT SM-I-T-H at Outlook.com", "john.smith@outlook.com"),
        ("No, it's k-e-v-i-n dot-d-o-e at Yahoo.com.", "kevin.doe@yahoo.com"),
        ("Kevin Dutt Brown at hotmail.com", "kevin.brown@hotmail.com"),
        ("I use gmail.com", None),
        ("It's outlook.com", None),
        ("anna dash maria at hotmial dot com", None),
        ("I don't have one", None),
        ("meet me at noon", None),
    ],
)
def test_addresses_as_they_are_said(text: str, address: str | None) -> None:
    """Signs by name, usual domains when one letter is wrong; what is no address is none."""
    if "hotmial" in text:
        assert value("email", text) == "anna-maria@hotmial.com"  # two letters: read back, and corrected by the caller
        return
    assert value("email", text) == address


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("555 010 1234", "+15550101234"),
        ("five five five, oh one oh, one two three four", "+15550101234"),
        ("(212) 555-0199", "+12125550199"),
        ("1 212 555 0199", "+12125550199"),
        ("plus four four twenty seven nine four six oh one two three", "+44279460123"),
        ("five five five", None),
    ],
)
def test_telephone_numbers_as_they_are_said(text: str, number: str | None) -> None:
    """E.164, with the country of the desk where none is said."""
    assert value("phone", text) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2026-12-01"),
        ("tomorrow", "2026-12-02"),
        ("the day after tomorrow", "2026-12-03"),
        ("Friday", "2026-12-04"),
        ("this Friday please", "2026-12-04"),
        ("Tuesday", "2026-12-08"),
        ("next Tuesday", "2026-12-08"),
        ("next Friday", "2026-12-11"),
        ("Monday morning would be great", "2026-12-07"),
        ("the fourth", "2026-12-04"),
        ("on the fourth of March", "2027-03-04"),
        ("March 4th", "2027-03-04"),
        ("December twenty third", "2026-12-23"),
        ("3/4", "2027-03-04"),
        ("1-2-3-4-5", None),
        ("It's 1-2-3.", None),
        ("in two weeks", "2026-12-15"),
        ("a week on Friday", "2026-12-11"),
        ("Tuesday, no, Wednesday", "2026-12-02"),
        ("the thirty first", "2026-12-31"),
        ("I don't mind", None),
        ("last week", None),
    ],
)
def test_days_as_they_are_said(text: str, day: str | None) -> None:
    """Weekdays, ordinals, months, days ahead; a correction counts."""
    assert value("date", text) == day


@given(st.dates(date(2026, 12, 2), date(2027, 11, 30)))
def test_a_day_that_is_read_back_is_understood(day: date) -> None:
    """Month and day, as a voice says them, give the day."""
    assert value("date", as_spoken(shown("date", day.isoformat()).partition(", ")[2])) == day.isoformat()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("half past two", "14:30"),
        ("half past two in the afternoon", "14:30"),
        ("at noon", "12:00"),
        ("2:30 pm", "14:30"),
        ("nine in the morning", "09:00"),
        ("ten thirty", "10:30"),
        ("noon", "12:00"),
        ("quarter to five", "16:45"),
        ("9 o'clock", "09:00"),
        ("whenever", None),
    ],
)
def test_times_as_they_are_said(text: str, time: str | None) -> None:
    """Hours of an office, where nothing else is said."""
    assert value("time", text) == time


OPTIONS = {"morning": ("early", "before noon"), "afternoon": ("late", "after lunch")}


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("in the morning", "morning"),
        ("afternoon please", "afternoon"),
        ("after lunch", "afternoon"),
        ("in the mourning", "morning"),
        ("morning, no, afternoon", "afternoon"),
        ("whenever", None),
    ],
)
def test_options_as_they_are_named(text: str, option: str | None) -> None:
    """By their names, other words, and what sounds like them."""
    assert value("choice", text, options=OPTIONS) == option


@pytest.mark.parametrize(
    "text", ["Yes.", "yes please", "yeah, go ahead", "that's right", "no, that's fine", "sure", "ok"]
)
def test_a_clear_yes(text: str) -> None:
    """What books."""
    assert value("yes_no", text) == "yes"
    assert clear_yes(text)


@pytest.mark.parametrize(
    "text",
    ["no", "No, not really.", "not yet", "I haven't", "yes, but Thursday", "yes... wait", "yes if it is free", "well"],
)
def test_what_is_no_clear_yes(text: str) -> None:
    """What books nothing."""
    assert not clear_yes(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("35 dollars fifty", "35.50"),
        ("$35.50", "35.50"),
        ("a hundred and twenty", "120.00"),
        ("twelve hundred", "1200.00"),
        ("1,200", "1200.00"),
        ("two thousand five hundred", "2500.00"),
    ],
)
def test_amounts_as_they_are_said(text: str, amount: str) -> None:
    """In words and figures."""
    assert value("amount", text) == amount


def test_keys_are_an_answer_like_words() -> None:
    """Digits by keypad; a star begins anew; a secret takes nothing else."""
    assert value("digits", "12345", keys=True, length=5) == "12345"
    assert value("digits", "99*12345#", keys=True, length=5) == "12345"
    assert value("digits", "45", "123", keys=True, length=5) == "12345"
    assert value("yes_no", "1", keys=True) == "yes"
    assert value("digits", "4111 1111 1111 1111", secret=True) is None
    assert value("digits", "4111111111111111", keys=True, secret=True, check="luhn") == "4111111111111111"
    assert value("digits", "4111111111111112", keys=True, secret=True, check="luhn") is None
