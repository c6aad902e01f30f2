"""Written words and what is said for them: how far a voice has come, and what is left."""

from lineside.text.alignment import Alignment, alike, rest_after
from lineside.text.normalize import spoken


def test_written_words_follow_what_is_said() -> None:
    """An amount is complete with its last word, and what is silent comes with it."""
    alignment = Alignment(spoken("It costs **$49.99** 👍 a month."))
    assert alignment.said == "It costs forty-nine dollars and ninety-nine cents a month."
    assert alignment.written("It costs forty-nine") == "It costs "
    assert alignment.written("dollars and ninety-nine cents") == "**$49.99** 👍 "
    assert alignment.rest() == "a month."
    assert alignment.rest() == ""


def test_words_are_alike_whatever_their_marks() -> None:
    """Capitals and punctuation are no difference."""
    assert alike("Yes, please.", "yes please")
    assert not alike("Yes, please.", "Yes.")


def test_what_was_not_heard_is_the_rest() -> None:
    """Whatever the spaces."""
    assert rest_after("We are open. From nine.", "We  are open.") == "From nine."
    assert rest_after("All of it.", "All of it.") == ""
