"""At least sixty sayings for each kind of slot, with the value that they give: `sayings/*.txt`.

A line is what a caller says, `=`, and the value; `//` begins another turn, `-` is no value. A turn goes on with what
the one before gave, as it does in a call: the rest of a number, or the value in place of a wrong one.
"""

import datetime
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lineside.agents.declared import Slot
from lineside.agents.slots.extract import Place, Said, extract
from lineside.client_tools import SlotKind
from lineside.text.normalize import said as as_spoken

HERE = Place(date(2026, 12, 1), month_first=True, region="US")  # a Tuesday
FOLDER = Path(__file__).with_name("sayings")
OPTIONS: dict[str, tuple[str, ...]] = {"morning": ("early", "before noon"), "afternoon": ("late", "after lunch")}
SLOTS = {
    "digits": Slot("digits", "?", length=5),
    "codes": Slot("spelled", "?"),
    "emails": Slot("email", "?"),
    "phones": Slot("phone", "?"),
    "dates": Slot("date", "?"),
    "times": Slot("time", "?"),
    "choices": Slot("choice", "?", options=OPTIONS),
    "amounts": Slot("amount", "?"),
    "names": Slot("name", "?"),
    "yes_no": Slot("yes_no", "?"),
    "texts": Slot("text", "?"),
}


def sayings(kind: str) -> Iterator[tuple[str, str]]:
    for line in (FOLDER / f"{kind}.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            said, _, value = line.rpartition(" = ")
            yield said, value


def value(slot: Slot, said: str) -> str:
    """What the turns of a caller give; the last one that gives anything counts."""
    given, whole = "", False
    for turn in said.split(" // "):
        found = extract(slot, Said(turn), HERE, given)
        if found is not None and (found.value or not found.whole):
            given, whole = found.value, found.whole
    return given if whole else "-"


@pytest.mark.parametrize("kind", SLOTS)
def test_what_callers_say_gives_the_value(kind: str) -> None:
    """All of the list."""
    wrong = [(said, meant, got) for said, meant in sayings(kind) if (got := value(SLOTS[kind], said)) != meant]
    assert wrong == []


@pytest.mark.parametrize("kind", SLOTS)
def test_a_list_has_sixty_sayings(kind: str) -> None:
    """Each once; a value that is taken back, and what is no value, among them."""
    listed = [said for said, _ in sayings(kind)]
    assert len(listed) == len(set(listed)) >= 60
    assert "-" in {meant for _, meant in sayings(kind)}


def test_every_kind_that_is_spoken_has_a_list() -> None:
    """Numbers are said as amounts are."""
    assert {slot.kind for slot in SLOTS.values()} | {"number"} == set(get_args(SlotKind))


@given(st.integers(0, 999_999), st.integers(0, 99))
def test_a_sum_that_the_voice_says_is_understood(dollars: int, cents: int) -> None:
    """In whole dollars and with cents."""
    said = as_spoken(f"${dollars}.{cents:02}" if cents else f"${dollars}")
    found = extract(SLOTS["amounts"], Said(said), HERE)
    assert found is not None
    assert found.value == f"{dollars}.{cents:02}", said


@given(st.times())
def test_a_time_that_is_written_is_understood(time: datetime.time) -> None:
    """By the clock of twelve hours and that of twenty-four."""
    for written in (f"{time:%H:%M}", f"{time:%I:%M %p}"):
        found = extract(SLOTS["times"], Said(written), HERE)
        assert found is not None
        if "M" in written or time.hour > 7:
            assert found.value == f"{time:%H:%M}", written


@given(st.text(max_size=80), st.sampled_from(["texts", "names"]))
@example("12 Harbour Street .", "texts")
def test_what_is_kept_of_free_words_is_kept_again(said: str, kind: str) -> None:
    """Nothing more is taken away from it: it can be read back and said again."""
    found = extract(SLOTS[kind], Said(said), HERE)
    if found is not None:
        again = extract(SLOTS[kind], Said(found.value), HERE)
        assert again is not None
        assert again.value.casefold() == found.value.casefold()


@given(st.text(max_size=60), st.sampled_from(sorted(SLOTS)), st.text(max_size=12))
def test_no_words_break_the_rules(said: str, kind: str, before: str) -> None:
    """Whatever came before."""
    extract(SLOTS[kind], Said(said), HERE, before)
