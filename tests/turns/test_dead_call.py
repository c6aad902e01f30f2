"""When a call has come to nothing, and when it has not."""

from lineside.turns.dead_call import FAILURES, REPEATS, WORDLESS, DeadCallDetector


def test_the_same_sentence_again_and_again_is_a_machine_and_other_words_are_not() -> None:
    """Word for word, whatever the marks; one other sentence between makes it a person."""
    patience = DeadCallDetector()
    for _ in range(REPEATS - 1):
        patience.heard("Please hold the line.")
        assert not patience.lost
    patience.heard("I want to go on.")
    for marks in (".", "!", "", " ", "?")[:REPEATS]:
        assert not patience.lost
        patience.heard(f"please hold the line{marks}")
    assert patience.lost == "caller_repeats"


def test_yes_to_many_questions_is_no_machine() -> None:
    """Short answers may be given again."""
    patience = DeadCallDetector()
    for _ in range(20):
        patience.heard("Yes, please.")
    assert not patience.lost


def test_wordless_turns_count_in_a_row() -> None:
    """A word in between, or having been asked, begins the count anew."""
    patience = DeadCallDetector()
    for _ in range(WORDLESS):
        assert not patience.nobody
        patience.heard("")
    assert patience.nobody
    patience.heard("Hello.")
    assert not patience.nobody
    for _ in range(WORDLESS):
        patience.heard("")
    assert patience.nobody
    patience.asked()
    assert not patience.nobody


def test_apologies_count_in_a_row() -> None:
    """One answer that came about is hope."""
    patience = DeadCallDetector()
    for number in range(2 * FAILURES - 1):
        patience.answered(failed=number != FAILURES - 1)
        assert patience.lost is None
    patience.answered(failed=True)
    assert patience.lost == "engines_failed"
