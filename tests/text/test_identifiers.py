"""What only machines can read is never spoken; what callers are told stays as it is."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.text.identifiers import without_identifiers


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Your visit 3f2b8c1e-9d4a-4f6b-8a1c-2e5d7f9b0c3a is booked.", "Your visit is booked."),
        ("It is booked (id: 3f2b8c1e-9d4a-4f6b-8a1c-2e5d7f9b0c3a).", "It is booked."),
        ("The trace is 4bf92f3577b34da6a3ce929d0e0e4736.", "The trace is."),
        ("You are cus_9s6XKzkNRiz8i3, Mrs Miller.", "You are, Mrs Miller."),
        ('{"id": "3F2B8C1E-9D4A-4F6B-8A1C-2E5D7F9B0C3A"}', '{"id": }'),
    ],
)
def test_identifiers_are_left_out(written: str, spoken: str) -> None:
    """With the brackets and quotation marks around them."""
    assert without_identifiers(written) == spoken


@pytest.mark.parametrize(
    "text",
    [
        "Your order 12345 was sent.",
        "Your reference is B 4 7.",
        "The parcel is 1Z999AA10123456784.",
        "Call +1 212 555 0199.",
        "Card 4111 1111 1111 1111 is declined.",
        "The account DE89370400440532013000.",
        "On 2026-12-01 at 14:30.",
        "the free_text and the opening_hours",
        "A defaced facade.",
    ],
)
def test_what_callers_are_told_stays(text: str) -> None:
    """Numbers of orders and parcels, telephones, dates, words."""
    assert without_identifiers(text) == text


@given(st.uuids(), st.text(max_size=30), st.text(max_size=30))
def test_no_uuid_is_left_whatever_stands_around_it(one: uuid.UUID, before: str, after: str) -> None:
    """Between spaces, as models write them."""
    assert str(one) not in without_identifiers(f"{before} {one} {after}")
