"""Digits that were asked for are heard twice: freely, and as nothing but digits."""

import pytest

from lineside.engine_server.asr.digit_listener import Hypothesis, listened, once, written_digits


def heard(free: str, *found: tuple[str, float], wanted: int = 5, seconds: float = 2.5) -> tuple[str, bool | None]:
    """The text, and whether it is beyond doubt."""
    text = listened(free, [Hypothesis(*each) for each in found], wanted, seconds)
    return text.text, text.clear


def test_digits_that_are_heard_alike_in_both_ways_are_beyond_doubt() -> None:
    """As they were written."""
    assert heard("It's 1-2-3-4-5.", ("12345", -0.3), ("123455", -0.5)) == ("It's 1-2-3-4-5.", True)
    assert heard("One, two, three, four, oh.", ("12340", -0.3)) == ("One, two, three, four, oh.", True)
    assert heard("5-9-0-8-5", ("59885", -0.3)) == ("5-9-0-8-5", False)
    assert heard("941 for 3.", ("94143", -0.4)) == ("941 for 3.", True)
    assert heard("No, it's 6 to 3 to 8.", ("06328", -0.4)) == ("No, it's 6 to 3 to 8.", False)


@pytest.mark.parametrize(
    ("free", "found"),
    [
        ("577-634-577-634", [("57763", -0.5)]),
        ("178886", [("178886", -0.3), ("17886", -0.4)]),
        ("560-8", [("5608", -0.4), ("56028", -0.6)]),
        ("246 AD", [("24680", -0.3)]),
        ("L-I-L-I-L-I", [("99999", -0.7)]),
        ("", [("64304", -0.2)]),
    ],
    ids=str,
)
def test_digits_that_were_written_as_something_else_are_found(free: str, found: list[tuple[str, float]]) -> None:
    """The likeliest of the wanted number, to be read back."""
    best = next(digits for digits, _ in found if len(digits) == 5)
    assert heard(free, *found) == (" ".join(best), False)


@pytest.mark.parametrize("free", ["I don't have it.", "What?", "Never mind, thanks.", "Can I talk to a human?"])
def test_words_are_no_digits(free: str) -> None:
    """However likely digits would be, if there were any."""
    assert heard(free, ("12345", -0.1)) == (free, None)


def test_the_beginning_of_a_number_is_left_as_it_is() -> None:
    """The rest comes in another breath."""
    assert heard("One two three.", ("123", -0.2), ("12333", -0.3)) == ("One two three.", True)
    assert heard("7 3 9 3.", ("7393", -0.2), ("73993", -0.9)) == ("7 3 9 3.", True)


@pytest.mark.parametrize("free", ["12345, no, 46.", "One two, sorry, one three four five six.", "Forty two seven."])
def test_callers_who_correct_themselves_or_count_otherwise_are_written_freely(free: str) -> None:
    """Digit by digit nothing of it could be understood."""
    assert heard(free, ("12346", -0.2))[0] == free


def test_nothing_that_is_said_too_fast_or_too_slowly_is_made_into_digits() -> None:
    """A cough, and a minute of noise; nor what is unlikely."""
    assert heard("", ("12345", -0.2), seconds=0.4) == ("", False)
    assert heard("", ("12345", -0.2), seconds=20) == ("", False)
    assert heard("", ("12345", -1.4)) == ("", False)
    assert heard("") == ("", False)


def test_a_number_of_any_length_is_taken_as_it_was_written() -> None:
    """There is nothing to choose by; it is in doubt where the second hearing differs."""
    assert heard("555 010 1234", ("5550101234", -0.2), wanted=0) == ("555 010 1234", True)
    assert heard("555 010 1234", ("550101234", -0.2), wanted=0) == ("555 010 1234", False)
    assert heard("Time time 0 1 0 1 2", ("01012", -0.2), wanted=0) == ("Time time 0 1 0 1 2", False)
    assert heard("", ("5550101234", -0.2), wanted=0, seconds=4) == ("5 5 5 0 1 0 1 2 3 4", False)


@pytest.mark.parametrize(
    ("free", "found", "taken"),
    [
        ("555-05056-1018", [("55505056018", -0.2), ("5550561018", -0.3)], "5 5 5 0 5 6 1 0 1 8"),
        ("Time time 0 1 0 1 2", [("5550101234", -0.2)], "5 5 5 0 1 0 1 2 3 4"),
        ("1 555 010 1234", [("15550101234", -0.2), ("5550101234", -0.3)], "1 555 010 1234"),
        ("plus 44 7700 900123", [("447700900123", -0.2), ("4770090012", -0.3)], "plus 44 7700 900123"),
        ("+44 7700 900123", [("447700900123", -0.2), ("4770090012", -0.3)], "+44 7700 900123"),
        ("555 010", [("555010", -0.2), ("5550100000", -0.9)], "555 010"),
    ],
    ids=str,
)
def test_a_telephone_number_of_ten_digits_is_found(free: str, found: list[tuple[str, float]], taken: str) -> None:
    """But a 1 before it, another country's number and the beginning of one stay as they are."""
    assert heard(free, *found, wanted=10, seconds=4)[0] == taken


def test_what_a_model_says_again_because_it_may_not_stop_is_left_out() -> None:
    """Where the whole number comes again."""
    assert once(Hypothesis("674286742867", -0.2), 5).digits == "67428"
    assert once(Hypothesis("123456", -0.2), 5).digits == "123456"
    assert (
        heard("No, the mile is 6-3-2-8", ("0000000000", -0.2), ("999999999999999", -0.3))[0]
        == "No, the mile is 6-3-2-8"
    )
    assert heard("2-2-2-2-2", ("22222", -0.1)) == ("2-2-2-2-2", True)
    assert written_digits("It's oh 1, two and 30") == "01230"
    assert written_digits("1 for free, please wait for the free one") == "1431"
