"""Backchannels: words that leave the floor to whoever has it."""

import pytest

from lineside.backchannel import is_backchannel


@pytest.mark.parametrize(
    "said",
    [
        "",
        "...",
        "Mm-hmm.",
        "Mhm",
        "Uh-huh.",
        "Uh huh",
        "Yeah.",
        "Yes.",
        "Okay, right.",
        "OK.",
        "I see.",
        "Oh, I see!",
        "Got it, thanks.",
        "Sure",
        "Of course.",
        "All right.",
        "Hmm",
        "Right, right, right.",
    ],
)
def test_who_only_shows_that_they_listen_does_not_claim_the_floor(said: str) -> None:
    """Short, and of the kind that people say while another speaks."""
    assert is_backchannel(said)


@pytest.mark.parametrize(
    "said",
    [
        "No.",
        "Stop.",
        "Wait.",
        "Yes, but I have a question.",
        "Okay, and what about Sunday?",
        "Sorry, what?",
        "Hello?",
        "What?",
        "Right, my number is",
        "Hang on",
        "I don't understand.",
        "Yes yes yes yes yes yes",
    ],
)
def test_who_has_something_to_say_claims_it(said: str) -> None:
    """A refusal, a question, or more words than a nod has."""
    assert not is_backchannel(said)
