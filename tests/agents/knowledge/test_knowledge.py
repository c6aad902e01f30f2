"""What an agent knows is answered as it stands; what it does not know is said to be unknown."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.knowledge.index import Passage, PassageIndex, build_index
from lineside.agents.knowledge.knowledge import (
    Answer,
    Clause,
    DidYouMean,
    Knowledge,
    LikelyAnswer,
    MayBe,
    NotKnown,
    Verbatim,
    clauses_of,
    goes_on,
)
from lineside.agents.knowledge.words import content_words
from lineside.errors import ConfigError

SUNDAY = Passage("opening hours on Sunday", "On Sunday we are closed.", ("are you open on Sunday",), verbatim=True)
SATURDAY = Passage("opening hours on Saturday", "On Saturday we open at ten.", (), verbatim=True)
BASIC = Passage("price of the Basic plan", "Basic costs 25 dollars.", ("how much is Basic",), verbatim=True)
PRO = Passage("price of the Pro plan", "Pro costs 55 dollars.", (), verbatim=True)
NOTE = Passage("parking", "There is a car park behind the house.")
ALL = (SUNDAY, SATURDAY, BASIC, PRO, NOTE)


def known(said: str, asked: str = "") -> Answer:
    return Knowledge(build_index(ALL)).answer(said, asked=asked)


@pytest.mark.parametrize(
    ("said", "passage"),
    [
        ("Are you open on Sundays?", SUNDAY),
        ("What's the price of the Basic plan?", BASIC),
        ("How much is Pro?", PRO),
        ("The price of Pro, please.", PRO),
    ],
)
def test_a_plain_question_is_answered_as_it_stands(said: str, passage: Passage) -> None:
    """By its words alone, in any form of them."""
    assert known(said) == Verbatim(passage)


def test_what_no_passage_holds_is_not_known() -> None:
    """Nor is a question whose few known words say nothing about it."""
    assert known("Do you sell mobile phones?") == NotKnown()
    assert known("Is there a discount for students with a dog?") == NotKnown()


def test_two_answers_that_fit_alike_are_asked_back_for() -> None:
    """ "The price of the plan" is said of both. A model would pick one, or make one up."""
    found = known("What is the price of the plan?")
    assert isinstance(found, DidYouMean)
    assert {one.passage.about for one in found.candidates} == {BASIC.about, PRO.about}
    assert known("How much is the plan of yours, the Basic plan or the Pro plan?") == DidYouMean(
        (LikelyAnswer(BASIC, "how much is Basic"), LikelyAnswer(PRO))
    )


def test_a_fact_that_is_not_to_be_spoken_as_it_stands_goes_to_the_model() -> None:
    """However plainly it is meant."""
    assert known("Is there parking?") == MayBe((NOTE,))


@pytest.mark.parametrize("said", ["And on Saturday?", "What about Pro?", "or the Family plan"])
def test_half_a_question_is_known_as_such(said: str) -> None:
    """It goes on with the one before."""
    assert goes_on(said)
    assert not goes_on("Are you open on Saturday?")
    assert not goes_on("And what do I have to pay for the fastest internet at home?")


def test_an_answer_to_the_agents_own_question_is_no_question() -> None:
    """A number that was asked for is not "not known"; after an open offer it is a question again."""
    assert known("One two three four five", asked="May I have the order number?") == MayBe()
    assert known("Mobile phones", asked="Hello, how can I help you?") == NotKnown()


def test_words_without_content_are_left_to_the_model() -> None:
    """ "Hello?" asks for nothing."""
    assert known("Hello? Can you hear me?") == MayBe()


# ── with meanings: here a vector says only which passage a sentence is about ────────────────────────────────────────


def meaning(*alike: float) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.array(alike, np.float32)


def by_meaning(said: str, *alike: float, asked: str = "") -> Answer:
    knowledge = Knowledge(build_index(ALL), np.eye(len(ALL), dtype=np.float32), range(len(ALL)))
    return knowledge.answer(said, meaning=meaning(*alike), asked=asked)


def test_a_question_in_other_words_is_answered_by_its_meaning() -> None:
    """No word of it stands in the file."""
    assert by_meaning("Anybody there at the weekend's end?", 0.75, 0.5, 0, 0, 0) == Verbatim(SUNDAY)


def test_words_decide_between_meanings_that_are_close() -> None:
    """Names mean little to a sentence encoder."""
    assert by_meaning("What is the price of Pro?", 0, 0, 0.68, 0.6, 0) == Verbatim(PRO)


def test_of_two_that_are_alike_the_first_of_the_file_answers() -> None:
    """So an operator can put the general before the special."""
    assert by_meaning("xyzzy", 0.75, 0.76, 0, 0, 0) == Verbatim(SUNDAY)


def test_what_means_nothing_like_it_is_not_known() -> None:
    """Though a word of it is there."""
    assert by_meaning("Is there a dog at the price of Paris, London, Madrid?", 0.1, 0.1, 0.3, 0.3, 0.2) == NotKnown()


def test_a_fact_of_the_models_is_handed_to_it() -> None:
    """With what else may be meant."""
    found = by_meaning("Where can I leave my vehicle?", 0, 0, 0.1, 0.1, 0.6)
    assert found == MayBe((NOTE,))


def test_a_fact_that_is_only_somewhat_like_it_is_asked_back_for() -> None:
    """In its own question; then the next best, if it is nearly as much like it."""
    found = by_meaning("Anybody there on the Lord's day?", 0.5, 0.4, 0.1, 0, 0)
    assert found == DidYouMean((LikelyAnswer(SUNDAY, "are you open on Sunday"), LikelyAnswer(SATURDAY)))
    assert by_meaning("Anybody there on the Lord's day?", 0.5, 0.3, 0.1, 0, 0) == DidYouMean(
        (LikelyAnswer(SUNDAY, "are you open on Sunday"),)
    )


def test_a_word_that_no_fact_holds_makes_it_a_question_back() -> None:
    """ "The colour of the Basic plan" is about Basic, and its price is no answer; a number is no such word."""
    assert by_meaning("What colour is Basic?", 0, 0, 0.7, 0, 0) == DidYouMean(
        (LikelyAnswer(BASIC, "how much is Basic"),)
    )
    assert by_meaning("How much is Basic for 12?", 0, 0, 0.7, 0, 0) == Verbatim(BASIC)


def test_what_is_nearer_to_other_matters_is_not_known() -> None:
    """Callers ask any company for its fax number; unless the agent's own file tells it, nothing is asked back."""
    passages = (SUNDAY, SATURDAY, Passage("", "I am an automated assistant.", ("are you a robot",), verbatim=True))
    matter, own = (0, 0, 0, 1), (0, 0.8, 0, 0.6)  # the second is what is said of Saturday, near enough
    meanings = np.eye(4, dtype=np.float32)[:3]
    knowledge = Knowledge(build_index(passages), meanings, range(3), np.array([matter, own], np.float32))

    def asked(*alike: float) -> Answer:
        return knowledge.answer("xyzzy", meaning=meaning(*alike))

    assert isinstance(asked(0.5, 0, 0, 0.4), DidYouMean)
    assert asked(0.5, 0, 0, 0.6) == NotKnown()
    assert isinstance(asked(0, 0.5, 0, 0.4), DidYouMean)  # 0.64 like its own matter, which counts for nothing
    assert isinstance(asked(0, 0, 0.8, 0.7), Verbatim)
    assert asked(0, 0, 0.6, 0.61) == NotKnown()  # nor is it a courtesy
    assert not isinstance(asked(0.65, 0, 0.6, 0), Verbatim)  # nor where a fact is nearer


def test_the_question_back_is_the_one_that_is_nearest() -> None:
    """Of all that the answer lists: by its meaning, and by the words that they share."""
    passage = Passage("cancelling", "With notice.", ("what is the notice period", "I want to leave you"), verbatim=True)
    meanings = np.eye(4, dtype=np.float32)  # its subject, its answer, its two questions
    knowledge = Knowledge(build_index((passage,)), meanings, (0, 0, 0, 0))
    for alike, asks in (((0, 0, 0.3, 0.5), passage.asks[1]), ((0, 0, 0.5, 0.3), passage.asks[0])):
        assert knowledge.answer("xyzzy", meaning=meaning(*alike)) == DidYouMean((LikelyAnswer(passage, asks),))
    close = knowledge.answer("xyzzy notice", meaning=meaning(0, 0, 0.38, 0.4))
    assert close == DidYouMean((LikelyAnswer(passage, passage.asks[0]),))


def test_a_question_in_the_midst_of_much_else_is_found() -> None:
    """A clause that is plainly about a fact is answered; courtesies beside it are not what is asked."""
    thanks = Passage("", "You're welcome.", ("thank you",), verbatim=True)
    knowledge = Knowledge(build_index((*ALL, thanks)), np.eye(6, dtype=np.float32), range(6))

    def found(*clauses: tuple[str, float, int]) -> Answer:
        parts = [Clause(words, np.eye(6, dtype=np.float32)[at] * np.float32(alike)) for words, alike, at in clauses]
        return knowledge.answer("long xyzzy", meaning=meaning(0.2, 0, 0, 0, 0, 0), clauses=parts)

    assert found(("I work all week", 0.3, 1), ("is it open on Sunday", 0.8, 0)) == Verbatim(SUNDAY)
    assert found(("I thank you so much", 0.9, 5)) == NotKnown()
    assert found(("somebody there on the Lord's day", 0.6, 0)) == DidYouMean(
        (LikelyAnswer(SUNDAY, "are you open on Sunday"),)
    )


@pytest.mark.parametrize(
    ("said", "clauses"),
    [
        ("Are you open on Sunday?", []),
        ("I am on a pension. What is the least I could pay?", ["I am on a pension.", "What is the least I could pay?"]),
        ("say i went elsewhere would i have to tell you", ["say i went elsewhere", "would i have to tell you"]),
        ("Well, thanks, so how much is it?", ["Well thanks so how much is it?"][:0]),
    ],
)
def test_a_long_question_has_clauses(said: str, clauses: list[str]) -> None:
    """Of four words at the least, found without punctuation too."""
    assert clauses_of(said) == clauses


def test_words_alone_tell_the_general_from_the_special_where_it_is_asked_so() -> None:
    """ "Opening hours" is not "opening hours on Saturday", whatever they share."""
    hours = Passage("opening hours", "From nine to six.", ("when are you open",), verbatim=True)
    knowledge = Knowledge(build_index((hours, SATURDAY, SUNDAY)))
    assert knowledge.answer("What are your opening hours?") == Verbatim(hours)
    assert knowledge.answer("What are your opening hours on Saturday?") == Verbatim(SATURDAY)


@given(st.text(max_size=120), st.text(max_size=40))
def test_no_words_of_a_callers_are_query_language(said: str, asked: str) -> None:
    """Quotation marks, operators, column names, NULs: an answer, never an error."""
    for text in (said, f'about: "{said}" OR * NEAR({said}', f"{said}\0NOT"):
        assert isinstance(known(text, asked), Verbatim | NotKnown | MayBe | DidYouMean)


def test_one_passage_is_found_among_five_thousand() -> None:
    """By a word that it alone holds."""
    index = build_index([Passage(f"subject {n}", f"word{n} stands here among {n % 7} others") for n in range(5000)])
    assert index.size == 5000
    assert index.find(("word4711",))[0].number == 4711


def test_a_python_without_full_text_search_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback from SQLite."""

    class Bare:
        def executescript(self, sql: str) -> None:
            raise sqlite3.OperationalError("no such module: fts5")

        def close(self) -> None: ...

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: Bare())
    with pytest.raises(ConfigError, match="FTS5"):
        build_index(())


def test_an_index_holds_what_was_put_in() -> None:
    """In order, with its source."""
    index = build_index(ALL)
    assert [index.passage(number) for number in range(index.size)] == list(ALL)
    with pytest.raises(IndexError):
        index.passage(index.size)
    assert isinstance(index, PassageIndex)
    assert index.find(content_words("Sunday"))[0].passage == SUNDAY
