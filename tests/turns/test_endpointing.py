"""When is a caller's turn over? The weighing, the words, what was asked, and the caller's own pace."""

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.turns.endpointing import (
    FROM,
    WEIGHTS,
    Asked,
    CallerPace,
    Evidence,
    Profile,
    WordEvidence,
    bare,
    expects,
    score,
    silence,
    wait,
    words_evidence,
)

PROFILES: list[Profile] = ["fast", "balanced", "patient", "digits"]
chances = st.floats(0.0, 1.0)
words = st.builds(WordEvidence, count=st.integers(1, 30), digits=st.integers(0, 20)) | st.text(max_size=60).map(
    words_evidence
)
evidence = st.builds(
    Evidence,
    turn=st.none() | chances,
    words=st.none() | words,
    asked=st.sampled_from(["open", "yes_no", "digits", "name"]),
    wanted=st.none() | st.integers(1, 16),
    spoken=st.none() | st.floats(0.1, 27.0),
    pace=st.none() | st.floats(FROM, 3.0),
    ends=st.none() | st.floats(-10.0, 10.0),
)


@given(evidence, st.sampled_from(PROFILES))
def test_every_wait_has_an_end(known: Evidence, profile: Profile) -> None:
    """Whatever is known or not, the silence time-out of the profile is the most that is waited."""
    assert FROM <= wait(known, profile) <= WEIGHTS.profiles[profile].longest


@given(evidence, chances, chances, st.sampled_from(PROFILES))
def test_a_turn_that_sounds_more_finished_never_waits_longer(
    known: Evidence, one: float, other: float, profile: Profile
) -> None:
    """The turn model's word counts in one direction."""
    less, more = (msgspec.structs.replace(known, turn=turn) for turn in sorted((one, other)))
    assert wait(more, profile) <= wait(less, profile)


@given(evidence, words, st.floats(-10.0, 10.0), st.floats(-10.0, 10.0), st.sampled_from(PROFILES))
def test_words_that_may_end_more_likely_never_wait_longer(
    known: Evidence, said: WordEvidence, one: float, other: float, profile: Profile
) -> None:
    """The language model's opinion counts in one direction, and nothing while the words are not known."""
    less, more = (msgspec.structs.replace(known, words=said, ends=ends) for ends in sorted((one, other)))
    assert wait(more, profile) <= wait(less, profile)
    unheard = [msgspec.structs.replace(known, words=None, ends=ends) for ends in (one, None)]
    assert wait(unheard[0], profile) == wait(unheard[1], profile)


@pytest.mark.parametrize(
    ("text", "plain"), [("I'd like to.", "I'd like to"), ("Well, um…", "Well, um"), ("Why?!", "Why"), (" ... ", "")]
)
def test_the_mark_at_the_end_is_taken_off(text: str, plain: str) -> None:
    """Whether a mark belongs there is what the language model is asked; marks inside stay."""
    assert bare(text) == plain


@given(evidence, words, st.sampled_from(["hangs", "leans", "filled", "trails"]), st.sampled_from(PROFILES))
def test_words_that_leave_a_sentence_open_never_wait_less(
    known: Evidence, said: WordEvidence, sign: str, profile: Profile
) -> None:
    """An "and", an "um" at the end: it can only become longer."""
    ended, open_still = (
        msgspec.structs.replace(known, words=msgspec.structs.replace(said, **{sign: value})) for value in (False, True)
    )
    assert wait(open_still, profile) >= wait(ended, profile)


@given(evidence, words, st.sampled_from(["stops", "asks", "answers"]), st.sampled_from(PROFILES))
def test_words_that_close_a_sentence_never_wait_longer(
    known: Evidence, said: WordEvidence, sign: str, profile: Profile
) -> None:
    """A full stop, a question, a plain answer: it can only become shorter."""
    without, with_it = (
        msgspec.structs.replace(known, words=msgspec.structs.replace(said, **{sign: value})) for value in (False, True)
    )
    assert wait(with_it, profile) <= wait(without, profile)


@given(evidence, st.floats(0.1, 100.0), st.floats(1.0, 10.0))
def test_the_dearer_a_cut_off_the_longer_the_wait(known: Evidence, price: float, times: float) -> None:
    """So profiles stand in the order of their prices."""
    assert silence(known, price, 3.0) <= silence(known, price * times, 3.0)


@given(evidence, st.floats(0.25, 1.0), st.floats(1.0, 3.0), st.floats(1.0, 50.0))
def test_the_wait_is_where_waiting_costs_least(known: Evidence, pace: float, price: float, late: float) -> None:
    """By the rule's own account: a little sooner or later costs as much or more."""
    at = msgspec.structs.replace(known, pace=pace, words=WordEvidence(count=3))
    odds, power = math.exp(score(at)), math.log(2) / math.log(pace / FROM)

    def cost(seconds: float) -> float:
        return float(odds * seconds + price * late * (FROM / seconds) ** power)

    best = silence(at, price * late, 3.0)
    if FROM < best < 3.0:
        assert cost(best) <= cost(best * 1.02) + 1e-9
        assert cost(best) <= cost(best / 1.02) + 1e-9


def test_profiles_wait_longer_from_fast_to_patient() -> None:
    """Before anything is known they already differ."""
    waits = [wait(Evidence(turn=0.5), profile) for profile in ("fast", "balanced", "patient")]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


@pytest.mark.parametrize(
    "text", ["I'd like to change the", "My number is.", "I tried, but", "Send it to the, um.", "And then..."]
)
def test_an_unfinished_sentence_waits_longer_than_a_finished_one(text: str) -> None:
    """The recogniser's full stop does not make a sentence of half of one."""
    finished = Evidence(turn=0.9, words=words_evidence("I'd like to change my address."))
    unfinished = Evidence(turn=0.9, words=words_evidence(text))
    assert wait(unfinished, "balanced") > wait(finished, "balanced") + 0.1


def test_a_code_of_six_digits_is_waited_for() -> None:
    """After four the caller is given time; after six the answer comes soon."""
    asked, wanted = expects("Please tell me the six-digit code.")
    four, six = (
        Evidence(turn=0.9, words=words_evidence(text), asked=asked, wanted=wanted) for text in ("47 11.", "47 11 05.")
    )
    assert (asked, wanted) == ("digits", 6)
    assert wait(four, "balanced") > wait(six, "balanced") + 0.2


def test_a_plain_yes_to_a_question_for_yes_or_no_is_answered_soonest() -> None:
    """Nothing more was asked for."""
    yes = words_evidence("Yes, please.")
    assert wait(Evidence(turn=0.9, words=yes, asked="yes_no"), "balanced") <= wait(
        Evidence(turn=0.9, words=yes), "balanced"
    )
    assert yes.answers
    assert not words_evidence("Yes, but not on Monday.").answers


@pytest.mark.parametrize(
    ("text", "digits", "dictating"),
    [
        ("It's 0 7 9 4", 4, True),
        ("seven double four", 3, True),
        ("My phone number is 168-047.", 6, True),
        ("Room 12, please.", 2, False),
        ("Yes.", 0, False),
    ],
)
def test_digits_are_counted(text: str, digits: int, dictating: bool) -> None:
    """Written in figures or words, and whether the last thing said was one."""
    said = words_evidence(text)
    assert (said.digits, said.dictating) == (digits, dictating)


@pytest.mark.parametrize("text", ["", "   ", "...", "¿?", "睡觉", "1" * 400, "’’’"])
def test_odd_transcripts_are_read_too(text: str) -> None:
    """The recogniser may write anything."""
    assert wait(Evidence(words=words_evidence(text)), "balanced") > 0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is your account number?", ("digits", None)),
        ("Thank you. Could you give me your phone number?", ("digits", 10)),
        ("What are the last four digits of the card?", ("digits", 4)),
        ("We sent you a code of 6 digits. Can you read it to me?", ("digits", 6)),
        ("Your order number is 5. Anything else?", ("open", None)),
        ("Is this the best number to reach you?", ("yes_no", None)),
        ("Okay, would you like me to book it?", ("yes_no", None)),
        ("Can I have your name, please?", ("name", None)),
        ("Who am I speaking with?", ("name", None)),
        ("How can I help you?", ("open", None)),
        ("", ("open", None)),
    ],
)
def test_the_agents_question_says_what_to_expect(question: str, expected: tuple[Asked, int | None]) -> None:
    """From its words alone."""
    assert expects(question) == expected


def test_a_slow_caller_is_given_more_time() -> None:
    """After a few long pauses the same evidence waits longer, after a few short ones less."""
    slow, quick = CallerPace(), CallerPace()
    assert slow.usual is None
    for _ in range(4):
        slow.paused(1.4)
        quick.paused(0.22)
        quick.paused(FROM / 2)  # a stop inside a word, no pause
    usual = Evidence(turn=0.6, words=words_evidence("I bought it last week."))
    waits = [wait(msgspec.structs.replace(usual, pace=pace), "balanced") for pace in (quick.usual, None, slow.usual)]
    assert waits == sorted(waits)
    assert waits[0] < waits[1] < waits[2]


def test_one_odd_pause_does_not_make_a_slow_caller() -> None:
    """What is known of everybody holds against it."""
    pace = CallerPace()
    pace.paused(2.5)
    assert pace.usual is not None
    assert pace.usual < 0.8


def test_the_file_says_what_every_weight_is() -> None:
    """Every weight in the file is one that is weighed, and no list is empty."""
    names = {name for said in ("", "5", "no one", "yes") for name in _names(said)}
    assert set(WEIGHTS.odds) <= names
    assert all(getattr(WEIGHTS.words, name) for name in WEIGHTS.words.__struct_fields__)
    assert (Path(__file__).parents[2] / "src" / "lineside" / "turns" / "data" / "end_of_turn.toml").is_file()


def _names(said: str) -> set[str]:
    from lineside.turns.endpointing import signs

    asked: tuple[Asked, ...] = ("open", "yes_no", "digits", "name")
    return {
        name
        for each in asked
        for known in (
            Evidence(asked=each),
            Evidence(turn=0.5, asked=each),
            Evidence(turn=0.5, asked=each, clear=5.0),
            Evidence(turn=0.5, words=words_evidence("one two three"), asked=each),
            Evidence(turn=0.5, words=words_evidence(said), asked=each, wanted=3),
            Evidence(turn=0.5, words=words_evidence("one two three"), ends=0.0, asked=each),
            Evidence(turn=0.5, words=words_evidence("one"), ends=0.0, asked=each),
        )
        for name in signs(known)
    }
