"""Card numbers, accounts and PINs in callers' words: hidden where nobody asked, and nothing else is."""

import pytest

from lineside.agents.sensitive_numbers import HIDDEN, without_sensitive_numbers

H = HIDDEN
SPOKEN = "four one one one, one one one one, one one one one, one one one one"
IBAN = "d e eight nine three seven oh four oh oh four four oh five three two oh one three oh oh oh"
CASES = [
    ("My card is 4111 1111 1111 1111, expires in May.", f"My card is {H}, expires in May."),
    ("It's 4111-1111-1111-1111.", f"It's {H}."),
    (f"Yes, {SPOKEN}.", f"Yes, {H}."),
    ("3782 822463 10005", H),  # fifteen digits
    ("It is 5500 0000 0000 0004 or 4111 1111 1111 1111", f"It is {H} or {H}"),
    ("My Visa is 4111 1111 1111 1112", f"My Visa is {H}"),  # a digit was misheard
    ("The card begins 4111 1111 1111", f"The card begins {H}"),  # a first breath that is too much of it
    ("Pay from DE89 3704 0044 0532 0130 00 please", f"Pay from {H} please"),
    ("My IBAN is GB29 NWBK 6016 1331 9268 19.", f"My IBAN is {H}."),
    ("It's NL91ABNA0417164300", f"It's {H}"),
    (f"It is {IBAN}, thanks", f"It is {H}, thanks"),
    ("delta echo 89 3704 0044 0532 0130 00", H),
    ("My PIN is 4711.", f"My PIN is {H}."),
    ("the security code on the back is one two three", f"the security code on the back is {H}"),
    ("CVV 123", f"CVV {H}"),
]
KEPT = [
    "My order number is one two three four five.",
    "Call me on 020 7946 0018 after 5.",
    "plus four four seven seven double oh nine hundred one two three",
    "It was 4111 1111 pounds and not 35.50",
    "I pinned it on Friday the 14th at 3 o'clock",
    "The password was changed in 2019, and since then nothing works at number 12345",
    "DE89 is a bus, and IBAN 12 a film",
    "Order 1234567890, please",
    "4111 1111 1111",
    "The parcel is 1234 5678 9012 3456",
    "",
    "…",
]


@pytest.mark.parametrize(("said", "shown"), CASES, ids=str)
def test_a_sensitive_number_is_hidden_and_the_words_around_it_are_not(said: str, shown: str) -> None:
    """Written as recognisers do, with words or figures."""
    assert without_sensitive_numbers(said) == shown
    assert without_sensitive_numbers(shown) == shown


@pytest.mark.parametrize("said", KEPT)
def test_other_numbers_stay(said: str) -> None:
    """Orders, telephones, days, amounts."""
    assert without_sensitive_numbers(said) == said


@pytest.mark.parametrize("cut", range(1, 16))
def test_a_card_in_two_breaths_is_never_told_beyond_eight_digits(cut: int) -> None:
    """Wherever the caller takes a breath."""
    digits = "4111111111111111"
    first = without_sensitive_numbers(f"It's {digits[:cut]}", asked="And your card number?")
    second = without_sensitive_numbers(f"and then {digits[cut:]}", before=first, asked="Go on, please.")
    told = sum(sign.isdecimal() for sign in first + second)
    assert told <= 8, (first, second)


def test_while_a_caller_speaks_what_may_become_a_card_is_hidden() -> None:
    """Nine digits and more at the end of what is known so far; once the turn is over, a telephone number is shown."""
    said = "you can reach me on 020 7946 0018"
    assert without_sensitive_numbers(said, unfinished=True) == f"you can reach me on {H}"
    assert without_sensitive_numbers(said) == said


@pytest.mark.parametrize("asked", ["What is your PIN?", "And the security code, please?"])
def test_digits_that_answer_a_question_for_a_pin_are_hidden(asked: str) -> None:
    """The name need not be said again."""
    assert without_sensitive_numbers("four seven one one", asked=asked) == H
    assert without_sensitive_numbers("four seven one one", asked="How many are there?") == "four seven one one"
