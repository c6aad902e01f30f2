"""Emergency and premium numbers are refused, however they are written; the allow-list knows numbers and prefixes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.telephone_numbers import EMERGENCY, is_allowed, masked, number_of, why_refused


@pytest.mark.parametrize(
    "to",
    [
        *("112", "911", "+112", "1-1-2", " 9 9 9 ", "sip:911@pbx.example.com", "sips:112@10.0.0.1", "000", "(110)"),
        *(
            "1.1.0",
            "sip:%39%31%31@10.0.0.5",
            "sip:9%311@10.0.0.5",
            "*67911",
            "#31#112",
            "112#",
            "*31*112",
            "sip:%23112@x",
        ),
    ],
)
def test_emergency_numbers_are_refused(to: str) -> None:
    """In every spelling."""
    assert "emergency" in why_refused(to)


@pytest.mark.parametrize(
    "to",
    [
        "+1 900 555 0100",
        "sip:%2B19005550100@10.0.0.5",
        "0044 909 8790000",
        "+49900123456",
        "+8816 123",
        "+979123456789",
    ],
)
def test_premium_and_satellite_numbers_are_refused(to: str) -> None:
    """With + or 00."""
    assert "premium" in why_refused(to)


@pytest.mark.parametrize(
    "to", ["+15550199", "0049 30 1234567", "200", "100", "*98", "*6715550199", "sip:desk@10.0.0.5:5080", "support"]
)
def test_ordinary_targets_are_not(to: str) -> None:
    """Numbers, extensions, addresses, queues."""
    assert why_refused(to) == ""


@pytest.mark.parametrize("to", ["", "sip:a@b c", "PJSIP/1,30", "x\r\nX-Evil: 1", "${SHELL(rm)}", "a&b", "<sip:1@2>"])
def test_what_is_no_target_is_refused(to: str) -> None:
    """Nothing that a dialplan, a header or an XML would read as more than a target."""
    assert "is no number" in why_refused(to)


def test_the_allow_list() -> None:
    """Whole numbers however written, prefixes with a star; a lone star allows nothing."""
    allowed = ("+49 30 1234567", "+4940*", "support", "*")
    for to, may in (
        ("0049301234567", True),
        ("+49401", True),
        ("support", True),
        ("+4989", False),
        ("sales", False),
        ("", False),
    ):
        assert is_allowed(to, allowed) is may


@given(st.text(max_size=60))
def test_no_text_is_a_target_with_a_line_break_or_a_comma(to: str) -> None:
    """Whatever passes is safe to put into a dialplan, XML or JSON."""
    if why_refused(to) == "":
        assert not set(to.strip()) & set('\r\n,;<>"&{}$')
        assert number_of(to).removeprefix("+") not in EMERGENCY


def test_masked_numbers_keep_four_digits() -> None:
    """However they are written; extensions, queues and names are nobody's number."""
    numbers = ("+1 555 010-0100", "0044 20 1234 5678", "sip:+15550100@10.0.0.5", "200", "support", "", "anonymous")
    assert [masked(one) for one in numbers] == ["…0100", "…5678", "…0100", "200", "support", "", "anonymous"]
